/** The scale bar, whose length is a round number. */

import type { Axis } from "./multiscale";

const METRES: Record<string, number> = {
  angstrom: 1e-10,
  picometer: 1e-12,
  nanometer: 1e-9,
  micrometer: 1e-6,
  millimeter: 1e-3,
  centimeter: 1e-2,
  meter: 1,
  kilometer: 1e3,
};
/** Spellings of CF and of files for those of OME-NGFF. */
const SPELLINGS: Record<string, string> = { pm: "picometer", nm: "nanometer", um: "micrometer", µm: "micrometer", μm: "micrometer", micron: "micrometer", mm: "millimeter", cm: "centimeter", m: "meter", km: "kilometer" };
/** By how much of its size a step between coordinates may differ from their mean, as 32-bit floats do. */
const UNEVEN = 1e-3;
/** CF's spellings of degrees to the north and to the east: https://cfconventions.org/cf-conventions/cf-conventions.html#latitude-coordinate */
const COMPASS = /^degrees?_?(n|e)(orth|ast)?$/i;
const PREFIXES: [number, string][] = [
  [1e3, "km"],
  [1, "m"],
  [1e-3, "mm"],
  [1e-6, "µm"],
  [1e-9, "nm"],
  [1e-12, "pm"],
];
/** What CF has in the units of times, also of calendars that we do not know. */
const SINCE = / since /i;
const WIDEST = 140;

/**
 * The width of a scale bar in pixels of the page, and its text.
 *
 * A pixel of the page is `size` long, in `unit`.
 */
export function scaleBar(size: number, unit: string): { width: number; text: string } {
  const length = roundBelow(WIDEST * size);
  return { width: length / size, text: lengthText(length, unit) };
}

/**
 * The size of a pixel of level 0 along an axis that no metadata place; null if a bar would be wrong.
 *
 * Coordinates with a unit that are evenly apart give it; times, and coordinates that are unevenly
 * apart, give none. Without coordinates, or a unit of theirs, it counts pixels.
 */
export function lengthOf({ dimension }: Axis): { size: number; unit: string } | null {
  if (!dimension || (!dimension.unit && !dimension.marks)) return { size: 1, unit: "pixels" };
  const { values, unit } = dimension;
  const mean = ((values.at(-1) ?? 0) - (values[0] ?? 0)) / (values.length - 1);
  const isEven = values.every((value, i) => i === 0 || Math.abs(value - (values[i - 1] as number) - mean) <= Math.abs(mean) * UNEVEN);
  return isEven && !dimension.marks && !SINCE.test(unit) ? { size: Math.abs(mean), unit } : null;
}

/** The usual symbol of a unit of OME-NGFF or CF, such as µm or °N; the unit itself if we know none. */
export function symbolOf(unit: string): string {
  const metres = METRES[spelled(unit)];
  const compass = COMPASS.exec(unit)?.[1];
  if (compass) return `°${compass.toUpperCase()}`;
  return { second: "s", millisecond: "ms", minute: "min", hour: "h", degree: "°", degrees: "°", angstrom: "Å", centimeter: "cm" }[unit] ?? PREFIXES.find(([one]) => one === metres)?.[1] ?? unit;
}

/** The largest number, 1, 2 or 5 times a power of ten, that is at most `length`. */
function roundBelow(length: number): number {
  const power = 10 ** Math.floor(Math.log10(length));
  return power * ([5, 2].find((digit) => digit * power <= length) ?? 1);
}

function lengthText(length: number, unit: string): string {
  const metres = METRES[spelled(unit)];
  if (COMPASS.test(unit) || symbolOf(unit) === "°") return `${format(length)}°`;
  if (metres === undefined) return `${format(length)} ${symbolOf(unit)}`;
  const [one, symbol] = PREFIXES.find(([least]) => length * metres >= least * 0.999) ?? [1e-12, "pm"];
  return `${format((length * metres) / one)} ${symbol}`;
}

/** A unit as OME-NGFF spells it, if it is a length. */
function spelled(unit: string): string {
  return SPELLINGS[unit] ?? unit.toLowerCase().replace(/s$/, "").replace(/metre$/, "meter");
}

function format(value: number): string {
  return Number(value.toPrecision(3)).toString();
}
