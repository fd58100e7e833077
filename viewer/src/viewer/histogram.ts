/** How often values occur in a plane of the coarsest level, and the canvas that shows it. */

import type { Control } from "./controls";
import { limitsOf, type Look, shareOf, valueOf } from "./look";
import type { Channel, Multiscale, Window } from "./multiscale";
import { short } from "./numbers";
import { make } from "./page";
import type { Pixels } from "./tiles";

/** A power of two, for the search. */
const BINS = 64;
const [WIDTH, HEIGHT] = [220, 44];

export interface Histogram {
  /** What was counted. */
  values: Pixels;
  /** The limits of the bins, one more than there are bins. */
  edges: number[];
  counts: number[];
}

/** The histogram of values, or the known one if it still holds. */
export function histogramOf(values: Pixels, edges: number[], known: Histogram | null): Histogram {
  const isSame = known?.values === values && edges.every((edge, i) => edge === known.edges[i]);
  return isSame ? known : { values, edges, counts: counted(values, edges) };
}

/** The limits of bins that are equally wide on the scale that is drawn: in a logarithm, they are powers. */
export function edgesOf(window: Window, look: Look, isInteger: boolean): number[] {
  const limits = limitsOf({ start: window.min, end: window.max }, look.scale, isInteger);
  return Array.from({ length: BINS + 1 }, (_, i) => valueOf(i / BINS, limits, look));
}

/** Counts like `numpy.histogram(values, edges)`; NaN and what lies outside is not counted. */
function counted(values: Pixels, edges: number[]): number[] {
  const counts = new Array<number>(BINS).fill(0);
  const [least = 0, most = 0] = [edges[0], edges[BINS]];
  for (const value of values) {
    if (!(value >= least && value <= most)) continue;
    let bin = 0;
    for (let step = BINS / 2; step >= 1; step /= 2) if (value >= (edges[bin + step] as number)) bin += step;
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
}

/**
 * The histogram of a channel, with a line at each contrast limit; the nearest line follows a drag.
 *
 * For the keyboard there are the sliders and fields of the limits.
 */
export function histogramControl(channel: Channel, image: Multiscale, onLimit: (bound: "start" | "end", value: number) => void): Control {
  const element = make("canvas", { className: "histogram", width: 2 * WIDTH, height: 2 * HEIGHT });
  element.setAttribute("role", "img");
  let bound: "start" | "end" = "start";
  const limits = () => limitsOf({ start: channel.window?.min ?? 0, end: channel.window?.max ?? 1 }, image.look.scale, image.isInteger);
  const shareAt = (event: PointerEvent) => Math.min(1, Math.max(0, event.offsetX / element.clientWidth));
  const drag = (event: PointerEvent) => onLimit(bound, valueOf(shareAt(event), limits(), image.look));
  element.addEventListener("pointerdown", (event) => {
    if (!channel.window) return;
    const [start, end] = [channel.window.start, channel.window.end].map((value) => shareOf(value, limits(), image.look)) as [number, number];
    bound = shareAt(event) < (start + end) / 2 ? "start" : "end";
    element.setPointerCapture(event.pointerId);
    drag(event);
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) drag(event);
  });
  const update = () => {
    const { histogram, window } = channel;
    element.hidden = !histogram || !window || !channel.active;
    if (!histogram || !window) return;
    element.dataset.counts = histogram.counts.join(" ");
    element.setAttribute("aria-label", described(channel.name, histogram));
    draw(element, histogram, [window.start, window.end].map((value) => shareOf(value, limits(), image.look)));
  };
  return { element, update };
}

/** The histogram in words. */
function described(name: string, { edges, counts }: Histogram): string {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const fullest = counts.indexOf(Math.max(...counts));
  const [low = 0, high = 0] = edges.slice(fullest, fullest + 2);
  const range = `${short(edges[0] as number)} to ${short(edges.at(-1) as number)}`;
  return `Histogram of ${name}: ${total} values from ${range}, most of them (${counts[fullest]}) from ${short(low)} to ${short(high)}`;
}

/** Bars as high as the logarithms of the counts, so that rare values are visible beside frequent ones. */
function draw(canvas: HTMLCanvasElement, { counts }: Histogram, lines: number[]): void {
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const { width, height } = canvas;
  const highest = Math.log1p(Math.max(1, ...counts));
  context.clearRect(0, 0, width, height);
  context.fillStyle = "#8bd";
  counts.forEach((count, i) => {
    const bar = (Math.log1p(count) / highest) * height;
    context.fillRect((i * width) / BINS, height - bar, width / BINS - 1, bar);
  });
  context.fillStyle = "#fff";
  for (const share of lines) context.fillRect(Math.min(width - 3, Math.max(0, share * width - 1)), 0, 3, height);
}
