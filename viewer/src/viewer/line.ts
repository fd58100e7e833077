/**
 * A line over the image, drawn with the pointer or the keys, and the plot of the values along it.
 */

import { numberOf } from "./address";
import { type Point, toImage, toPage } from "./camera";
import { middleOf, pixelAt } from "./coordinates";
import type { Cursor } from "./cursor";
import { copy } from "./link";
import { short } from "./numbers";
import { button, draw, make, page, pageSize } from "./page";
import { plot } from "./plot";
import { along, type Samples } from "./samples";
import { symbolOf } from "./scalebar";
import type { Stage } from "./stage";

type Ends = [from: Point, to: Point];

const QUIET_MS = 120;

export class Line {
  private readonly svg = draw("svg", { id: "line", "aria-hidden": "true" });
  /** Lies over the image while a line is drawn, so that the pointer draws and does not move the image. */
  private readonly sheet = make("div", { id: "sheet", hidden: true });
  private readonly figure = make("figure", { id: "profile", hidden: true });
  /** What the figure shows of the values, above its buttons, which keep the focus. */
  private readonly values = make("div");
  /** The pixels of level 0 at the ends. */
  private ends: Ends | null = null;
  private isDrawing = false;
  /** Whether keys draw: then the end is at the cursor. */
  private isByKeys = false;
  private drawn = "";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private reading = new AbortController();
  private text = "";
  private readonly copying: HTMLButtonElement = button("Copy values", "Copy the values as a table", () => void copy(this.text, this.copying));

  constructor(
    private readonly stage: Stage,
    private readonly cursor: Cursor,
    private readonly onChange: () => void,
  ) {
    page.root.insertBefore(this.svg, cursor.crosshair);
    page.root.insertBefore(this.sheet, cursor.crosshair);
    page.root.append(this.figure);
    const buttons = make("div", { className: "buttons" });
    buttons.append(this.copying, button("Remove line", "Remove the line (L)", () => this.clear()));
    this.figure.append(this.values, buttons);
    this.sheet.addEventListener("pointerdown", (event) => this.press(event));
    this.sheet.addEventListener("pointermove", (event) => event.buttons === 1 && this.pull(event));
    this.sheet.addEventListener("pointerup", () => this.finish());
    cursor.watch(() => this.follow());
    stage.watch(() => this.changed());
  }

  /** Begin to draw a line, end it, or take it away. With the crosshair in use, or for keys alone, the line begins there. */
  toggle(isByKeys: boolean): void {
    if (this.isDrawing) return this.finish();
    if (this.ends) return this.set(null);
    if (isByKeys) this.cursor.crosshair.focus();
    this.isDrawing = true;
    this.isByKeys = document.activeElement === this.cursor.crosshair && this.cursor.pixel !== null;
    this.sheet.hidden = this.isByKeys;
    page.said.textContent = this.isByKeys ? "Move the cursor to the end of the line, then press L" : "Drag from one end of the line to the other; with keys, press C, and L at both ends";
    if (this.isByKeys) this.set([this.cursor.pixel as Point, this.cursor.pixel as Point]);
  }

  /** Take the line away. */
  clear(): void {
    this.isDrawing = false;
    this.sheet.hidden = true;
    if (this.figure.contains(document.activeElement)) page.canvas.focus({ preventScroll: true });
    this.set(null);
  }

  /** The ends for the address; null if there is no line. */
  get(): string | null {
    return this.ends && !this.isDrawing ? this.ends.flat().join(",") : null;
  }

  /** Draw the line that a text gives; none if it gives none on the image. */
  load(text: string | null): void {
    const numbers = (text ?? "").split(",").map(numberOf);
    const [height = 1, width = 1] = this.stage.image.axes.slice(-2).map(({ size }) => size);
    const isValid = numbers.length === 4 && numbers.every((n, i) => n !== null && Number.isInteger(n) && n >= 0 && n < (i % 2 ? height : width));
    const [x0, y0, x1, y1] = numbers as number[];
    this.set(isValid ? ([[x0, y0], [x1, y1]] as Ends) : null);
  }

  private press(event: PointerEvent): void {
    this.sheet.setPointerCapture(event.pointerId);
    const at = this.inside([event.offsetX, event.offsetY]);
    this.set([at, at]);
  }

  private pull(event: PointerEvent): void {
    if (this.ends) this.set([this.ends[0], this.inside([event.offsetX, event.offsetY])]);
  }

  private follow(): void {
    if (this.isDrawing && this.isByKeys && this.ends && this.cursor.pixel) this.set([this.ends[0], this.cursor.pixel]);
  }

  private finish(): void {
    this.isDrawing = false;
    this.sheet.hidden = true;
    page.said.textContent = "";
    const [[x0, y0], [x1, y1]] = this.ends ?? [[0, 0], [0, 0]];
    this.set(x0 === x1 && y0 === y1 ? null : this.ends);
  }

  /** The pixel of level 0 nearest to a point of the page. */
  private inside(at: Point): Point {
    const [height = 1, width = 1] = this.stage.image.axes.slice(-2).map(({ size }) => size);
    const [x, y] = pixelAt(this.stage.image, toImage(this.stage.camera, pageSize(), at));
    return [Math.min(width - 1, Math.max(0, x)), Math.min(height - 1, Math.max(0, y))];
  }

  private set(ends: Ends | null): void {
    this.ends = ends;
    this.changed();
    this.onChange();
  }

  /** Draw the line where it is on the page now, and read its values again if it shows others. */
  private changed(): void {
    const { camera, image } = this.stage;
    const points = this.ends?.map((pixel) => toPage(camera, pageSize(), middleOf(image, pixel))) ?? [];
    this.svg.replaceChildren(...(points.length === 2 ? [draw("path", { d: `M${points.join("L")}` }), ...points.map(([cx, cy]) => draw("circle", { cx, cy, r: 3 }))] : []));
    const wanted = this.ends ? JSON.stringify([this.ends, this.stage.generation, this.stage.active().map(({ plane, channel }) => [plane, channel.color])]) : "";
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    clearTimeout(this.timer);
    this.reading.abort();
    this.figure.dataset.state = "reading";
    if (!this.ends) this.figure.hidden = true;
    else this.timer = setTimeout(() => void this.read(this.ends as Ends), QUIET_MS);
  }

  private async read(ends: Ends): Promise<void> {
    const { signal } = (this.reading = new AbortController());
    try {
      const samples = await along(this.stage.tiles, this.stage.active().map(({ plane }) => plane), ...ends, signal);
      if (!signal.aborted) this.plot(ends, samples);
    } catch (error) {
      if (signal.aborted) return;
      this.values.replaceChildren((error as Error).message);
      this.copying.hidden = true;
      this.figure.hidden = false;
    }
  }

  private plot(ends: Ends, samples: Samples): void {
    const { image } = this.stage;
    const series = this.stage.active().map(({ channel }, i) => ({ name: channel.name, color: channel.color, values: samples.values[i] as Float64Array }));
    const { length, unit } = lengthOf(this.stage, ends);
    const xName = `distance (${unit})`;
    this.text = [[xName, ...series.map(({ name }) => name)], ...Array.from(samples.shares, (share, i) => [share * length, ...series.map(({ values }) => values[i])])]
      .map((row) => row.join("\t"))
      .join("\n");
    const caption = make("figcaption", { textContent: `${samples.shares.length} values of ${levelText(samples)}, ${short(length)} ${unit}` });
    this.values.replaceChildren(plot(series, samples.shares, length, xName, image.valueUnit ?? ""), caption);
    this.copying.hidden = false;
    delete this.copying.dataset.state;
    this.figure.hidden = false;
    this.figure.dataset.state = "read";
  }
}

/** Where the values come from: of a smaller level, each stands for several pixels. */
function levelText({ level, factor }: Samples): string {
  return level === 0 ? "level 0" : `level ${level}, each for ${short(factor[1])} × ${short(factor[0])} pixels`;
}

/** The length of a line in the unit that both axes have, else in pixels. */
function lengthOf({ image }: Stage, [[x0, y0], [x1, y1]]: Ends): { length: number; unit: string } {
  const [y, x] = image.axes.slice(-2);
  if (x?.unit && x.unit === y?.unit) return { length: Math.hypot((x1 - x0) * x.scale, (y1 - y0) * y.scale), unit: symbolOf(x.unit) };
  return { length: Math.hypot(x1 - x0, y1 - y0), unit: "pixels" };
}
