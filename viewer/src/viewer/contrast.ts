/** Contrast limits, from the values of an image. */

import { clamp } from "./camera";
import type { Window } from "./multiscale";
import { depthOf, type Pixels, type Plane, type Tiles } from "./tiles";

/** The percentiles of the values between which "Auto contrast" draws. */
export const AUTO: Shares = [1, 99.8];
const MOST_SAMPLES = 2 ** 18;
/** The largest number that we draw: the difference of two of this size is still a 32-bit float, as the shader has them. */
export const LARGEST = 2 ** 126;
/** How far apart two limits are at least, as a share of their size: four steps of 32-bit floats. */
const LEAST_SHARE = 2 ** -21;

export type Shares = [low: number, high: number];

/** The values of a plane of the coarsest level, with NaN for no data. */
export async function valuesOf(tiles: Tiles, plane: Plane): Promise<Pixels> {
  const [height = 1, width = 1] = tiles.image.axes.slice(-2).map((axis) => axis.size);
  const tile = await tiles.read([plane], { left: 0, top: 0, right: width, bottom: height }, depthOf(tiles.image.levels));
  return tile.data[0] as Pixels;
}

/**
 * The window between two percentiles of the values, as numpy.percentile has them, without NaN and infinities.
 *
 * Of more than 2^18 values it takes some, evenly spread. It is at least 1 wide if all are the same.
 */
export function windowOf(values: Pixels, shares: Shares): Window {
  const every = Math.ceil(values.length / MOST_SAMPLES);
  const sorted = Float64Array.from({ length: Math.ceil(values.length / every) }, (_, i) => values[i * every] as number)
    .filter((value) => Number.isFinite(value))
    .sort();
  const at = (percent: number) => {
    const place = (percent / 100) * (sorted.length - 1);
    const [below = 0, above = below] = sorted.slice(Math.floor(place), Math.floor(place) + 2);
    return below + (above - below) * (place % 1);
  };
  const [min, start, end, max] = [0, ...shares, 100].map((percent) => drawable(at(percent))) as [number, number, number, number];
  const high = Math.max(max, min + Math.max(1, leastWidth(min)));
  return end > start ? { min, start, end, max } : { min, start: min, end: high, max: high };
}

/** The nearest number to which a contrast limit can be set. */
export function drawable(limit: number): number {
  return clamp(limit, -LARGEST, LARGEST);
}

/** The window with one limit changed; the other one is pushed ahead, by a `share` of the range, so that the window is never empty. */
export function withLimit(window: Window, bound: "start" | "end", typed: number, share: number): Window {
  const value = drawable(typed);
  const least = Math.max((window.max - window.min) * share, leastWidth(value));
  const [start, end] = bound === "start" ? [value, value < window.end ? window.end : value + least] : [value > window.start ? window.start : value - least, value];
  return { start, end, min: Math.min(window.min, start), max: Math.max(window.max, end) };
}

function leastWidth(value: number): number {
  return Math.abs(value) * LEAST_SHARE;
}

/** One window around several, so that red, green and blue keep their balance. */
export function together(windows: Window[]): Window {
  const all = (key: keyof Window) => windows.map((window) => window[key]);
  return { min: Math.min(...all("min")), start: Math.min(...all("start")), end: Math.max(...all("end")), max: Math.max(...all("max")) };
}
