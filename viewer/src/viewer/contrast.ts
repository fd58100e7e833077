/** Contrast limits, from the values of an image. */

import type { Window } from "./multiscale";
import { depthOf, type Pixels, type Plane, type Tiles } from "./tiles";

/** The percentiles of the values between which "Auto contrast" draws. */
export const AUTO: Shares = [1, 99.8];
const MOST_SAMPLES = 2 ** 18;

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
  const [min, start, end, max] = [at(0), at(shares[0]), at(shares[1]), at(100)];
  return end > start ? { min, start, end, max } : { min, start: min, end: Math.max(max, min + 1), max: Math.max(max, min + 1) };
}

/** One window around several, so that red, green and blue keep their balance. */
export function together(windows: Window[]): Window {
  const all = (key: keyof Window) => windows.map((window) => window[key]);
  return { min: Math.min(...all("min")), start: Math.min(...all("start")), end: Math.max(...all("end")), max: Math.max(...all("max")) };
}
