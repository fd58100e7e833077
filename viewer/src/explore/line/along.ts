/**
 * Coordinates beside a long line. They come from the extremes of their own array: where coordinates
 * ascend, the lowest of a bin is its first.
 */

import { ticks } from "d3-array";

import { counted, labelled } from "../axes";
import type { Data } from "../data";
import { isInstant } from "../hints";
import type { ArrayNode } from "../nodes";
import { placeOf, type Ticks, ticksOfTime } from "../ticks";
import { secondsOf, type Unit } from "../times";
import { type Band, Extremes } from "./extremes";

/** Digits that a number keeps: floats make 0.30000000000000004 of 0.3. */
const DIGITS = 12;

export class Along {
  readonly label: string;
  readonly extremes: Extremes;
  /** What the stored numbers are multiplied by. */
  private readonly scale: number;

  constructor(data: Data, path: string, name: string, node: ArrayNode) {
    const seconds = isInstant(node.data_type) ? secondsOf((node.data_type as unknown as { configuration: Unit }).configuration) : null;
    const { long_name = name, units } = labelled(node.attributes) as Record<string, string | undefined>;
    const unit = seconds === null ? units : "seconds since 1970-01-01";
    this.label = unit && !long_name.endsWith(`(${unit})`) ? `${long_name} (${unit})` : long_name;
    this.scale = seconds ?? 1;
    this.extremes = new Extremes(data, path, counted(node));
  }

  /** The coordinates of a range of samples; null if they neither ascend nor descend. */
  async places(start: number, stop: number, signal?: AbortSignal): Promise<Places | null> {
    const band = await this.extremes.band({ start, stop }, signal);
    const found = placesOf(band, this.extremes.length, this.scale);
    return found && { ...found, label: this.label };
  }
}

/** The first and last samples of bins by index, and their coordinates; those between are interpolated. */
export interface Places {
  label: string;
  at: Float64Array;
  coordinates: Float64Array;
}

export function placesOf({ start, factor, low, high }: Band, length: number, scale: number): Omit<Places, "label"> | null {
  const isUp = (high.at(-1) as number) >= (low[0] as number);
  const [first, last] = isUp ? [low, high] : [high, low];
  const at = Float64Array.from({ length: 2 * first.length }, (_, i) => Math.min(start + (i >> 1) * factor + (i % 2) * (factor - 1), length - 1));
  const coordinates = Float64Array.from(at, (_, i) => ((i % 2 ? last : first)[i >> 1] as number) * scale);
  const isOrdered = coordinates.every((value, i) => i === 0 || (isUp ? value >= (coordinates[i - 1] as number) : value <= (coordinates[i - 1] as number)));
  return isOrdered && coordinates.length > 1 ? { at, coordinates } : null;
}

/** Ticks at round coordinates; the values are indices of samples. */
export function ticksAlong({ label, at, coordinates }: Places, domain: [number, number], count: number): Ticks {
  const ends = domain.map((index) => between(at, coordinates, index)) as [number, number];
  const [start, stop] = ends[0] < ends[1] ? ends : [ends[1], ends[0]];
  const isUp = (coordinates.at(-1) as number) >= (coordinates[0] as number);
  const [keys, values] = isUp ? [coordinates, at] : [coordinates.toReversed(), at.toReversed()];
  const plain: Ticks = { values: ticks(start, stop, count), format: (value) => String(Number(value.toPrecision(DIGITS))) };
  const round = ticksOfTime(label, [start, stop], count) ?? plain;
  const texts = new Map(round.values.map((value) => [between(keys, values, value), round.format(value)]));
  return { values: [...texts.keys()], format: (index) => texts.get(index) ?? "" };
}

/** The coordinate of a sample, as text. */
export function placeAlong({ label, at, coordinates }: Places, index: number): string {
  return placeOf(label, between(at, coordinates, index), (value) => String(Number(value.toPrecision(DIGITS))));
}

/** The value at a key that may lie between two of the ascending `keys`. */
function between(keys: Float64Array, values: Float64Array, key: number): number {
  let [low, high] = [0, keys.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as number) <= key) low = middle;
    else high = middle;
  }
  const [from = 0, to = 0, a = 0, b = 0] = [keys[low], keys[high], values[low], values[high]];
  return to > from ? a + ((b - a) * (Math.min(Math.max(key, from), to) - from)) / (to - from) : a;
}
