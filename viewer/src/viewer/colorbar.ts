/** The bar that says which colour stands for which value. */

import { colorAt, tableOf } from "./colormaps";
import type { Control } from "./controls";
import { limitsOf, type Look, shareOf, valueOf } from "./look";
import type { Channel, Multiscale } from "./multiscale";
import { short, textsOf } from "./numbers";
import { make } from "./page";

const [WIDTH, HEIGHT] = [220, 12];
/** Pixels below the bar in a picture: for the ticks and the line of numbers. */
const [TICK, LINE] = [4, 20];
/** The least distance of two numbers below the bar, as a share of its width. */
const APART = 0.2;
/** The width of a character below the bar, in pixels; the digits of all common fonts of 12 px are narrower. */
const CHARACTER = 8;

/** What the bar of an image's only shown channel says: its limits, and ticks at shares of its width. */
export interface Legend {
  channel: Channel;
  limits: [low: number, high: number];
  unit: string;
  ticks: { share: number; text: string }[];
}

/** The legend of an image's only shown channel; null if there are more, or colours. */
export function legendOf(image: Multiscale): Legend | null {
  const [channel, ...others] = image.channels.filter(({ active }) => active);
  if (!channel?.window || others.length > 0 || image.isRgb || image.isLabels) return null;
  const limits = limitsOf(channel.window, image.look.scale, image.isInteger);
  const unit = image.valueUnit ? ` ${image.valueUnit}` : "";
  const { values, texts } = labelled(limits, image.look, unit);
  return { channel, limits, unit, ticks: values.map((value, i) => ({ share: shareOf(value, limits, image.look), text: texts[i] ?? "" })) };
}

/** The bar in the panel; hidden if there is no legend. */
export function colorBar(image: Multiscale): Control {
  const canvas = make("canvas", { width: WIDTH, height: 1 });
  const ticks = make("div", { className: "ticks" });
  const element = make("div", { className: "colorbar" });
  element.setAttribute("role", "img");
  element.append(canvas, ticks);
  const update = () => {
    const legend = legendOf(image);
    element.hidden = legend === null;
    if (legend === null) return;
    const { channel, limits, unit } = legend;
    paint(canvas.getContext("2d") as CanvasRenderingContext2D, channel, image.look);
    ticks.replaceChildren(...legend.ticks.map(({ text, share }) => tick(text, share)));
    element.setAttribute("aria-label", `Colours from ${short(limits[0])} to ${short(limits[1])}${unit}, ${image.look.scale} scale`);
  };
  return { element, update };
}

/** Draw the legend with its lower right corner at the origin, in CSS pixels, for a picture of the image. */
export function drawLegend(context: CanvasRenderingContext2D, { channel, ticks }: Legend, look: Look): void {
  context.translate(-WIDTH, -HEIGHT - LINE);
  context.strokeStyle = "#fff";
  context.strokeRect(-0.5, -0.5, WIDTH + 1, HEIGHT + 1);
  context.save();
  context.shadowColor = "transparent";
  paint(context, channel, look);
  context.restore();
  context.textBaseline = "top";
  context.textAlign = "left";
  for (const { share, text } of ticks) {
    context.fillRect(share * (WIDTH - 1), HEIGHT, 1, TICK);
    context.fillText(text, share * (WIDTH - context.measureText(text).width), HEIGHT + TICK + 2);
  }
}

function paint(context: CanvasRenderingContext2D, { color }: Channel, look: Look): void {
  const table = tableOf(look.colormap);
  for (let x = 0; x < WIDTH; x++) {
    context.fillStyle = `rgb(${colorAt((x + 0.5) / WIDTH, table, look.isReversed, color).join(" ")})`;
    context.fillRect(x, 0, WIDTH - x, HEIGHT); // to the end: no seams if a pixel of the bar is no whole pixel
  }
}

function tick(textContent: string, share: number): HTMLElement {
  const element = make("span", { textContent });
  element.style.left = `${share * 100}%`;
  element.style.translate = `${-share * 100}% 0`;
  return element;
}

/** Ticks and their numbers, the last with the unit; fewer ticks if the numbers would overlap. */
function labelled(limits: [low: number, high: number], look: Look, unit: string): { values: number[]; texts: string[] } {
  const at = (apart: number) => {
    const values = ticksOf(limits, look, apart);
    const texts = textsOf(values);
    return { values, texts: texts.map((text, i) => (i === texts.length - 1 ? `${text}${unit}` : text)) };
  };
  const first = at(APART);
  const widest = (Math.max(...first.texts.map((text) => text.length)) * CHARACTER) / WIDTH;
  return widest > APART ? at(widest) : first;
}

/** Round values inside the limits, on a scale at least a share of the bar apart; the limits if there are too few. */
export function ticksOf(limits: [low: number, high: number], look: Look, apart: number): number[] {
  const candidates = look.scale === "log" || look.scale === "symlog" ? powers(limits) : steps(limits);
  const kept: number[] = [];
  for (const value of candidates) {
    const last = kept.at(-1);
    if (last === undefined || shareOf(value, limits, look) - shareOf(last, limits, look) >= apart) kept.push(value);
  }
  return kept.length > 1 ? kept : [limits[0], valueOf(0.5, limits, look), limits[1]];
}

/** Multiples of 1, 2 or 5 times a power of ten, at most six. */
function steps([low, high]: [number, number]): number[] {
  const power = 10 ** Math.floor(Math.log10((high - low) / 5));
  const step = ([1, 2, 5, 10].find((digit) => (high - low) / (digit * power) <= 5) ?? 10) * power;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

/** Zero and the powers of ten of both signs, in order. */
function powers([low, high]: [number, number]): number[] {
  const positive = Array.from({ length: 77 }, (_, i) => 10 ** (i - 38));
  return [...positive.map((value) => -value).reverse(), 0, ...positive].filter((value) => value >= low && value <= high);
}
