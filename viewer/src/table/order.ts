/** The rows that are shown, in their order: filtered by one column, sorted by one column. */

import type { Block, Column, Facts, Item } from "./column";
import { type Filter, testOf } from "./filtering";
import { keysOfNumbers, keysOfTexts, sorted } from "./sorting";
import { cellOf } from "./values";

/** The most rows that a table may have to be sorted and filtered here: the column is read whole. */
export const MOST_ROWS = 1_000_000;
/** The columns that are kept: one to sort by, one to filter by. */
const MOST_KEPT = 2;

export interface Sort {
  column: string;
  descending: boolean;
}

/** The values of a column, all of them; `missing` says which rows have none. */
export interface Whole {
  facts: Facts;
  block: Block;
  missing: Uint8Array;
}

export function whyNot(rows: number): string {
  return `Sorting and filtering read a whole column, and are off beyond ${MOST_ROWS.toLocaleString("en")} rows: this table has ${rows.toLocaleString("en")}.`;
}

export class Orders {
  private readonly kept = new Map<string, Promise<Whole>>();

  constructor(private readonly columns: Column[]) {}

  /** The rows that pass a filter, in the order of a sort; null if these are all as they are. Throws HttpError. */
  async rows(sort: Sort | null, filter: Filter | null): Promise<Uint32Array | null> {
    const [sorting, filtering] = await Promise.all([sort, filter].map((by) => by && this.whole(by.column)));
    const all = sorting ?? filtering;
    if (!all) return null;
    let rows = Uint32Array.from({ length: all.facts.rows }, (_, row) => row);
    if (filter && filtering) rows = rows.filter(testOf(filtering, filter));
    return sort && sorting ? inOrder(rows, sorting, sort.descending) : rows;
  }

  /** Forget the columns, since the data have changed. */
  forget(): void {
    this.kept.clear();
  }

  private async whole(name: string): Promise<Whole> {
    const known = this.kept.get(name) ?? this.read(name);
    this.kept.delete(name);
    this.kept.set(name, known);
    for (const other of this.kept.keys()) if (this.kept.size > MOST_KEPT) this.kept.delete(other);
    known.catch(() => this.kept.delete(name));
    return known;
  }

  private async read(name: string): Promise<Whole> {
    const column = this.columns.find((other) => other.name === name);
    if (!column) throw new Error(`The table has no column ${name}.`);
    const facts = await column.open();
    if (facts.rows > MOST_ROWS) throw new Error(whyNot(facts.rows));
    const block = await facts.read(0, facts.rows);
    return { facts, block, missing: Uint8Array.from({ length: facts.rows }, (_, row) => (isMissing(facts, block, row) ? 1 : 0)) };
  }
}

function isMissing(facts: Facts, block: Block, row: number): boolean {
  if (facts.kind === "complex" || facts.kind === "bytes") return cellOf(facts, block, row).isMissing;
  return facts.missing(block.data[row] as Item) !== "";
}

/** Sort rows by their values, missing ones last in both directions; equal ones stay in their order. */
function inOrder(rows: Uint32Array, { facts, block, missing }: Whole, descending: boolean): Uint32Array {
  if (!facts.isOrdered) throw new Error("Complex numbers have no order.");
  const isText = facts.kind === "text" || facts.kind === "bytes";
  const texts = () => (facts.kind === "text" ? (block.data as ArrayLike<string>) : Array.from({ length: facts.rows }, (_, row) => cellOf(facts, block, row).text));
  const present = sorted(rows.filter((row) => !missing[row]), isText ? keysOfTexts(texts()) : keysOfNumbers(block.data), descending);
  const all = new Uint32Array(rows.length);
  all.set(present);
  all.set(rows.filter((row) => missing[row]), present.length);
  return all;
}
