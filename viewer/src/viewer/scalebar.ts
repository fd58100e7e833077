/** The scale bar, whose length is a round number. */

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

/** The usual symbol of a unit of OME-NGFF or CF, such as µm or °N; the unit itself if we know none. */
export function symbolOf(unit: string): string {
  const metres = METRES[unit];
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
  const metres = METRES[unit];
  if (metres === undefined) return `${format(length)} ${unit}`;
  const [one, symbol] = PREFIXES.find(([least]) => length * metres >= least * 0.999) ?? [1e-12, "pm"];
  return `${format((length * metres) / one)} ${symbol}`;
}

function format(value: number): string {
  return Number(value.toPrecision(3)).toString();
}
