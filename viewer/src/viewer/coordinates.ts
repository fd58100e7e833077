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
export function isPlaced({ unit, scale, origin }: Axis): boolean {
  return unit !== null || scale !== 1 || origin !== 0;
}

/** The coordinates of a point of the image as text; empty if they are only the numbers of the pixel. */
export function coordinates(image: Multiscale, point: Point): string {
  const axes = image.axes.slice(-2).reverse();
  if (!axes.some(isPlaced)) return "";
  return axes.map((axis, i) => `${short(coordinate(axis, point[i] ?? 0))}${axis.unit ? ` ${symbolOf(axis.unit)}` : ""}`).join(", ");
}

/** A number in at most six digits. */
export function short(value: number): string {
  return Number(value.toPrecision(6)).toString();
}
