/**
 * The cursor: the place of the image under the pointer, or under a crosshair that keys move.
 *
 * It shows the place and the values there.
 */

import { clamp, type Point, type Size, toImage, toPage } from "./camera";
import { coordinates, indexOf, middleOf, pixelAt } from "./coordinates";
import { freeWidth, make, page, pageSize } from "./page";
import type { Axis } from "./multiscale";
import type { Shown, Stage } from "./stage";
import type { Value, Values } from "./values";

const REST_MS = 60;
/** Pixels of the page, at least, by which an arrow key moves the crosshair; Shift makes them ten times as many. */
const STEP = 1;
const FASTER = 10;
const ARROWS: Record<string, Point> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Cursor {
  readonly crosshair = make("button", { type: "button", id: "crosshair", ariaLabel: "Cursor on the image: arrow keys move it" });
  private readonly readout = make("output", { id: "readout", hidden: true });
  private readonly listeners: (() => void)[] = [];
  /** The point of the page under the pointer; null if the crosshair was moved last. */
  private pointer: Point | null = null;
  /** The point of the drawing at the cursor, on the image or beside it. */
  private place: Point | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private reading = new AbortController();
  private generation = 0;

  constructor(
    private readonly stage: Stage,
    private readonly values: Values,
    /** Settled once the coordinates of the image are known, as far as they can be. */
    private readonly located: Promise<void>,
  ) {
    page.root.append(this.crosshair, this.readout);
    page.canvas.addEventListener("pointermove", (event) => this.point([event.offsetX, event.offsetY]));
    page.canvas.addEventListener("pointerleave", () => this.point(null));
    this.crosshair.addEventListener("focus", () => this.begin());
    this.crosshair.addEventListener("keydown", (event) => this.press(event));
    stage.watch(() => this.follow());
  }

  /** The pixel of level 0 at the cursor; null if it is not on the image. */
  get pixel(): Point | null {
    const { width, height } = this.extent;
    if (!this.place) return null;
    const [x, y] = pixelAt(this.stage.image, this.place);
    return x >= 0 && y >= 0 && x < width && y < height ? [x, y] : null;
  }

  private get extent(): Size {
    const [height = 1, width = 1] = this.stage.image.axes.slice(-2).map(({ size }) => size);
    return { width, height };
  }

  /** Call `listener` after each move of the cursor. */
  watch(listener: () => void): void {
    this.listeners.push(listener);
  }

  private point(at: Point | null): void {
    this.pointer = at;
    this.readout.ariaLive = "off";
    this.move(at && toImage(this.stage.camera, pageSize(), at));
  }

  /** Put the crosshair at the middle of what is visible of the image, unless the cursor is on the image. */
  private begin(): void {
    this.pointer = null;
    this.readout.ariaLive = "polite";
    this.go(this.pixel ?? pixelAt(this.stage.image, this.middle()));
  }

  /** The middle of what is visible of the image beside the panel. */
  private middle(): Point {
    const { camera, size } = this.stage;
    const [left, top] = toPage(camera, pageSize(), [0, 0]);
    const [right, bottom] = toPage(camera, pageSize(), [size.width, size.height]);
    const across = Math.max(0, left) + Math.min(freeWidth(), right);
    const down = Math.max(0, top) + Math.min(pageSize().height, bottom);
    return toImage(camera, pageSize(), [across / 2, down / 2]);
  }

  private press(event: KeyboardEvent): void {
    const direction = ARROWS[event.key];
    if (!direction || !this.pixel || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const step = Math.max(1, Math.round(STEP * 2 ** -this.stage.camera.zoom)) * (event.shiftKey ? FASTER : 1);
    this.pointer = null;
    this.readout.ariaLive = "polite";
    this.go([this.pixel[0] + direction[0] * step, this.pixel[1] + direction[1] * step]);
  }

  /** Move the crosshair to a pixel, and the image along if it would leave the page. */
  private go([x, y]: Point): void {
    const { width, height } = this.extent;
    this.move(middleOf(this.stage.image, [clamp(x, 0, width - 1), clamp(y, 0, height - 1)]));
    const camera = this.stage.camera;
    const [left, top] = toPage(camera, pageSize(), this.place as Point);
    const isVisible = left >= 0 && top >= 0 && left <= pageSize().width && top <= pageSize().height;
    if (!isVisible) this.stage.look({ ...camera, target: this.place as Point });
  }

  /** After the camera has moved or the image has changed: another place may be under the pointer. */
  private follow(): void {
    if (this.stage.generation !== this.generation) this.values.clear();
    this.generation = this.stage.generation;
    this.move(this.pointer ? toImage(this.stage.camera, pageSize(), this.pointer) : this.place);
  }

  private move(place: Point | null): void {
    this.place = place;
    this.draw();
    for (const listener of this.listeners) listener();
    clearTimeout(this.timer);
    this.reading.abort();
    this.readout.hidden = this.pixel === null;
    this.readout.dataset.state = "reading";
    if (!this.pixel) return;
    const [x, y] = this.pixel;
    const isKnown = this.stage.active().every(({ plane }) => this.values.isKnown(plane, x, y));
    this.timer = setTimeout(() => void this.read(), isKnown ? 0 : REST_MS);
  }

  private draw(): void {
    if (!this.place) return;
    const [left, top] = toPage(this.stage.camera, pageSize(), this.place);
    this.crosshair.style.left = `${left}px`;
    this.crosshair.style.top = `${top}px`;
  }

  private async read(): Promise<void> {
    const pixel = this.pixel as Point;
    const { signal } = (this.reading = new AbortController());
    const shown = this.stage.active();
    try {
      const values = await Promise.all(shown.map(({ plane }) => this.values.at(plane, ...pixel, signal)));
      const isExact = await this.values.isExact();
      await this.located;
      if (signal.aborted) return;
      this.write(pixel, shown, values, isExact);
    } catch (error) {
      if (!signal.aborted) this.say(pixel, make("span", { textContent: (error as Error).message }));
      if (!signal.aborted) this.readout.dataset.state = "failed";
    }
  }

  private write(pixel: Point, shown: Shown[], values: Value[], isExact: boolean): void {
    const distinct = values.map(({ place }, i) => values.findIndex((other) => other.place === place) === i);
    const isNamed = distinct.filter(Boolean).length > 1 || this.stage.image.channels.length > 2;
    const parts = values.map((value, i) => {
      const part = make("span", { className: "value", textContent: valueText(value) });
      if (isNamed) part.prepend(make("span", { className: "name", textContent: `${shown[i]?.channel.name} ` }));
      return part;
    });
    const note = isExact ? [] : [make("span", { className: "note", textContent: "as drawn" })];
    this.say(pixel, ...parts.filter((_, i) => distinct[i]), ...note);
    this.readout.dataset.state = "read";
  }

  /** The place and what is there, with spaces between for those who hear it. */
  private say(pixel: Point, ...parts: HTMLElement[]): void {
    this.readout.replaceChildren(placeText(this.stage, pixel), ...parts.flatMap((part) => [" ", part]));
  }
}

function placeText(stage: Stage, [x, y]: Point): HTMLElement {
  const found = coordinates(stage.image, [x, y]);
  const [rows, columns] = stage.image.axes.slice(-2) as [Axis, Axis];
  const place = `${columns.name} ${indexOf(columns, x)}, ${rows.name} ${indexOf(rows, y)}`;
  return make("span", { className: "place", textContent: `${place}${found ? ` (${found})` : ""}` });
}

function valueText({ text, unit, stored, isMark }: Value): string {
  return `${text}${unit && !isMark ? ` ${unit}` : ""}${stored ? ` (stored ${stored})` : ""}`;
}
