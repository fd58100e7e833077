/** Physical coordinates of the image, in the units of its axes, or of the dimensions beside it. */

import type { Point } from "./camera";
import type { Axis, Multiscale } from "./multiscale";
import { short } from "./numbers";
import { symbolOf } from "./scalebar";

/** The coordinates of an axis as an array beside the image has them (dimensions.ts). */
export interface Dimension {
  name: string;
  unit: string;
  /** The coordinate of the middle of each pixel of level 0, in the order of the page; they ascend or descend. */
  values: Float64Array;
  /** The coordinate of a pixel as text. */
  text: (pixel: number) => string;
  /** Round coordinates from `low` to `high`, at least `step` apart; of numbers the rulers know them. */
  marks?: (low: number, high: number, step: number) => Marks;
}

/** Coordinates in ascending order, and their texts. */
export interface Marks {
  values: number[];
  texts: string[];
}

/** The coordinate of a point on an axis, in its unit; the middle of the first pixel has the axis's `origin`. */
export function coordinate({ dimension, scale, origin }: Axis, at: number): number {
  return dimension ? valueAt(dimension, at - 0.5) : origin + scale * (at - 0.5);
}

/** The point at a coordinate of an axis. */
export function pointAt({ dimension, scale, origin }: Axis, value: number): number {
  return (dimension ? placeOf(dimension, value) : (value - origin) / scale) + 0.5;
}

/** Whether an axis says more than the number of the pixel. */
export function isPlaced({ dimension, unit, scale, origin, size }: Axis): boolean {
  return dimension !== null || unit !== null || Math.abs(scale) !== 1 || origin !== (scale < 0 ? size - 1 : 0);
}

/** The index in the source of a pixel of level 0. */
export function indexOf({ isFlipped, size }: Axis, at: number): number {
  return isFlipped ? size - 1 - at : at;
}

/** The coordinates of the middle of a pixel as text; empty if they are only the numbers of the pixel. */
export function coordinates(image: Multiscale, pixel: Point): string {
  const axes = image.axes.slice(-2).reverse();
  if (!axes.some(isPlaced)) return "";
  return axes.map((axis, i) => `${coordinateText(axis, pixel[i] ?? 0)} ${unitOf(axis)}`.trimEnd()).join(", ");
}

function coordinateText(axis: Axis, pixel: number): string {
  return axis.dimension?.text(pixel) ?? short(coordinate(axis, pixel + 0.5));
}

/** The symbol of the unit of an axis's coordinates; empty if they have none. */
export function unitOf({ dimension, unit }: Axis): string {
  return symbolOf(dimension?.unit ?? unit ?? "");
}

/** The pixel of level 0 at a point of the drawing. */
export function pixelAt({ stretch }: Multiscale, [x, y]: Point): Point {
  return [Math.floor(x / stretch[1]), Math.floor(y / stretch[0])];
}

/** The point of the drawing that is the middle of a pixel. */
export function middleOf({ stretch }: Multiscale, [x, y]: Point): Point {
  return [(x + 0.5) * stretch[1], (y + 0.5) * stretch[0]];
}

/** The coordinate at a place, which counts pixels from the middle of the first one; beyond the ends, it goes on as in the last pixel. */
function valueAt({ values }: Dimension, place: number): number {
  const pixel = Math.min(values.length - 2, Math.max(0, Math.floor(place)));
  const [from = 0, to = 0] = values.subarray(pixel, pixel + 2);
  return from + (to - from) * (place - pixel);
}

/** The place of a coordinate; the inverse of `valueAt`. */
function placeOf({ values }: Dimension, value: number): number {
  const sign = (values[1] as number) > (values[0] as number) ? 1 : -1;
  let [low, high] = [0, values.length - 2];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (sign * ((values[middle] as number) - value) <= 0) low = middle;
    else high = middle - 1;
  }
  const [from = 0, to = 0] = values.subarray(low, low + 2);
  return low + (value - from) / (to - from);
}
