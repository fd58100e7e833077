/** Contrast limits, from the values of an image. */

import type { Window } from "./multiscale";
import { depthOf, type Pixels, type Plane, type Tiles } from "./tiles";

const LOW = 0.01;
const HIGH = 0.998;
const MOST_SAMPLES = 65536;

/** The contrast window of a plane, from the values of its coarsest level. */
export async function windowOf(tiles: Tiles, plane: Plane): Promise<Window> {
  const [height = 1, width = 1] = tiles.image.axes.slice(-2).map((axis) => axis.size);
  const tile = await tiles.read([plane], { left: 0, top: 0, right: width, bottom: height }, depthOf(tiles.image.levels));
  return fromValues(tile.data[0] as Pixels, tiles.image.noData);
}

/**
 * The window between two percentiles of the values, without NaN, infinities and `noData`.
 *
 * It is at least 1 wide if all values are the same.
 */
export function fromValues(values: Pixels, noData: number | null): Window {
  const every = Math.max(1, Math.floor(values.length / MOST_SAMPLES));
  const sorted = Float64Array.from({ length: Math.ceil(values.length / every) }, (_, i) => values[i * every] as number)
    .filter((value) => Number.isFinite(value) && value !== noData)
    .sort();
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  const [min, start, end, max] = [at(0), at(LOW), at(HIGH), at(1)];
  return end > start ? { min, start, end, max } : { min, start: min, end: Math.max(max, min + 1), max: Math.max(max, min + 1) };
}
