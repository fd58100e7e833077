/** Times and spans of numpy as ISO 8601: https://numpy.org/doc/stable/reference/arrays.datetime.html */

import { dateOf } from "../common/times";

const NOT_A_TIME = -(2n ** 63n);
const DAY = 86_400n;
/** How many digits of a second each unit has; coarser ones have a length in seconds instead. */
const DIGITS: Record<string, number> = { s: 0, ms: 3, us: 6, ns: 9, ps: 12, fs: 15, as: 18 };
const SECONDS: Record<string, bigint> = { m: 60n, h: 3600n, D: DAY, W: 7n * DAY };

export interface Unit {
  unit: string;
  scale_factor: number;
}

/** "2024-02-29T12:00:00.500" for milliseconds: as many digits as the unit has. */
export function instant(count: bigint, { unit, scale_factor }: Unit): string {
  if (count === NOT_A_TIME) return "NaT";
  const units = count * BigInt(scale_factor);
  if (unit === "generic") return String(units);
  if (unit === "Y") return year(1970n + units);
  if (unit === "M") return `${year(1970n + floor(units, 12n))}-${two(modulo(units, 12n) + 1n)}`;
  const { seconds, fraction } = parts(units, unit);
  const date = dateOf(floor(seconds, DAY));
  const left = modulo(seconds, DAY);
  if (unit === "D" || unit === "W") return date;
  const clock = `${two(left / 3600n)}:${two((left / 60n) % 60n)}`;
  if (unit === "h") return `${date}T${two(left / 3600n)}`;
  return unit === "m" ? `${date}T${clock}` : `${date}T${clock}:${two(left % 60n)}${fraction && `.${fraction}`}`;
}

/** "P1DT2H0M0.5S", as pandas writes it: of a negative span only the days are negative. */
export function span(count: bigint, { unit, scale_factor }: Unit): string {
  if (count === NOT_A_TIME) return "NaT";
  const units = count * BigInt(scale_factor);
  if (unit === "generic") return String(units);
  if (unit === "Y" || unit === "M") return `P${units}${unit}`;
  const { seconds, fraction } = parts(units, unit);
  const left = modulo(seconds, DAY);
  const part = fraction.replace(/0+$/, "");
  return `P${floor(seconds, DAY)}DT${left / 3600n}H${(left / 60n) % 60n}M${left % 60n}${part && `.${part}`}S`;
}

/** How many seconds a unit lasts; null for years, months and plain numbers. */
export function secondsOf({ unit, scale_factor }: Unit): number | null {
  if (unit in SECONDS) return Number(SECONDS[unit]) * scale_factor;
  return unit in DIGITS ? scale_factor / 10 ** (DIGITS[unit] as number) : null;
}

function parts(units: bigint, unit: string): { seconds: bigint; fraction: string } {
  const length = SECONDS[unit];
  if (length) return { seconds: units * length, fraction: "" };
  const digits = DIGITS[unit] ?? 0;
  const one = 10n ** BigInt(digits);
  return { seconds: floor(units, one), fraction: digits ? String(modulo(units, one)).padStart(digits, "0") : "" };
}

function year(number: bigint): string {
  return number < 0n ? `-${String(-number).padStart(4, "0")}` : String(number).padStart(4, "0");
}

function two(number: bigint): string {
  return String(number).padStart(2, "0");
}

function floor(number: bigint, by: bigint): bigint {
  return (number - modulo(number, by)) / by;
}

function modulo(number: bigint, by: bigint): bigint {
  return ((number % by) + by) % by;
}
