/**
 * Ticks of axes of time: whole days, hours or seconds, as ISO 8601 with the digits that they need.
 *
 * H5Web knows axes by their labels alone. One that ends in "(days since 2024-02-28)" is an axis of
 * time: https://cfconventions.org/cf-conventions/cf-conventions.html#time-coordinate
 */

import { utcTicks } from "d3-time";

import { instant } from "./times";

/** Places of an axis that are marked, and the texts beside them. */
export interface Ticks {
  values: number[];
  format: (value: number) => string;
}

/** What we add to the configuration of an axis of H5Web. */
export interface Axis {
  label?: string;
  /** The ticks of an axis whose texts are not its numbers. */
  ticks?: (domain: [number, number], count: number) => Ticks | null;
}

interface Clock {
  /** The name of the axis, without its unit. */
  title: string;
  /** The instant that 0 stands for, in nanoseconds since 1970. */
  zero: bigint;
  /** The length of a unit in nanoseconds. */
  unit: number;
}

const NAMES: [name: RegExp, nanoseconds: number][] = [
  [/^d(ays?)?$/, 864e11],
  [/^h(ours?|rs?)?$/, 36e11],
  [/^min(utes?|s)?$/, 6e10],
  [/^s(ec(ond)?s?)?$/, 1e9],
  [/^(milliseconds?|ms|msecs?)$/, 1e6],
  [/^(microseconds?|us)$/, 1e3],
  [/^(nanoseconds?|ns)$/, 1],
];
const LABEL = /^(.*) \((\w+) since (-?\d{1,4})-(\d{1,2})-(\d{1,2})(?:[T ]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9})\d*)?)?)?\s*(?:Z|UTC|\+?00:?00)?\)$/;
/** The first year for which the Gregorian and the mixed calendar of CF agree. */
const GREGORIAN = 1583;
const ZERO = "-01-01T00:00:00.000000000";
/** Characters of a text behind the year, of which one is shown as far as the first that says all. */
const DIGITS = [0, 3, 6, 12, 15, 19, 22, 25];
const OF_A_DATE = 2;
/** Nanoseconds in a millisecond, the finest that a Date has. */
const MILLI = 1e6;
/** Nanoseconds that a Date may be from 1970. NaN and what is further away stay numbers. */
const MOST = 8.64e21;
/** How much wider a time is than the numbers for which H5Web counts ticks. */
const WIDER = 1.5;

/** The ticks of an axis, if it has others than H5Web gives it; `isWide` if their texts stand side by side. */
export function ticksOf(axis: Axis, domain: [number, number], count: number, isWide: boolean): Ticks | null {
  const room = isWide ? Math.max(2, Math.floor(count / WIDER)) : count;
  if (axis.ticks) return axis.ticks(domain, room);
  return ticksOfTime(axis.label, domain, room);
}

/** About `count` ticks of an axis with a label of time; null for any other label. */
export function ticksOfTime(label: string | undefined, domain: [number, number], count: number): Ticks | null {
  const clock = clockOf(label);
  return clock && ofClock(clock, domain, count);
}

/** Whether a label is one of time. */
export function isOfTime(label: string | undefined): boolean {
  return clockOf(label) !== null;
}

/** A label without a unit that the texts of the ticks make needless. */
export function titleOf(label: string | undefined): string | undefined {
  return clockOf(label)?.title ?? label;
}

/** The text of a place on an axis, in a tooltip. */
export function placeOf(label: string | undefined, value: number, plain: (value: number) => string): string {
  const clock = clockOf(label);
  return clock && Math.abs(value * clock.unit) < MOST ? cut([text(clock, value)], OF_A_DATE)[0]! : plain(value);
}

function clockOf(label: string | undefined): Clock | null {
  const [, title = "", name = "", year, month, day, hour = 0, minute = 0, second = 0, fraction = ""] = LABEL.exec(label ?? "") ?? [];
  const unit = NAMES.find(([pattern]) => pattern.test(name.toLowerCase()))?.[1];
  if (!unit || Number(year) < GREGORIAN) return null;
  const seconds = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)) / 1000;
  return { title, unit, zero: BigInt(seconds) * 10n ** 9n + BigInt(fraction.padEnd(9, "0")) };
}

function ofClock(clock: Clock, domain: [number, number], count: number): Ticks {
  const [start, stop] = domain[0] < domain[1] ? domain : [domain[1], domain[0]];
  const zero = Number(clock.zero) / MILLI;
  const at = (value: number): number => zero + (value * clock.unit) / MILLI;
  const dates = utcTicks(new Date(at(start)), new Date(at(stop)), count);
  const isFine = at(stop) - at(start) < 10 * count;
  const values = isFine ? round(start, stop, count, clock) : dates.map((date) => Number(BigInt(date.getTime()) * BigInt(MILLI) - clock.zero) / clock.unit);
  const texts = new Map(cut(values.map((value) => text(clock, value))).map((said, i) => [values[i], said]));
  return { values, format: (value) => texts.get(value) ?? "" };
}

/** Values that are 1, 2 or 5 times a power of ten of nanoseconds apart. */
function round(start: number, stop: number, count: number, { unit }: Clock): number[] {
  const least = ((stop - start) * unit) / count;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = Math.max(1, ([1, 2, 5].find((times) => times * power >= least) ?? 10) * power) / unit;
  const first = Math.ceil(start / step);
  return Array.from({ length: Math.floor(stop / step) - first + 1 }, (_, i) => (first + i) * step);
}

/** An instant with all its digits; those that a float cannot hold are rounded away. */
function text({ zero, unit }: Clock, value: number): string {
  const nanoseconds = value * unit;
  const noise = 10 ** Math.max(0, Math.ceil(Math.log10(Math.abs(nanoseconds) * 2 ** -50 || 1)));
  return instant(zero + BigInt(Math.round(nanoseconds / noise)) * BigInt(noise), { unit: "ns", scale_factor: 1 });
}

/** Texts without the digits that are zero in all of them, but with `least` of the steps in DIGITS. */
function cut(texts: string[], least = 0): string[] {
  const length = DIGITS.slice(least).find((digits) => texts.every((said) => said.endsWith(ZERO.slice(digits)))) ?? ZERO.length;
  return texts.map((said) => said.slice(0, said.length - ZERO.length + length));
}
