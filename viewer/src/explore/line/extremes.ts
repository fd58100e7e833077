/**
 * Extremes of long lines, from /minmax/v3: docs/minmax.md.
 *
 * A view of a line shows at most about 2,000 bins, each with its smallest and its largest sample, or
 * the samples themselves if they are few.
 */

import type { AbsolutePath } from "zarrita";

import { attributesOf } from "../attributes";
import type { Data } from "../data";
import { integers } from "../hints";
import type { ArrayNode } from "../nodes";
import { values } from "../values";

const PIXELS = 2000;
/** Samples for each pixel up to which we read the samples themselves. */
const MOST_PER_PIXEL = 64;
const ALL = { start: 0, stop: Infinity };

/** A half-open range of samples. */
export interface Range {
  start: number;
  stop: number;
}

/** What a range shows: the lowest and the highest of each `factor` samples from `start` on. */
export interface Band {
  start: number;
  factor: number;
  low: Float64Array;
  high: Float64Array;
  /** The same without rounding: 64-bit integers have more digits than floats. */
  exact: ArrayLike<number | bigint>;
  /** Whether the bins were made from some of their samples, so that spikes may be missing. */
  isSampled: boolean;
}

interface Minmax {
  levels: { path: string; factor: number }[];
  sampled: string[];
}

interface GroupOfLevels {
  attributes: { tiled_zarr?: { minmax?: Minmax } };
  consolidated_metadata?: { metadata: Record<string, ArrayNode> };
}

export class Extremes {
  private group: Promise<GroupOfLevels> | null = null;

  constructor(
    private readonly data: Data,
    readonly path: string,
    readonly node: ArrayNode,
  ) {}

  get length(): number {
    return this.node.shape[0] as number;
  }

  /** Ask for the levels now; if that fails, `band` says so. */
  prepare(): void {
    this.levels().catch(() => {});
  }

  /** What to draw for a range. Throws HttpError. */
  async band(wanted: Range = ALL, signal?: AbortSignal): Promise<Band> {
    const range = { start: Math.max(0, Math.floor(wanted.start)), stop: Math.min(this.length, Math.ceil(wanted.stop)) };
    const group = await this.levels();
    const { levels = [], sampled = [] } = group.attributes.tiled_zarr?.minmax ?? {};
    const level = levels.findLast(({ factor }) => (range.stop - range.start) / factor >= PIXELS / 2);
    if (!level || range.stop - range.start <= MOST_PER_PIXEL * PIXELS) return this.samples(range, signal);
    const isSampled = sampled.includes(level.path);
    if (isSampled) this.group = null;
    const node = group.consolidated_metadata?.metadata[level.path] ?? (await this.json(`${this.path}/${level.path}/zarr.json`));
    return this.bins(range, level, node as ArrayNode, isSampled, signal);
  }

  private async samples({ start, stop }: Range, signal?: AbortSignal): Promise<Band> {
    const exact = (await values(this.data.arrays, this.path, integers(this.node), [{ start, stop, step: null }], signal)) as number[];
    const plain = Float64Array.from(exact, Number).map(this.unmarked());
    return { start, factor: 1, low: plain, high: plain, exact, isSampled: false };
  }

  private async bins(range: Range, level: Minmax["levels"][0], node: ArrayNode, isSampled: boolean, signal?: AbortSignal): Promise<Band> {
    const { path, factor } = level;
    const start = Math.floor(range.start / factor);
    const stop = Math.ceil(range.stop / factor);
    const exact = (await values(this.data.lines, `${this.path}/${path}`, integers(node), [{ start, stop, step: null }, null], signal)) as number[];
    const unmarked = this.unmarked();
    const column = (first: number): Float64Array =>
      Float64Array.from({ length: stop - start }, (_, i) => unmarked(Number(exact[2 * i + first])));
    return { start: start * factor, factor, low: column(0), high: column(1), exact, isSampled };
  }

  /** A function that makes NaN of the mark of missing values. */
  private unmarked(): (value: number) => number {
    const mark = attributesOf(this.node)._FillValue;
    return (value) => (value === mark ? NaN : value);
  }

  private levels(): Promise<GroupOfLevels> {
    this.group ??= this.json(`${this.path}/zarr.json`) as Promise<GroupOfLevels>;
    return this.group;
  }

  private async json(key: string): Promise<unknown> {
    const body = await this.data.lines.get(key as AbsolutePath);
    return body ? JSON.parse(new TextDecoder().decode(body)) : { attributes: {} };
  }
}
