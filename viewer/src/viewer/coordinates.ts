/** Physical coordinates of the image, in the units of its axes. */

import type { Point } from "./camera";
import type { Axis, Multiscale } from "./multiscale";
import { symbolOf } from "./scalebar";

/** The coordinate of a point on an axis, in its unit; the middle of the first pixel has the axis's `origin`. */
export function coordinate({ scale, origin }: Axis, at: number): number {
  return origin + scale * (at - 0.5);
}

/** The point at a coordinate of an axis. */
export function pointAt({ scale, origin }: Axis, value: number): number {
  return (value - origin) / scale + 0.5;
}

/** Whether an axis says more than the number of the pixel. */
export function isPlaced({ unit, scale, origin, size }: Axis): boolean {
  return unit !== null || Math.abs(scale) !== 1 || origin !== (scale < 0 ? size - 1 : 0);
}

/** The index in the source of a pixel of level 0. */
export function indexOf({ isFlipped, size }: Axis, at: number): number {
  return isFlipped ? size - 1 - at : at;
}

/** The coordinates of the middle of a pixel as text; empty if they are only the numbers of the pixel. */
export function coordinates(image: Multiscale, pixel: Point): string {
  const axes = image.axes.slice(-2).reverse();
  if (!axes.some(isPlaced)) return "";
  return axes.map((axis, i) => `${short(coordinate(axis, (pixel[i] ?? 0) + 0.5))}${axis.unit ? ` ${symbolOf(axis.unit)}` : ""}`).join(", ");
}

/** The pixel of level 0 at a point of the drawing. */
export function pixelAt({ stretch }: Multiscale, [x, y]: Point): Point {
  return [Math.floor(x / stretch[1]), Math.floor(y / stretch[0])];
}

/** The point of the drawing that is the middle of a pixel. */
export function middleOf({ stretch }: Multiscale, [x, y]: Point): Point {
  return [(x + 0.5) * stretch[1], (y + 0.5) * stretch[0]];
}

/** A number in at most six digits, such as 12.5 or 1.8e19. */
export function short(value: number): string {
  const rounded = Number(value.toPrecision(6));
  const isOrdinary = rounded === 0 || (Math.abs(rounded) >= 1e-4 && Math.abs(rounded) < 1e7);
  return isOrdinary ? String(rounded) : rounded.toExponential().replace("e+", "e");
}
