/** Times: counts of a unit since 1970, and their text in ISO 8601. */

const DIGITS: Record<string, number> = {
  seconds: 0,
  milliseconds: 3,
  microseconds: 6,
  nanoseconds: 9,
  picoseconds: 12,
  femtoseconds: 15,
  attoseconds: 18,
};
/** The minutes of the units that have no smaller part. */
const MINUTES: Record<string, bigint> = { days: 1440n, hours: 60n, minutes: 1n };

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
export function dateOf(day: bigint): string {
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

const ISO = /^(-?\d{4,})-(\d\d)(?:-(\d\d))?(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?(?:Z|([+-])(\d\d):?(\d\d))?$/;

/**
 * The count of a unit since 1970 for a time in ISO 8601; in UTC, if it names no zone.
 *
 * Digits that the unit does not have are dropped. Throws if the text is not a time. `Date.parse`
 * takes much else, such as "12", for a time of the browser's zone.
 */
export function timeOf(text: string, unit: string): bigint {
  const [, year = "", month = "", day = "01", hour = "00", minute = "00", second = "00", fraction = "", sign = "+", aside = "00", asideMinutes = "00"] = ISO.exec(text) ?? [];
  const date = year && dayOf(BigInt(year), Number(month), Number(day));
  const isClock = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
  if (!date || !isClock || !dateOf(date).endsWith(`-${month}-${day}`)) throw new Error(`“${text}” is not a time. Write one as 2024-05-31 or 2024-05-31T12:30:00.`);
  const minutes = date * 1440n + BigInt(Number(hour) * 60 + Number(minute) - Number(`${sign}1`) * (Number(aside) * 60 + Number(asideMinutes)));
  const digits = DIGITS[unit];
  if (digits === undefined) return floorDivide(minutes, MINUTES[unit] ?? 1n);
  return (minutes * 60n + BigInt(second)) * 10n ** BigInt(digits) + BigInt(fraction.slice(0, digits).padEnd(digits, "0") || "0");
}

/** The day since 1970 of a date; the inverse of `dateOf`. */
function dayOf(year: bigint, month: number, day: number): bigint {
  const march = (month + 9) % 12;
  const since = year - (march > 9 ? 1n : 0n);
  const era = floorDivide(since, 400n);
  const yearOfEra = since - era * 400n;
  const dayOfYear = BigInt(Math.floor((153 * march + 2) / 5) + day - 1);
  return era * 146_097n + yearOfEra * 365n + yearOfEra / 4n - yearOfEra / 100n + dayOfYear - 719_468n;
}
