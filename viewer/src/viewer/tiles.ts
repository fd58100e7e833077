/** Reads parts of levels in types that WebGL textures can have. */

import * as zarr from "zarrita";

import type { Level, Multiscale } from "./multiscale";

export type Pixels = Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array | Float32Array;

/** The index on each axis except the last two. */
export type Plane = readonly number[];

/** A rectangle, in pixels of level 0. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/**
 * One part of the image in several planes.
 *
 * `bounds` is the rectangle that its pixels cover exactly, in pixels of level 0.
 */
export interface Tile {
  planes: Plane[];
  data: Pixels[];
  width: number;
  height: number;
  bounds: [left: number, bottom: number, right: number, top: number];
  byteLength: number;
}

const REMEMBERED_BYTES = 256 * 2 ** 20;

/** Reads tiles of an image, and caches the parts used last, up to 256 MiB. */
export class Tiles {
  private readonly remembered = new Map<string, Pixels>();
  private bytes = 0;

  constructor(readonly image: Multiscale) {}

  /** Clear the cache. */
  clear(): void {
    this.remembered.clear();
    this.bytes = 0;
  }

  /**
   * A box in several planes.
   *
   * A pixel spans `2 ** depth` pixels of level 0, or fewer if no level is that coarse.
   */
  async read(planes: Plane[], box: Box, depth: number, signal?: AbortSignal): Promise<Tile> {
    const index = levelFor(this.image.levels, depth);
    const level = this.image.levels[index] as Level;
    const rows = span(box.top, box.bottom, level.factor[0], level.array.shape.at(-2) ?? 1);
    const columns = span(box.left, box.right, level.factor[1], level.array.shape.at(-1) ?? 1);
    const data = await Promise.all(planes.map((plane) => this.plane(index, plane, rows, columns, signal)));
    const [factorY, factorX] = level.factor;
    return {
      planes,
      data,
      width: columns[1] - columns[0],
      height: rows[1] - rows[0],
      bounds: [columns[0] * factorX, rows[1] * factorY, columns[1] * factorX, rows[0] * factorY],
      byteLength: data.reduce((sum, pixels) => sum + pixels.byteLength, 0),
    };
  }

  private async plane(index: number, plane: Plane, rows: Span, columns: Span, signal?: AbortSignal): Promise<Pixels> {
    const id = [index, plane, rows, columns].join("/");
    const known = this.remembered.get(id);
    if (known) {
      this.remembered.delete(id);
      this.remembered.set(id, known);
      return known;
    }
    const { array } = this.image.levels[index] as Level;
    const block = await zarr.get(array, [...plane, zarr.slice(...rows), zarr.slice(...columns)], { signal: signal as AbortSignal });
    const pixels = masked(drawable((block as { data: unknown }).data), this.image.noData);
    this.remember(id, pixels);
    return pixels;
  }

  private remember(id: string, pixels: Pixels): void {
    this.remembered.set(id, pixels);
    this.bytes += pixels.byteLength;
    for (const [oldest, old] of this.remembered) {
      if (this.bytes <= REMEMBERED_BYTES) break;
      this.remembered.delete(oldest);
      this.bytes -= old.byteLength;
    }
  }
}

type Span = [start: number, stop: number];

/** The index of the coarsest level whose pixels span at most `2 ** depth` pixels of level 0. */
export function levelFor(levels: Level[], depth: number): number {
  const finest = (level: Level) => Math.max(...level.factor);
  return levels.reduce((best, level, i) => (finest(level) <= 2 ** depth * 1.01 ? i : best), 0);
}

/** How many halvings lead from level 0 to the coarsest level. */
export function depthOf(levels: Level[]): number {
  return Math.round(Math.log2(Math.max(...(levels.at(-1)?.factor ?? [1]))));
}

function span(start: number, stop: number, factor: number, size: number): Span {
  return [Math.min(size - 1, Math.floor(start / factor)), Math.max(1, Math.min(size, Math.ceil(stop / factor)))];
}

const DRAWABLE = [Uint8Array, Uint16Array, Uint32Array, Int8Array, Int16Array, Int32Array, Float32Array] as const;

/**
 * Values in a type that a texture can have.
 *
 * 64-bit floats, half floats and 64-bit integers become 32-bit floats.
 */
function drawable(data: unknown): Pixels {
  if (DRAWABLE.some((type) => data instanceof type)) return data as Pixels;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float32Array.from(data, Number);
  if (ArrayBuffer.isView(data)) return new Float32Array(data as unknown as ArrayLike<number>);
  throw new Error("These values cannot be drawn: only numbers can. Read the array with zarr-python instead.");
}

/** Values with NaN in place of `noData`, so that every level and the shader know one mark alone. */
function masked(values: Pixels, noData: number | null): Pixels {
  return noData === null ? values : Float32Array.from(values, (value) => (value === noData ? Number.NaN : value));
}
