/**
 * Coordinates that are times: their text in ISO 8601, and round times for rulers.
 *
 * CF counts them in a unit since a time: https://cfconventions.org/cf-conventions/cf-conventions.html#time-coordinate.
 * The server gives times of numpy so, as 64-bit integers since 1970.
 */

import { isoOf } from "../common/times";
import type { Marks } from "./coordinates";
import { ticks } from "./rulers";

/** Attoseconds of the units, of which numpy has no smaller one. */
const SECOND = 10n ** 18n;
const UNITS: Record<string, bigint> = {
  day: 86_400n * SECOND,
  hour: 3600n * SECOND,
  minute: 60n * SECOND,
  second: SECOND,
  millisecond: 10n ** 15n,
  microsecond: 10n ** 12n,
  nanosecond: 10n ** 9n,
  picosecond: 10n ** 6n,
  femtosecond: 1000n,
  attosecond: 1n,
};
const GREGORIAN = ["proleptic_gregorian", "standard", "gregorian"];
const COUNTED = /^\s*([a-z]+?)s? since (\d{4})-(\d\d?)-(\d\d?)(?:[T ](\d\d?):(\d\d?)(?::(\d\d?)(?:\.0*)?)?)?\s*(?:Z|UTC|\+0?0:?00)?\s*$/i;
const NOT_A_TIME = -(2n ** 63n);
const [MINUTE, HOUR, DAY, YEAR] = [60, 3600, 86_400, 31_556_952];
/** Seconds from one tick to the next, and months; below and above these are powers of ten. */
const STEPS = [1, 2, 5, 10, 15, 30, ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE), ...[1, 2, 3, 6, 12].map((n) => n * HOUR), DAY, 2 * DAY, 7 * DAY];
const MONTHS = [1, 2, 3, 6];

/** The times of a coordinate; null if it has none, or those of another calendar. */
export function instantsOf(counts: ArrayLike<number | bigint>, units: unknown, calendar: unknown = "standard"): Instants | null {
  const [, name = "", year, month, day, hour = 0, minute = 0, second = 0] = COUNTED.exec(String(units)) ?? [];
  const unit = UNITS[name.toLowerCase()];
  if (unit === undefined || !GREGORIAN.includes(String(calendar))) return null;
  const epoch = new Date(Date.UTC(2000, Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)));
  epoch.setUTCFullYear(Number(year));
  const since = BigInt(epoch.getTime()) * 10n ** 15n;
  const numbers = Array.from(counts);
  if (numbers.some((count) => count === NOT_A_TIME || !Number.isFinite(Number(count)))) return null;
  return new Instants(numbers.map((count) => since + (typeof count === "bigint" || Number.isInteger(count) ? BigInt(count) * unit : fraction(count, unit))));
}

export class Instants {
  /** Seconds since the midnight before the first time: 64-bit floats have nanoseconds of them for months. */
  readonly values: Float64Array;
  private readonly texts: string[];
  private readonly midnight: bigint;

  /** `times` count attoseconds since 1970. */
  constructor(times: bigint[]) {
    const [first = 0n] = times;
    const perDay = UNITS.day as bigint;
    this.midnight = first - (((first % perDay) + perDay) % perDay);
    this.values = Float64Array.from(times, (time) => Number(time - this.midnight) / 1e18);
    this.texts = isoTexts(times);
  }

  /** The time of a pixel, in as many digits as tell all times of the axis exactly. */
  text(pixel: number): string {
    return this.texts[pixel] ?? "";
  }

  /** Round times from `low` to `high`, at least `step` apart, all three in seconds. */
  marks(low: number, high: number, step: number): Marks {
    if (!(step > 0 && Number.isFinite(step) && high > low)) return { values: [], texts: [] };
    if (step <= 1) return this.marked(ticks(low, high, step), Math.min(18, Math.ceil(-Math.log10(step))));
    const fixed = STEPS.find((each) => each >= step * 0.999);
    if (fixed) {
      const start = fixed > DAY ? Number(this.midnight / SECOND) : 0;
      const first = Math.ceil((low + start) / fixed - 1e-9);
      const count = Math.max(0, Math.floor((high + start) / fixed + 1e-9) - first + 1);
      return this.marked(Array.from({ length: count }, (_, i) => (first + i) * fixed - start), 0);
    }
    return this.months(low, high, MONTHS.find((each) => each * (YEAR / 12) >= step * 0.999) ?? 12 * years(step / YEAR));
  }

  private marked(values: number[], decimals: number): Marks {
    const scale = 10 ** decimals;
    const times = values.map((value) => this.midnight + BigInt(Math.round(value * scale)) * (SECOND / BigInt(scale)));
    return { values, texts: isoTexts(times) };
  }

  /** The first days of each so many months, as 2024-01, or 2024 if these are whole years. */
  private months(low: number, high: number, step: number): Marks {
    const start = Number(this.midnight / SECOND);
    const [from, to] = [low + start, high + start].map((seconds) => new Date(seconds * 1000)) as [Date, Date];
    const [first, last] = [from, to].map((date) => (date.getUTCFullYear() * 12 + date.getUTCMonth()) / step) as [number, number];
    const found = Array.from({ length: Math.floor(last) - Math.floor(first) + 1 }, (_, i) => (Math.floor(first) + i) * step)
      .map((month) => new Date(0).setUTCFullYear(Math.floor(month / 12), month % 12, 1) / 1000 - start)
      .filter((seconds) => seconds >= low && seconds <= high);
    const { texts } = this.marked(found, 0);
    return { values: found, texts: texts.map((text) => text.slice(0, step % 12 === 0 ? -6 : -3)) };
  }
}

/** Times in ISO 8601, in as many digits as tell all of them. */
function isoTexts(times: bigint[]): string[] {
  const parts = times.map((time) => isoOf(time, "attoseconds").split("T") as [date: string, clock: string]);
  const digits = Math.max(0, ...parts.map(([, clock]) => clock.replace(/\.?0+$/, "").replace(/^(\d\d:\d\d):00$/, "$1").length));
  const isDate = parts.every(([, clock]) => /^[0:.]*$/.test(clock));
  return parts.map(([date, clock]) => (isDate ? date : `${date}T${clock.slice(0, digits)}`));
}

/** A count with a fraction, in attoseconds, to a microsecond: 64-bit floats have few more digits for days of this century. */
function fraction(count: number, unit: bigint): bigint {
  return BigInt(Math.round((count * Number(unit)) / 1e12)) * 10n ** 12n;
}

/** The least number of years, 1, 2 or 5 times a power of ten, that is at least `step`. */
function years(step: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, step)));
  return ([1, 2, 5].find((digit) => digit * power >= step * 0.999) ?? 10) * power;
}
