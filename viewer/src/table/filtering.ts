/** Tests of a column's values against one that a user types. */

import { timeOf } from "../common/times";
import type { Facts, Item } from "./column";
import type { Whole } from "./order";
import { byCodePoint } from "./sorting";
import { cellOf, roundedTo } from "./values";

export const OPERATORS = ["contains", "=", "≠", "<", "≤", ">", "≥", "is missing", "is not missing"] as const;
export type Operator = (typeof OPERATORS)[number];

export interface Filter {
  column: string;
  operator: Operator;
  value: string;
}

const PASSES: Record<Exclude<Operator, "contains" | "is missing" | "is not missing">, (sign: number) => boolean> = {
  "=": (sign) => sign === 0,
  "≠": (sign) => sign !== 0,
  "<": (sign) => sign < 0,
  "≤": (sign) => sign <= 0,
  ">": (sign) => sign > 0,
  "≥": (sign) => sign >= 0,
};

/** Whether a row passes; of missing values, only "is missing" is true. Throws if `value` cannot be one of this column. */
export function testOf({ facts, block, missing }: Whole, { operator, value }: Filter): (row: number) => boolean {
  if (operator === "is missing") return (row) => missing[row] === 1;
  if (operator === "is not missing") return (row) => missing[row] === 0;
  const text = (row: number) => cellOf(facts, block, row).text;
  if (operator === "contains") {
    const wanted = value.toLowerCase();
    return (row) => !missing[row] && text(row).toLowerCase().includes(wanted);
  }
  const passes = PASSES[operator];
  if (["text", "bytes", "complex"].includes(facts.kind)) return (row) => !missing[row] && passes(byCodePoint(text(row), value));
  const bound = parsed(facts, value);
  return (row) => !missing[row] && passes(byValue(block.data[row] as Item, bound));
}

function byValue(a: Item, b: Item): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * A value as a user types it: a number, true or false, or a time in ISO 8601, which is UTC without a zone.
 *
 * A number becomes one of the column's type, as in numpy: 0.1 is found among 32-bit floats.
 */
function parsed(facts: Facts, typed: string): Item {
  const text = typed.trim();
  if (facts.kind === "boolean" && /^(true|false)$/i.test(text)) return text.toLowerCase() === "true" ? 1 : 0;
  if (facts.kind === "time" && !/^-?\d{5,}$/.test(text)) return timeOf(text, facts.counts);
  const number = text === "" ? NaN : Number(text.replace(/^([-+]?)inf$/i, "$1Infinity"));
  if (Number.isNaN(number)) throw new Error(`“${typed}” is not a value of a column of type ${facts.type}.`);
  return /^-?\d+$/.test(text) && facts.array.dtype.endsWith("int64") ? BigInt(text) : roundedTo(facts.array.dtype)(number);
}
