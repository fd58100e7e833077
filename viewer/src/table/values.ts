/** Values as text, exact: an integer with all its digits, a float with as few as name it alone. */

import type { Block, Facts, Item } from "./column";

const DIGITS: Record<string, number> = {
  seconds: 0,
  milliseconds: 3,
  microseconds: 6,
  nanoseconds: 9,
  picoseconds: 12,
  femtoseconds: 15,
  attoseconds: 18,
};
const MINUTES: Record<string, bigint> = { days: 1440n, hours: 60n, minutes: 1n };

export interface Cell {
  text: string;
  isMissing: boolean;
}

/** The cell of a row that is in a block. */
export function cellOf(facts: Facts, block: Block, row: number): Cell {
  const at = (row - block.start) * block.width;
  if (facts.kind === "bytes") return { text: ofBytes(block.data as ArrayLike<number>, at, block.width), isMissing: false };
  const item = block.data[at] as Item;
  if (facts.kind === "complex") return ofComplex(facts, item as number, block.data[at + 1] as number);
  const missing = facts.missing(item);
  return missing ? { text: missing, isMissing: true } : { text: textOf(facts, item), isMissing: false };
}

/** The text of a value that is not missing. */
export function textOf(facts: Facts, item: Item): string {
  switch (facts.kind) {
    case "boolean":
      return item ? "true" : "false";
    case "time":
      return isoOf(item as bigint, facts.counts);
    case "span":
      return `${item} ${facts.counts}`;
    case "float":
      return floatOf(item as number, facts.array.dtype);
    default:
      return String(item);
  }
}

function ofComplex(facts: Facts, real: number, imaginary: number): Cell {
  const [a, b] = [real, imaginary].map((part) => floatOf(part, facts.array.dtype)) as [string, string];
  return { text: `${a}${b.startsWith("-") ? "" : "+"}${b}i`, isMissing: Number.isNaN(real) || Number.isNaN(imaginary) };
}

/** Bytes as text in UTF-8, without the zeros at their end. */
function ofBytes(data: ArrayLike<number>, start: number, width: number): string {
  let stop = start + width;
  while (stop > start && data[stop - 1] === 0) stop--;
  return new TextDecoder().decode(Uint8Array.from({ length: stop - start }, (_, i) => data[start + i] as number));
}

/** The shortest text that is read as the same float of this type. */
export function floatOf(value: number, dtype: string): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0";
  if (dtype === "float64") return String(value);
  const [rounded, most] = dtype === "float32" ? [Math.fround, 9] : [half, 5];
  for (let digits = 1; digits < most; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (rounded(shorter) === value) return String(shorter);
  }
  return String(Number(value.toPrecision(most)));
}

/** The nearest float16. Where a browser has none, zarrita has not read any either. */
function half(value: number): number {
  const { Float16Array: Halves } = globalThis as unknown as { Float16Array: Float32ArrayConstructor };
  return new Halves([value])[0] as number;
}

/** A time since 1970 in ISO 8601, with the digits of its unit. Its years are those of numpy, which has a year 0. */
export function isoOf(count: bigint, unit: string): string {
  const digits = DIGITS[unit];
  const perMinute = digits === undefined ? 1n : 60n * 10n ** BigInt(digits);
  const minutes = digits === undefined ? count * (MINUTES[unit] ?? 1n) : floorDivide(count, perMinute);
  const days = floorDivide(minutes, 1440n);
  if (unit === "days") return dateOf(days);
  const minute = Number(minutes - days * 1440n);
  const clock = `${dateOf(days)}T${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
  if (digits === undefined) return clock;
  const text = String(count - minutes * perMinute).padStart(2 + digits, "0");
  return digits === 0 ? `${clock}:${text}` : `${clock}:${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/**
 * The date of a day since 1970 in the Gregorian calendar, also before it was introduced.
 *
 * We count from 1 March of year 0, so that the day which leap years add is the last of a year, in
 * eras of 400 years, which have 146,097 days each: https://howardhinnant.github.io/date_algorithms.html
 */
function dateOf(day: bigint): string {
  const since = day + 719_468n;
  const era = floorDivide(since, 146_097n);
  const dayOfEra = Number(since - era * 146_097n);
  const year = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const march = Math.floor((5 * dayOfYear + 2) / 153);
  const month = march < 10 ? march + 3 : march - 9;
  const full = era * 400n + BigInt(year) + (month <= 2 ? 1n : 0n);
  const [sign, size] = full < 0n ? ["-", -full] : ["", full];
  return `${sign}${String(size).padStart(4, "0")}-${two(month)}-${two(dayOfYear - Math.floor((153 * march + 2) / 5) + 1)}`;
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
