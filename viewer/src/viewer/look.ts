/**
 * How values become colours, the same for all channels of an image.
 *
 * The shader (shading.ts) and the colour bar use the same formulas; docs/viewer.md explains them.
 */

import type { Color, Window } from "./multiscale";

export const SCALES = ["linear", "log", "sqrt", "symlog", "gamma"] as const;
export type Scale = (typeof SCALES)[number];

/** Plain values, so that an address can hold them. */
export interface Look {
  scale: Scale;
  /** The exponent of the scale "gamma". */
  gamma: number;
  /** The name of a colour map, for images of one channel; "" draws each channel in its own colour. */
  colormap: string;
  isReversed: boolean;
  noData: Color;
  /** The colours below and above the limits; null draws these values like the limits. */
  under: Color | null;
  over: Color | null;
  /** The name of the label image that lies over the image; "" for none. */
  labels: string;
  /** How opaque the labels are, from 0 to 1. */
  opacity: number;
}

export const PLAIN: Look = {
  scale: "linear",
  gamma: 1,
  colormap: "",
  isReversed: false,
  noData: [64, 42, 84],
  under: null,
  over: null,
  labels: "",
  opacity: 0.5,
};

/** The shares of the values, in percent, that the limits may leave out. */
export const PERCENTILES: Record<string, [low: number, high: number]> = { "0.1–99.9 %": [0.1, 99.9], "1–99 %": [1, 99], full: [0, 100] };

/** Below it, log draws floats like the lower limit, as a share of the upper limit. */
const FLOAT_DECADES = 1e-4;
/** How far from zero symlog is about linear, as a share of the larger limit. */
const LINEAR_SHARE = 1e-3;

/**
 * The limits between which a scale is drawn.
 *
 * A logarithm has no value at zero or below. So if the lower limit is not positive, log begins at
 * 1 for integers and at a ten-thousandth of the upper limit for floats. What lies below, also zero
 * and negative numbers, is drawn like the lower limit.
 */
export function limitsOf({ start, end }: Pick<Window, "start" | "end">, scale: Scale, isInteger: boolean): [low: number, high: number] {
  if (scale !== "log" || start > 0) return [start, end];
  return end > 1 && isInteger ? [1, end] : end > 0 ? [end * FLOAT_DECADES, end] : [FLOAT_DECADES, 1];
}

/** The distance from zero within which symlog is about linear. */
export function linearWidth([low, high]: [low: number, high: number]): number {
  return Math.max(Math.abs(low), Math.abs(high)) * LINEAR_SHARE || 1;
}

/** Where a value lies between the limits, from 0 to 1. */
export function shareOf(value: number, limits: [low: number, high: number], { scale, gamma }: Pick<Look, "scale" | "gamma">): number {
  const [low, high] = limits;
  const bent = bend(scale, limits);
  const share = Math.min(1, Math.max(0, (bent(Math.max(value, low)) - bent(low)) / (bent(high) - bent(low))));
  return scale === "sqrt" ? Math.sqrt(share) : scale === "gamma" ? share ** gamma : share;
}

/** The value at a share; the inverse of `shareOf`, and the limits exactly at 0 and 1. */
export function valueOf(share: number, limits: [low: number, high: number], { scale, gamma }: Pick<Look, "scale" | "gamma">): number {
  const [low, high] = limits;
  const width = linearWidth(limits);
  const bent = bend(scale, limits);
  if (share <= 0 || share >= 1) return share <= 0 ? low : high;
  const even = scale === "sqrt" ? share ** 2 : scale === "gamma" ? share ** (1 / gamma) : share;
  const at = bent(low) + even * (bent(high) - bent(low));
  if (scale === "log") return Math.exp(at);
  return scale === "symlog" ? Math.sign(at) * width * Math.expm1(Math.abs(at)) : at;
}

function bend(scale: Scale, limits: [low: number, high: number]): (value: number) => number {
  const width = linearWidth(limits);
  if (scale === "log") return Math.log;
  if (scale === "symlog") return (value) => Math.sign(value) * Math.log1p(Math.abs(value) / width);
  return (value) => value;
}
