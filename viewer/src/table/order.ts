/** The rows that are shown, in their order: filtered by one column, sorted by one column. */

import type { Block, Column, Facts, Item } from "./column";
import { cellOf } from "./values";

/** The most rows that a table may have to be sorted and filtered here: the column is read whole. */
export const MOST_ROWS = 1_000_000;

export const OPERATORS = ["contains", "=", "≠", "<", "≤", ">", "≥", "is missing", "is not missing"] as const;
export type Operator = (typeof OPERATORS)[number];

export interface Sort {
  column: string;
  descending: boolean;
}

export interface Filter {
  column: string;
  operator: Operator;
  value: string;
}

/** The values of a column, all of them; `missing` says which rows have none. */
interface Whole {
  facts: Facts;
  block: Block;
  missing: Uint8Array;
}

/** The rows that pass a filter, in the order of a sort; null if these are all as they are. Throws HttpError. */
export async function rowsOf(find: (name: string) => Column | undefined, sort: Sort | null, filter: Filter | null): Promise<Uint32Array | null> {
  const [sorting, filtering] = await Promise.all([sort, filter].map((by) => by && wholeOf(find(by.column), by.column)));
  const all = sorting ?? filtering;
  if (!all) return null;
  let rows = Uint32Array.from({ length: all.facts.rows }, (_, row) => row);
  if (filter && filtering) rows = rows.filter(testOf(filtering, filter));
  return sort && sorting ? inOrder(rows, sorting, sort.descending) : rows;
}

async function wholeOf(column: Column | undefined, name: string): Promise<Whole> {
  if (!column) throw new Error(`The table has no column ${name}.`);
  const facts = await column.open();
  if (facts.rows > MOST_ROWS) throw new Error(whyNot(facts.rows));
  const block = await facts.read(0, facts.rows);
  const missing = new Uint8Array(facts.rows);
  for (let row = 0; row < facts.rows; row++) missing[row] = cellIsMissing(facts, block, row) ? 1 : 0;
  return { facts, block, missing };
}

export function whyNot(rows: number): string {
  return `Sorting and filtering read a whole column, and are off beyond ${MOST_ROWS.toLocaleString("en")} rows: this table has ${rows.toLocaleString("en")}.`;
}

function cellIsMissing(facts: Facts, block: Block, row: number): boolean {
  if (facts.kind === "complex" || facts.kind === "bytes") return cellOf(facts, block, row).isMissing;
  return facts.missing(block.data[row] as Item) !== "";
}

/** Sort rows by their values, missing ones last in both directions; equal ones stay in their order. */
function inOrder(rows: Uint32Array, { facts, block, missing }: Whole, descending: boolean): Uint32Array {
  if (!facts.isOrdered) throw new Error("Complex numbers have no order.");
  const keys = facts.kind === "bytes" ? Array.from({ length: facts.rows }, (_, row) => cellOf(facts, block, row).text) : block.data;
  const present = rows.filter((row) => !missing[row]);
  const compare = facts.kind === "text" || facts.kind === "bytes" ? byCodePoint : byValue;
  const sign = descending ? -1 : 1;
  present.sort((a, b) => sign * compare(keys[a] as Item, keys[b] as Item) || a - b);
  const sorted = new Uint32Array(rows.length);
  sorted.set(present);
  sorted.set(rows.filter((row) => missing[row]), present.length);
  return sorted;
}

function byValue(a: Item, b: Item): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** JavaScript compares texts by units of UTF-16, in which U+10000 comes before U+FF00. */
function byCodePoint(a: Item, b: Item): number {
  const [one, other] = [a as string, b as string];
  if (one === other) return 0;
  const most = Math.min(one.length, other.length);
  let i = 0;
  while (i < most && one.charCodeAt(i) === other.charCodeAt(i)) i++;
  if (i === most) return one.length - other.length;
  const [x, y] = [one.charCodeAt(i), other.charCodeAt(i)];
  return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** Whether a row passes; of missing values, only "is missing" is true. Throws if the value cannot be one of this column. */
function testOf({ facts, block, missing }: Whole, { operator, value }: Filter): (row: number) => boolean {
  const { data } = block;
  if (operator === "is missing") return (row) => missing[row] === 1;
  if (operator === "is not missing") return (row) => missing[row] === 0;
  const text = (row: number) => cellOf(facts, block, row).text;
  if (operator === "contains") {
    const wanted = value.toLowerCase();
    return (row) => !missing[row] && text(row).toLowerCase().includes(wanted);
  }
  const isText = ["text", "bytes", "complex"].includes(facts.kind);
  const bound = isText ? value : parsed(facts, value);
  const compare = isText ? byCodePoint : byValue;
  const passes = SIGNS[operator];
  return (row) => !missing[row] && passes(compare(isText ? text(row) : (data[row] as Item), bound));
}

const SIGNS: Record<Exclude<Operator, "contains" | "is missing" | "is not missing">, (sign: number) => boolean> = {
  "=": (sign) => sign === 0,
  "≠": (sign) => sign !== 0,
  "<": (sign) => sign < 0,
  "≤": (sign) => sign <= 0,
  ">": (sign) => sign > 0,
  "≥": (sign) => sign >= 0,
};

/** A value as a user types it: a number, true or false, or a time in ISO 8601, which is UTC without a zone. */
function parsed(facts: Facts, typed: string): Item {
  const text = typed.trim();
  if (facts.kind === "boolean" && /^(true|false)$/i.test(text)) return text.toLowerCase() === "true" ? 1 : 0;
  if (facts.kind === "time" && !/^-?\d+$/.test(text)) return timeOf(text, facts.counts);
  const number = text === "" ? NaN : Number(text.replace(/^(-?)inf$/i, "$1Infinity"));
  if (Number.isNaN(number)) throw new Error(`“${typed}” is not a value of a column of type ${facts.type}.`);
  return /^[-+]?\d+$/.test(text) && facts.array.dtype.endsWith("int64") ? BigInt(text) : number;
}

const PER_SECOND: Record<string, number> = { seconds: 0, milliseconds: 3, microseconds: 6, nanoseconds: 9, picoseconds: 12, femtoseconds: 15, attoseconds: 18 };
const SECONDS: Record<string, bigint> = { days: 86_400n, hours: 3600n, minutes: 60n };

/** The count of a unit since 1970; of a coarse unit, the last that is not after the time. */
function timeOf(text: string, unit: string): bigint {
  const [, head = "", fraction = "", zone = ""] = /^(.*?)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?$/.exec(text) ?? [];
  const milliseconds = Date.parse(head.includes("T") || head.includes(" ") ? `${head.replace(" ", "T")}${zone || "Z"}` : `${text}`);
  if (Number.isNaN(milliseconds)) throw new Error(`“${text}” is not a time. Write one as 2024-05-31 or 2024-05-31T12:30:00.`);
  const seconds = BigInt(Math.floor(milliseconds / 1000));
  const digits = PER_SECOND[unit];
  if (digits === undefined) return seconds / (SECONDS[unit] ?? 1n) - (seconds % (SECONDS[unit] ?? 1n) < 0n ? 1n : 0n);
  return seconds * 10n ** BigInt(digits) + BigInt(fraction.slice(0, digits).padEnd(digits, "0") || "0");
}
