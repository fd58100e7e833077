/**
 * The rulers along the edges of the image, and the scale bar.
 *
 * They follow the camera. They have the units of the axes, or count pixels.
 */

import { type Point, toImage, toPage } from "./camera";
import { coordinate, isPlaced, type Marks, pointAt, unitOf } from "./coordinates";
import type { Axis } from "./multiscale";
import { textsOf } from "./numbers";
import { draw, freeWidth, page, pageSize } from "./page";
import { lengthOf, scaleBar } from "./scalebar";
import type { Stage } from "./stage";

/** Pixels of the page between two ticks, at least, along x and y. */
const SPACING: Point = [90, 50];
/** Pixels of the page between two times along x, which are long texts. */
const TIME_SPACING = 160;
/** Pixels of the page that a character takes. */
const CHARACTER = 7;
const LENGTH = 6;
const MOST_TICKS = 100;
/** Pixels of the page that numbers take beside a ruler of y, and above one of x. */
const ROOM: Point = [48, 12];
/** Pixels of the page at its edges that rulers leave free. */
const EDGES = { left: 8, top: 2, right: 8, bottom: 66 };

export class Rulers {
  private readonly svg = draw("svg", { id: "rulers", "aria-hidden": "true" });
  private isDue = false;
  /** Whether the rulers are shown; the scale bar always is. */
  isShown = true;

  constructor(private readonly stage: Stage) {
    page.root.insertBefore(this.svg, page.canvas.nextSibling);
    stage.watch(() => this.plan());
    addEventListener("resize", () => this.plan());
  }

  show(isShown: boolean): void {
    this.isShown = isShown;
    this.plan();
  }

  /** Draw once before the next frame. */
  private plan(): void {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.isDue = false;
    const [y, x] = this.stage.image.axes.slice(-2) as [Axis, Axis];
    this.svg.replaceChildren(...(this.isShown ? [...this.ruler(x, 0), ...this.ruler(y, 1)] : []));
    const { pixel, stretch } = this.stage.image;
    const length = pixel ?? lengthOf(x);
    page.bar.hidden = length === null;
    if (!length) return;
    const { width, text } = scaleBar((length.size / stretch[1]) * 2 ** -this.stage.camera.zoom, length.unit);
    page.bar.style.width = `${width}px`;
    page.bar.textContent = text;
  }

  /** The ruler of an axis: 0 is x, above the image, and 1 is y, left of it; both stay on the page. */
  private ruler(axis: Axis, along: 0 | 1): SVGElement[] {
    const { camera, size, image } = this.stage;
    const stretch = image.stretch[along === 0 ? 1 : 0];
    const { height } = pageSize();
    const across = along === 0 ? 1 : 0;
    const first = toPage(camera, pageSize(), [0, 0]);
    const last = toPage(camera, pageSize(), [size.width, size.height]);
    const [least, most] = [[EDGES.left, EDGES.top], [freeWidth() - EDGES.right, height - EDGES.bottom]] as [Point, Point];
    const edge = Math.min(Math.max(first[across], least[across]), most[across]);
    const [start, end] = [Math.max(first[along], least[along]), Math.min(last[along], most[along])];
    const at = (value: number) => {
      const point = pointAt(axis, value) * stretch;
      return toPage(camera, pageSize(), [point, point])[along];
    };
    const [low, high] = [start, end].map((place) => coordinate(axis, toImage(camera, pageSize(), [place, place])[along] / stretch)) as Point;
    const isOfTimes = axis.dimension?.marks !== undefined && along === 0;
    const spacing = isOfTimes ? TIME_SPACING : SPACING[along];
    const { values, texts } = marksOf(axis, Math.min(low, high), Math.max(low, high), Math.abs(high - low) / Math.max(1, (end - start) / spacing));
    const line = along === 0 ? draw("path", { d: `M${start} ${edge}H${end}` }) : draw("path", { d: `M${edge} ${start}V${end}` });
    const longest = Math.max(0, ...texts.map(({ length }) => length)) * CHARACTER;
    const hasRoom = edge - least[across] >= (along === 0 ? ROOM[across] : Math.max(ROOM[across], longest));
    const places: number[] = [];
    const drawn = values.flatMap((value, i) => {
      const place = at(value);
      const isCrowded = places.length > 0 && Math.abs(place - (places.at(-1) as number)) < spacing / 2;
      const isCut = isOfTimes && place + longest > freeWidth();
      return isCrowded ? [] : (places.push(place), tick(isCut ? "" : (texts[i] ?? ""), place, edge, along, hasRoom));
    });
    return [line, ...drawn, nameOf(axis, end, edge, along, most[along])];
  }
}

/** Round coordinates of an axis from `low` to `high`, at least `step` apart. */
function marksOf({ dimension }: Axis, low: number, high: number, step: number): Marks {
  if (dimension?.marks) return dimension.marks(low, high, step);
  const values = ticks(low, high, step);
  return { values, texts: textsOf(values) };
}

/** A tick and its number, outside of the image if there is room. */
function tick(text: string, at: number, edge: number, along: 0 | 1, hasRoom: boolean): SVGElement[] {
  if (along === 0) return [draw("path", { d: `M${at} ${edge}v${-LENGTH}` }), draw("text", { x: at + 3, y: edge + (hasRoom ? -3 : 12) }, text)];
  const place = hasRoom ? { x: edge - 9, "text-anchor": "end" } : { x: edge + 4, "text-anchor": "start" };
  return [draw("path", { d: `M${edge} ${at}h${-LENGTH}` }), draw("text", { ...place, y: at + 4 }, text)];
}

/** The name of an axis and its unit, behind the end of its ruler if there is room. */
function nameOf(axis: Axis, end: number, edge: number, along: 0 | 1, most: number): SVGElement {
  const name = axis.dimension?.name ?? axis.name;
  const unit = unitOf(axis) || (isPlaced(axis) ? "" : "pixels");
  const text = unit ? `${name} (${unit})` : name;
  const behind = most - end < 70 ? { x: end - 4, y: edge + 24, "text-anchor": "end" } : { x: end + 7, y: edge + 4, "text-anchor": "start" };
  if (along === 0) return draw("text", { ...behind, class: "name" }, text);
  return draw("text", { x: edge, y: most - end < 14 ? end - 6 : end + 14, class: "name" }, text);
}

/** Round numbers from `low` to `high`, 1, 2 or 5 times a power of ten apart, at least `step`. */
export function ticks(low: number, high: number, step: number): number[] {
  if (!(step > 0 && Number.isFinite(step) && high > low)) return [];
  const power = 10 ** Math.floor(Math.log10(step));
  const round = ([1, 2, 5].find((digit) => digit * power >= step * 0.999) ?? 10) * power;
  const first = Math.ceil(low / round - 1e-9);
  const count = Math.min(MOST_TICKS, Math.floor(high / round + 1e-9) - first + 1);
  return Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * round);
}
