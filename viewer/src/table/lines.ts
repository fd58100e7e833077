/**
 * The points of a plot: each sample of a column if these are few, else the extremes of bins.
 *
 * The server serves the smallest and the largest value of bins of 64 rows, of 128 and so on, as
 * small arrays: docs/minmax.md.
 */

import * as zarr from "zarrita";

import { HttpStore } from "../common/store";
import type { Column, Facts, Item } from "./column";

/** Below so many samples a pixel there is no level to read: the finest has bins of 64 rows. */
const FINEST = 64;
const PREFIX = "minmax/v3/~dtype=web";

export type Span = [from: number, to: number];

export interface Line {
  /** The first row of the first point. */
  start: number;
  /** The rows that a point stands for; 1 if each point is a sample. */
  factor: number;
  low: ArrayLike<Item>;
  high: ArrayLike<Item>;
  /** Whether the extremes are those of a part of the rows, until the server has read all. */
  isSampled: boolean;
}

interface Level {
  path: string;
  factor: number;
}

interface Document {
  attributes?: { tiled_zarr?: { minmax?: { levels: Level[]; sampled: string[] } } };
  consolidated_metadata?: { metadata: Record<string, unknown> };
}

export class Lines {
  constructor(
    private readonly server: string,
    private readonly table: string,
    private readonly key: string | null,
  ) {}

  /**
   * The points for `span` on some pixels, or those of a level with bins of `factor` rows.
   *
   * Throws HttpError.
   */
  async read(column: Column, facts: Facts, [from, to]: Span, wanted: { pixels: number; factor?: number }, signal: AbortSignal): Promise<Line> {
    const isFew = to - from <= FINEST * wanted.pixels;
    if (wanted.factor === 1 || (isFew && wanted.factor === undefined)) return samples(facts, from, to, signal);
    const parts = [...this.table.split("/"), ...column.key.split("/")].filter(Boolean).map(encodeURIComponent);
    const store = new HttpStore([`${this.server}${PREFIX}`, ...parts].join("/"), this.key);
    const body = await store.get("/zarr.json", { signal, cache: "no-cache" });
    const document = JSON.parse(body ? new TextDecoder().decode(body) : "{}") as Document;
    const { levels = [], sampled = [] } = document.attributes?.tiled_zarr?.minmax ?? {};
    const level = levels.findLast(({ factor }) => (wanted.factor ? factor === wanted.factor : (to - from) / factor >= wanted.pixels / 2)) ?? levels[0];
    if (!level) return samples(facts, from, to, signal);
    const array = await opened(store, level.path, document.consolidated_metadata?.metadata[level.path]);
    const start = Math.floor(from / level.factor);
    const { data } = await zarr.get(array, [zarr.slice(start, Math.ceil(to / level.factor)), null], { signal });
    const pairs = data as ArrayLike<Item>;
    const side = (which: number) => Array.from({ length: pairs.length / 2 }, (_, i) => pairs[2 * i + which] as Item);
    return { start: start * level.factor, factor: level.factor, low: side(0), high: side(1), isSampled: sampled.includes(level.path) };
  }
}

async function samples(facts: Facts, from: number, to: number, signal: AbortSignal): Promise<Line> {
  const { data } = await facts.read(from, to, signal);
  return { start: from, factor: 1, low: data, high: data, isSampled: false };
}

/** A level, whose header came with the document of its group. */
function opened(store: HttpStore, path: string, known: unknown): Promise<zarr.Array<zarr.DataType>> {
  const body = known === undefined ? undefined : new TextEncoder().encode(JSON.stringify(known));
  const reader: zarr.AsyncReadable = { get: async (key, options) => (key.endsWith("/zarr.json") && body) || store.get(key, options ?? {}) };
  return zarr.open.v3(zarr.root(reader).resolve(path), { kind: "array" });
}
