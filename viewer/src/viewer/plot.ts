/** A plot of values along a line, as an SVG drawing. */

import { type Color, formatColor } from "./multiscale";
import { short, textsOf } from "./numbers";
import { draw } from "./page";
import { ticks } from "./rulers";

export interface Series {
  name: string;
  color: Color;
  values: Float64Array;
}

const SIZE = { width: 420, height: 170 };
const MARGIN = { left: 62, right: 12, top: 8, bottom: 34 };

/** A plot with the axes' names; `length` is that of the line in the unit of `xName`. */
export function plot(series: Series[], shares: Float64Array, length: number, xName: string, yName: string): SVGSVGElement {
  const svg = draw("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", "aria-label": summary(series, length, xName) });
  const [low, high] = rangeOf(series);
  const x = (share: number) => MARGIN.left + share * (SIZE.width - MARGIN.left - MARGIN.right);
  const y = (value: number) => SIZE.height - MARGIN.bottom - ((value - low) / (high - low)) * (SIZE.height - MARGIN.top - MARGIN.bottom);
  const [left, bottom] = [MARGIN.left, SIZE.height - MARGIN.bottom];
  svg.append(draw("path", { class: "frame", d: `M${left} ${MARGIN.top}V${bottom}H${SIZE.width - MARGIN.right}` }));
  const [across, up] = [ticks(0, length, length / 5), ticks(low, high, (high - low) / 4)];
  const [acrossTexts, upTexts] = [across, up].map(textsOf) as [string[], string[]];
  for (const [i, value] of across.entries()) {
    const at = x(value / length);
    svg.append(draw("path", { class: "frame", d: `M${at} ${bottom}v4` }), draw("text", { x: at, y: bottom + 15, "text-anchor": "middle" }, acrossTexts[i]));
  }
  for (const [i, value] of up.entries()) {
    svg.append(draw("path", { class: "frame", d: `M${left} ${y(value)}h-4` }), draw("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, upTexts[i]));
  }
  svg.append(draw("text", { x: x(0.5), y: SIZE.height - 5, "text-anchor": "middle", class: "name" }, xName));
  if (yName) svg.append(draw("text", { x: left + 5, y: MARGIN.top + 10, class: "name" }, yName));
  for (const { values, color } of series) {
    svg.append(draw("path", { class: "values", d: pathOf(values, (i) => x(shares[i] ?? 0), y), stroke: formatColor(visible(color)) }));
  }
  return svg;
}

/** The least and the largest value; null if there is none. */
function extremesOf(series: Series[]): [number, number] | null {
  const finite = series.flatMap(({ values }) => [...values].filter(Number.isFinite));
  return finite.length === 0 ? null : [finite.reduce((a, b) => Math.min(a, b)), finite.reduce((a, b) => Math.max(a, b))];
}

/** The values that the plot covers, which are at least a little apart. */
function rangeOf(series: Series[]): [number, number] {
  const [low, high] = extremesOf(series) ?? [0, 1];
  return high > low ? [low, high] : [low - (Math.abs(low) || 1) / 2, low + (Math.abs(low) || 1) / 2];
}

/** A path through the finite values; it has a gap where there is no number. */
function pathOf(values: Float64Array, x: (i: number) => number, y: (value: number) => number): string {
  let isDrawing = false;
  return Array.from(values, (value, i) => {
    const before = isDrawing;
    isDrawing = Number.isFinite(value);
    return isDrawing ? `${before ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}` : "";
  }).join("");
}

/** Dark colours are drawn white: the plot is dark. */
function visible(color: Color): Color {
  return color[0] * 0.3 + color[1] * 0.59 + color[2] * 0.11 < 60 ? [255, 255, 255] : color;
}

function summary(series: Series[], length: number, xName: string): string {
  const ranges = series.map((one) => {
    const extremes = extremesOf([one]);
    return `${one.name} ${extremes ? `from ${extremes.map((value) => short(value)).join(" to ")}` : "without values"}`;
  });
  return `Values along a line, ${xName} from 0 to ${short(length)}: ${ranges.join(", ")}`;
}
