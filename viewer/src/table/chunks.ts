/** The chunks of columns that cells are shown from: a bounded number, the latest that were used. */

import type { Block, Column } from "./column";

const MOST = 200;

interface Wanted {
  column: Column;
  chunk: number;
}

export class Chunks {
  private readonly held = new Map<string, Block>();
  private readonly coming = new Map<string, AbortController>();
  private readonly failed = new Map<string, Error>();

  /** `onChange` is called when a chunk has come, or its failure. */
  constructor(
    private readonly onChange: (column: Column) => void,
    private readonly onFailure: (error: Error) => void,
  ) {}

  /** The chunk that holds a row of a column; undefined until it has come. */
  at(column: Column, row: number): Block | undefined {
    return column.facts ? this.held.get(keyOf(column, Math.floor(row / column.facts.chunkRows))) : undefined;
  }

  /** Whether what is wanted has come or failed. */
  get isSettled(): boolean {
    return this.coming.size === 0;
  }

  /**
   * Request the chunks that hold some rows of some columns, and abort all other requests.
   *
   * A chunk that failed is not requested again before `forget`.
   */
  want(columns: Column[], rows: Iterable<number>): void {
    const wanted = new Map<string, Wanted>();
    const sources = [...rows];
    for (const column of columns) {
      const chunkRows = column.facts?.chunkRows ?? Infinity;
      for (const row of sources) wanted.set(keyOf(column, Math.floor(row / chunkRows)), { column, chunk: Math.floor(row / chunkRows) });
    }
    for (const [key, controller] of this.coming) if (!wanted.has(key)) (this.coming.delete(key), controller.abort());
    for (const [key, { column, chunk }] of wanted) {
      const block = this.held.get(key);
      if (block) (this.held.delete(key), this.held.set(key, block));
      else if (!this.coming.has(key) && !this.failed.has(key)) void this.fetch(key, column, chunk);
    }
    this.drop(Math.max(MOST, wanted.size));
  }

  /** Forget all chunks and failures, since the data may have changed. */
  forget(): void {
    for (const controller of this.coming.values()) controller.abort();
    for (const all of [this.held, this.coming, this.failed]) all.clear();
  }

  private async fetch(key: string, column: Column, chunk: number): Promise<void> {
    const controller = new AbortController();
    this.coming.set(key, controller);
    try {
      if (!column.facts) await column.open();
      else this.held.set(key, await column.facts.chunk(chunk, controller.signal));
    } catch (error) {
      if (controller.signal.aborted) return;
      this.failed.set(key, error as Error);
      this.onFailure(error as Error);
    }
    if (controller.signal.aborted) return;
    this.coming.delete(key);
    this.onChange(column);
  }

  private drop(most: number): void {
    for (const key of this.held.keys()) {
      if (this.held.size <= most) return;
      this.held.delete(key);
    }
  }
}

function keyOf(column: Column, chunk: number): string {
  return `${column.key}\n${chunk}`;
}
