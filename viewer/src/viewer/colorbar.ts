/** The bar that says which colour stands for which value. */

import { colorAt, tableOf } from "./colormaps";
import { type Control, short } from "./controls";
import { limitsOf, type Look, shareOf, valueOf } from "./look";
import type { Channel, Multiscale } from "./multiscale";
import { make } from "./page";

const [WIDTH, HEIGHT] = [220, 12];
/** The least distance of two numbers below the bar, as a share of its width. */
const APART = 0.2;
/** The width of a character below the bar, in pixels; the digits of all common fonts of 12 px are narrower. */
const CHARACTER = 8;

/** The bar of an image's only shown channel; hidden if there are more, or colours. */
export function colorBar(image: Multiscale): Control {
  const canvas = make("canvas", { width: WIDTH, height: 1 });
  const ticks = make("div", { className: "ticks" });
  const element = make("div", { className: "colorbar" });
  element.setAttribute("role", "img");
  element.append(canvas, ticks);
  const update = () => {
    const shown = image.channels.filter((channel) => channel.active);
    const [channel] = shown;
    element.hidden = shown.length !== 1 || !channel?.window || image.isRgb;
    if (!channel?.window) return;
    const limits = limitsOf(channel.window, image.look.scale, image.isInteger);
    const unit = image.valueUnit ? ` ${image.valueUnit}` : "";
    paint(canvas, channel, image.look);
    const { values, texts } = labelled(limits, image.look, unit);
    ticks.replaceChildren(...values.map((value, i) => tick(texts[i] ?? "", shareOf(value, limits, image.look))));
    element.setAttribute("aria-label", `Colours from ${short(limits[0])} to ${short(limits[1])}${unit}, ${image.look.scale} scale`);
  };
  return { element, update };
}

function paint(canvas: HTMLCanvasElement, { color }: Channel, look: Look): void {
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const table = tableOf(look.colormap);
  for (let x = 0; x < WIDTH; x++) {
    context.fillStyle = `rgb(${colorAt((x + 0.5) / WIDTH, table, look.isReversed, color).join(" ")})`;
    context.fillRect(x, 0, 1, HEIGHT);
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

/** Numbers with as many digits as tell each from its neighbours, at least four; long ones as 9.007e15. */
function textsOf(values: number[]): string[] {
  const step = Math.min(...values.slice(1).map((value, i) => value - (values[i] as number)));
  return values.map((value) => {
    const digits = Math.ceil(Math.log10(Math.abs(value) / step)) + 1;
    const rounded = Number(value.toPrecision(Math.min(Math.max(digits || 0, 4), 17)));
    const [plain, power] = [rounded.toString(), rounded.toExponential().replace("e+", "e")];
    return plain.length > 7 && power.length < plain.length ? power : plain;
  });
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
