/**
 * Times on the axes of plots, as ISO 8601.
 *
 * H5Web has numbers there, and a label such as "time (days since 2024-03-01)", as CF spells units of
 * time: https://cfconventions.org/cf-conventions/cf-conventions.html#time-coordinate
 */

import { instant } from "./times";

/** Microseconds of each unit of CF that has a fixed length. */
const LENGTHS: [names: RegExp, microseconds: number][] = [
  [/^(days?|d)$/i, 86_400e6],
  [/^(hours?|hrs?|h)$/i, 3600e6],
  [/^(minutes?|mins?)$/i, 60e6],
  [/^(seconds?|secs?|s)$/i, 1e6],
  [/^(milliseconds?|msecs?|ms)$/i, 1e3],
  [/^(microseconds?|us)$/i, 1],
];
const LABEL = /^(.*?)\s*\(?\b([a-z]+) since (\d{4})-(\d\d?)-(\d\d?)(?:[T ](\d\d?)(?::(\d\d?)(?::(\d\d?)(\.\d*)?)?)?)?\s*(?:Z|UTC|\+00:?00)?\)?$/i;
/** Before it, CF's standard calendar has the years of Julius Caesar. */
const FIRST_YEAR = 1583;
/** Calendars of CF that have the days of ISO 8601 from that year on. */
const OUR_CALENDARS = ["standard", "gregorian", "proleptic_gregorian"];
const MOST_DIGITS = 15;
const [SECOND, MINUTE, HOUR, DAY] = [1e6, 60e6, 3600e6, 86_400e6];
const MONTH = 28 * DAY;
const YEAR = 365 * DAY;
/** Distances between ticks, in microseconds; above a day they are months and years. */
const STEPS = [
  ...[0, 1, 2, 3, 4, 5].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power)),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 7, 14].map((count) => count * DAY),
];
const MONTHS = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 6000];
/** Pixels of a character of a tick, between two ticks, and between those on top of each other. */
const [CHARACTER, BETWEEN, ABOVE] = [7, 24, 40];

interface Clock {
  name: string;
  /** Microseconds from 1970 to 0 on the axis, and from there to 1. */
  origin: number;
  length: number;
}

export interface Ticks {
  label: string;
  values: number[];
  format: (value: number) => string;
}

/** The ticks of an axis of times, `size` pixels long; null if its label names no time. */
export function timeTicks(label: string | undefined, [from, to]: [number, number], size: number, isAbscissa: boolean): Ticks | null {
  const clock = clockOf(label);
  if (!clock) return null;
  const [first, last] = [from, to].map((value) => clock.origin + value * clock.length).sort((a, b) => a - b) as [number, number];
  const fits = (step: number): boolean =>
    (last - first) / step <= size / (isAbscissa ? CHARACTER * digitsOf(step) + BETWEEN : ABOVE);
  const step = STEPS.find(fits);
  const months = MONTHS.find((count) => fits(count < 12 ? count * MONTH : (count / 12) * YEAR)) ?? (MONTHS.at(-1) as number);
  const digits = digitsOf(step ?? (months < 12 ? MONTH : YEAR));
  const times = step ? multiples(first, last, step) : firsts(first, last, months);
  return {
    label: clock.name,
    values: times.map((time) => (time - clock.origin) / clock.length),
    format: (value) => iso(clock, value).slice(0, digits),
  };
}

/** A place on an axis as text: "time = 2024-03-01T12:00", or what `number` makes of the value. */
export function placeText(label: string, value: number, number: (value: number) => string, equals: string): string {
  const clock = clockOf(label);
  return clock ? `${clock.name}${equals}${short(iso(clock, value))}` : `${label}${equals}${number(value)}`;
}

/** A value of an axis as text: a time, or a number; with the digits that tell values apart which lie `step` from each other, or all. */
export function axisText(label: string, value: number, step: number): string {
  const clock = clockOf(label);
  if (!Number.isFinite(value)) return "";
  if (clock) return step ? iso(clock, value).slice(0, digitsOf(step * clock.length)) : short(iso(clock, value));
  const digits = step ? Math.ceil(Math.log10(Math.abs(value) / step)) + 1 : MOST_DIGITS;
  return String(Number(value.toPrecision(Math.min(Math.max(digits, 1), MOST_DIGITS))));
}

/** The unit of an axis, which is a time only if the calendar has the days of ISO 8601. */
export function axisUnit(units: string, calendar: unknown = "standard"): string {
  const isOurs = !/ since /.test(units) || OUR_CALENDARS.includes(String(calendar));
  return isOurs ? units : `${units}, ${calendar} calendar`;
}

/** What stands beside an axis: of times, their ticks say the unit. */
export function axisName(label: string): string {
  return clockOf(label)?.name ?? label;
}

/** Whether an axis has times: their ticks take more room. */
export function isTime(label: string | undefined): boolean {
  return clockOf(label) !== null;
}

function clockOf(label: string | undefined): Clock | null {
  const [, name = "", unit = "", ...parts] = LABEL.exec(label ?? "") ?? [];
  const length = LENGTHS.find(([names]) => names.test(unit))?.[1];
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0, fraction = 0] = parts.map((part) => Number(part ?? 0));
  if (!length || year < FIRST_YEAR) return null;
  const origin = Date.UTC(year, month - 1, day, hour, minute, second) * 1000 + Math.round(fraction * SECOND);
  return { name: name || "time", origin, length };
}

function iso({ origin, length }: Clock, value: number): string {
  const microseconds = Math.round(origin + value * length);
  return Number.isFinite(microseconds) ? instant(BigInt(microseconds), { unit: "us", scale_factor: 1 }) : "NaT";
}

/** The characters of ISO 8601 that tell times apart which lie `step` microseconds from each other. */
function digitsOf(step: number): number {
  if (step >= DAY) return step >= YEAR ? 4 : step >= MONTH ? 7 : 10;
  if (step >= SECOND) return step >= MINUTE ? 16 : 19;
  return 20 + Math.ceil(6 - Math.log10(step) - 1e-9);
}

/** Without a time of day at midnight, and without seconds that are 0. */
function short(text: string): string {
  const [date = "", clock = ""] = text.split("T");
  const trimmed = clock.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "").replace(/^(\d\d:\d\d):00$/, "$1");
  return date === "" ? text : trimmed === "" || trimmed === "00:00" ? date : `${date}T${trimmed}`;
}

function multiples(first: number, last: number, step: number): number[] {
  const start = Math.ceil(first / step);
  return Array.from({ length: Math.max(0, Math.floor(last / step) - start + 1) }, (_, i) => (start + i) * step);
}

/** The first days of every so many months. */
function firsts(first: number, last: number, months: number): number[] {
  const at = (count: number): number => Date.UTC(1970, count * months, 1) * 1000;
  const near = Math.floor(first / (30.436875 * DAY * months)) - 1;
  const count = Math.ceil((last - first) / (MONTH * months)) + 4;
  return Array.from({ length: count }, (_, i) => at(near + i)).filter((time) => time >= first && time <= last);
}
