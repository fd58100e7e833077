/** Values as text, exact: an integer with all its digits, a float with as few as name it alone. */

import type { Block, Facts, Item } from "./column";
import { isoOf } from "../common/times";

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
  const [rounded, most] = [roundedTo(dtype), dtype === "float32" ? 9 : 5];
  for (let digits = 1; digits < most; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (rounded(shorter) === value) return String(shorter);
  }
  return String(Number(value.toPrecision(most)));
}

/** The function that returns the nearest number of a type, which is the number itself if the type is no smaller float. */
export function roundedTo(dtype: string): (value: number) => number {
  return dtype === "float32" ? Math.fround : dtype === "float16" ? half : (value) => value;
}

/** The nearest float16. Where a browser has none, zarrita has not read any either. */
function half(value: number): number {
  const { Float16Array: Halves } = globalThis as unknown as { Float16Array: Float32ArrayConstructor };
  return new Halves([value])[0] as number;
}
