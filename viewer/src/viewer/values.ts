/**
 * The exact values of an image, read from its source in small chunks.
 *
 * The levels that we draw have types that textures can have, and may be scaled or masked; the array
 * behind the image has what the source has.
 */

import * as zarr from "zarrita";

import { HttpStore } from "../common/store";
import { indexOf } from "./coordinates";
import type { Multiscale } from "./multiscale";
import { numberText, scaledText } from "./numbers";
import type { Plane } from "./tiles";

/** The array behind an image: its URL, and a letter for each of its axes, such as `zyx`. */
export interface Source {
  url: string;
  axes: string;
}

/** A value as text, with its unit; `isMark` if it means "no data". */
export interface Value {
  text: string;
  unit: string;
  /** The number as the source stores it, if that differs. */
  stored: string;
  isMark: boolean;
  /** The element of the source: both channels of a complex number have the same. */
  place: string;
}

interface Opened {
  array: zarr.Array<zarr.DataType>;
  axes: string;
  isExact: boolean;
}

type Chunk = { data: ArrayLike<number | bigint>; stride: number[] };

const MOST_CHUNKS = 256;

export class Values {
  private opened: Promise<Opened> | undefined;
  /** What `opened` has become. */
  private now: Opened | null = null;
  private readonly chunks = new Map<string, Promise<Chunk>>();

  /** `source` is null if there is none; then the values of level 0 of the image are read. */
  constructor(
    private readonly image: Multiscale,
    private readonly source: Source | null,
    private readonly key: string | null,
  ) {}

  /** Whether the values are those of the source, once one was read. */
  async isExact(): Promise<boolean> {
    return (await this.array()).isExact;
  }

  /** Forget what was read. */
  clear(): void {
    this.opened = undefined;
    this.now = null;
    this.chunks.clear();
  }

  /** The value of a pixel of level 0 in a plane. */
  async at(plane: Plane, x: number, y: number, signal: AbortSignal): Promise<Value> {
    const opened = await this.array();
    const numbers = await Promise.all(this.places(opened, plane, x, y).map((place) => this.element(opened.array, place, signal)));
    return { ...this.value(opened, numbers), place: this.places(opened, plane, x, y).join(" ") };
  }

  /** Whether `at` needs no request. */
  isKnown(plane: Plane, x: number, y: number): boolean {
    const { now } = this;
    return now !== null && this.places(now, plane, x, y).every((place) => this.chunks.has(chunkOf(now.array, place).join("/")));
  }

  /** The elements of the source that a pixel has: one, or the two parts of a complex number. */
  private places({ array, axes, isExact }: Opened, plane: Plane, x: number, y: number): number[][] {
    const place = [...axes].map((letter, axis) => this.index(letter, plane, x, y, array.shape[axis] ?? 1, isExact));
    return array.shape.length > axes.length ? [[...place, 0], [...place, 1]] : [place];
  }

  /** The index of a pixel on an axis of the source; x and y are those of the page. Phases of complex numbers are channels after all magnitudes. */
  private index(letter: string, plane: Plane, x: number, y: number, size: number, isExact: boolean): number {
    const { axes } = this.image;
    const axis = axes.findIndex(({ name }) => name === letter);
    const at = axis === axes.length - 1 ? x : axis === axes.length - 2 ? y : (plane[axis] ?? 0) % size;
    return isExact && axes[axis] ? indexOf(axes[axis], at) : at;
  }

  private async element(array: Opened["array"], place: number[], signal: AbortSignal): Promise<number | bigint> {
    const { data, stride } = await this.chunk(array, chunkOf(array, place), signal);
    const at = place.reduce((sum, each, axis) => sum + (each % (array.chunks[axis] ?? 1)) * (stride[axis] ?? 0), 0);
    return data[at] ?? 0;
  }

  private chunk(array: Opened["array"], index: number[], signal: AbortSignal): Promise<Chunk> {
    const id = index.join("/");
    const known = this.chunks.get(id);
    if (known) return known;
    const read = array.getChunk(index, { signal }) as unknown as Promise<Chunk>;
    read.catch(() => this.chunks.delete(id));
    this.chunks.set(id, read);
    if (this.chunks.size > MOST_CHUNKS) this.chunks.delete(this.chunks.keys().next().value as string);
    return read;
  }

  private array(): Promise<Opened> {
    if (!this.opened) {
      this.opened = this.open();
      this.opened.then((opened) => (this.now = opened), () => (this.opened = undefined));
    }
    return this.opened;
  }

  private async open(): Promise<Opened> {
    const level = (this.image.levels[0] as Multiscale["levels"][0]).array;
    const shown = { array: level, axes: this.image.axes.map(({ name }) => name).join(""), isExact: false };
    if (!this.source) return shown;
    const array = await zarr.open.v3(zarr.root(new HttpStore(this.source.url, this.key)), { kind: "array" });
    const isReadable = !((array.dtype as string) === "float16" && !("Float16Array" in globalThis));
    return isReadable ? { array, axes: this.source.axes, isExact: true } : shown;
  }

  private value({ array, isExact }: Opened, numbers: (number | bigint)[]): Omit<Value, "place"> {
    const [one = 0, imaginary] = numbers;
    const unit = typeof array.attrs.units === "string" ? array.attrs.units : "";
    const plain = { unit, stored: "", isMark: false };
    if (imaginary !== undefined) return { ...plain, text: complexText(Number(one), Number(imaginary), array.dtype) };
    if (array.attrs.dtype === "bool") return { ...plain, text: one ? "true" : "false" };
    const { marks, scale, offset } = this.image.packing;
    const stored = numberText(one, array.dtype);
    if (isExact && marks.some((mark) => mark == one || (mark !== mark && one !== one))) return { ...plain, text: "no data", stored, isMark: true };
    if (!isExact || (scale === 1 && offset === 0)) return { ...plain, text: stored };
    return { ...plain, text: scaledText(stored, array.dtype, scale, offset), stored };
  }
}

function chunkOf(array: Opened["array"], place: number[]): number[] {
  return place.map((each, axis) => Math.floor(each / (array.chunks[axis] ?? 1)));
}

function complexText(real: number, imaginary: number, dtype: string): string {
  const isNegative = imaginary < 0 || Object.is(imaginary, -0);
  return `${numberText(real, dtype)} ${isNegative ? "−" : "+"} ${numberText(Math.abs(imaginary), dtype)}i`;
}
