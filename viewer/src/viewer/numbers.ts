/** Numbers as text: values exactly, all others in as many digits as they need. */

/** Digits of a number that 64-bit floats keep through a product and a sum. */
const DOUBLE_DIGITS = 15;
/** Digits of scaled numbers below the step from one stored number to the next. */
const SPARE_DIGITS = 3;
/** Characters of a label up to which it needs no power of ten. */
const LONGEST = 7;
const EPSILON_32 = 2 ** -23;
const EPSILON_64 = Number.EPSILON;

/**
 * The shortest text that gives the number again in its type.
 *
 * JavaScript has only 64-bit floats, so that it writes the 32-bit float 0.1 as 0.10000000149011612.
 */
export function numberText(value: number | bigint, dtype: string): string {
  if (typeof value === "bigint" || !Number.isFinite(value)) return String(value);
  if (Object.is(value, -0)) return "-0";
  if (!/^float(16|32)$/.test(dtype)) return plain(value);
  const digits = [6, 7, 8].find((count) => Math.fround(Number(value.toPrecision(count))) === value) ?? 9;
  return plain(Number(value.toPrecision(digits)));
}

/**
 * A stored number after `number * scale + offset`, where `stored` is its text.
 *
 * If decimals have the result in 15 digits, it is exact: 2500 * 0.01 + 273.15 is 298.15. Else it has
 * three digits more than tell it from its neighbours, at most 15 of the larger term.
 */
export function scaledText(stored: string, dtype: string, scale: number, offset: number): string {
  const product = Number(stored) * scale;
  const value = product + offset;
  if (!Number.isFinite(value)) return plain(value);
  const most = DOUBLE_DIGITS - exponentOf(Math.max(Math.abs(product), Math.abs(offset), Math.abs(value))) - 1;
  const exact = Math.max(decimalsOf(stored) + decimalsOf(String(scale)), decimalsOf(String(offset)));
  const epsilon = dtype === "float64" ? EPSILON_64 : EPSILON_32;
  const step = /^float/.test(dtype) ? Math.abs(product || offset) * epsilon : Math.abs(scale);
  return plain(rounded(value, exact <= most ? exact : Math.min(most, SPARE_DIGITS - exponentOf(step))));
}

/** A number in at most `digits` digits, such as 12.5 or 1.8e19. */
export function short(value: number, digits = 6): string {
  return plain(Number(value.toPrecision(digits)), LONGEST);
}

/** Numbers in ascending order with as many digits as tell each from its neighbours, at least four. */
export function textsOf(values: number[]): string[] {
  const step = Math.min(...values.slice(1).map((value, i) => Math.abs(value - (values[i] as number))));
  return values.map((value) => {
    const digits = Math.ceil(Math.log10(Math.abs(value) / step)) + 1;
    return plain(Number(value.toPrecision(Math.min(Math.max(digits || 0, 4), 17))), LONGEST);
  });
}

/** A number as a field has it: an integer up to 2^53 or a 32-bit float exactly, all others in seven digits or one decimal. */
export function fieldText(value: number): string {
  if (Number.isSafeInteger(value) || Math.abs(value) === 2 ** 53) return String(value);
  if (Math.fround(value) === value) return numberText(value, "float32");
  return plain(Number(value.toPrecision(Math.min(17, Math.max(7, exponentOf(value) + 2)))));
}

/** All digits of a number; with a power of ten from 10 ** `longest` on, and if the text has more than `longest` characters and gets no longer so. */
function plain(value: number, longest = 17): string {
  const text = String(value).replace("e+", "e");
  const power = value.toExponential().replace("e+", "e");
  return text.length > longest && (power.length <= text.length || Math.abs(value) >= 10 ** longest) ? power : text;
}

/** The number rounded to some decimals; to tens and hundreds if they are negative. */
function rounded(value: number, decimals: number): number {
  if (decimals > 100) return Number(value.toPrecision(DOUBLE_DIGITS));
  return decimals >= 0 ? Number(value.toFixed(decimals)) : Number(value.toPrecision(Math.max(1, exponentOf(value) + 1 + decimals)));
}

/** The digits behind the point of a number that a text spells. */
function decimalsOf(text: string): number {
  const [mantissa = "", power = "0"] = text.split("e");
  return Math.max(0, (mantissa.split(".")[1] ?? "").length - Number(power));
}

/** The power of ten of the first digit; 0 for 0. */
function exponentOf(value: number): number {
  return value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
}
