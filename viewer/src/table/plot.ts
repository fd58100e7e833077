/** A plot of a column: the extremes of each bin of rows as a band, or each sample if they are few. */

import uPlot from "uplot";

import type { Column, Facts, Item } from "./column";
import { button, labelled, make, select } from "./elements";
import type { Line, Lines, Span } from "./lines";
import { axisOf, numberOf } from "./scales";
import type { Table } from "./table";
import { textOf } from "./values";

const HEIGHT = 240;
const [LEAST_PIXELS, MOST_PIXELS] = [500, 2000];
const FEWEST_ROWS = 4;
const REFINED_MS = 1000;
const ROWS = "row number";

interface Actions {
  onZoom: (span: Span | null) => void;
  onAxis: (x: string) => void;
  onClose: () => void;
  onFailure: (error: Error) => void;
  /** The plot is drawn, or begins to be read. */
  onSettled: () => void;
}

/** What is drawn: the values of `x` and of both edges of the band, null where there is none. */
interface Drawn {
  line: Line;
  x: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
}

export class Plot {
  isSettled = true;
  private readonly title = make("h2");
  private readonly note = make("p", { className: "note", role: "status" });
  private readonly canvas = make("div", { className: "canvas", role: "img" });
  private readonly axis: HTMLSelectElement;
  private chart: uPlot | null = null;
  private reading = new AbortController();
  private span: Span = [0, 1];
  private redraw: () => void = () => {};

  constructor(
    private readonly root: HTMLElement,
    private readonly table: Table,
    private readonly lines: Lines,
    private readonly actions: Actions,
  ) {
    this.axis = select([], () => actions.onAxis(this.axis.selectedIndex === 0 ? "" : this.axis.value));
    const controls = make("div", { className: "tools" }, this.title, labelled("Against", this.axis));
    controls.append(
      button("+", "Zoom in", () => this.zoom(0.5, 0)),
      button("−", "Zoom out", () => this.zoom(2, 0)),
      button("◂", "Earlier rows", () => this.zoom(1, -0.5)),
      button("▸", "Later rows", () => this.zoom(1, 0.5)),
      button("All", "Plot all rows", () => actions.onZoom(null)),
      button("Close", "Close the plot", actions.onClose),
    );
    root.append(controls, this.note, this.canvas);
    new ResizeObserver(() => this.chart?.setSize({ width: this.canvas.clientWidth, height: HEIGHT })).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  get isDrawn(): boolean {
    return this.chart !== null;
  }

  /** Plot rows of a column, all for null, against their numbers or the values of `x`; nothing without a column. */
  async show(column: Column | undefined, x: Column | undefined, span: Span | null): Promise<void> {
    this.reading.abort();
    const { signal } = (this.reading = new AbortController());
    this.root.hidden = !column;
    this.settle(!column);
    if (column) await this.draw(column, x, span, signal, false);
  }

  /** Stop reading: what is read is not shown any more. */
  close(): void {
    this.reading.abort();
    this.clear();
  }

  private async draw(column: Column, x: Column | undefined, span: Span | null, signal: AbortSignal, isAgain: boolean): Promise<void> {
    try {
      await this.readAndPaint(column, x, span, signal, isAgain);
    } catch (error) {
      if (signal.aborted) return;
      this.clear();
      this.note.textContent = (error as Error).message;
      this.actions.onFailure(error as Error);
    }
    if (!signal.aborted) this.settle(true);
  }

  /** List the columns, of which there may be thousands, when the first plot needs them. */
  private offerAxes(): void {
    if (this.axis.length > 0) return;
    this.axis.append(...[ROWS, ...this.table.columns.map(({ name }) => name)].map((name) => make("option", { value: name, textContent: name })));
  }

  /** With `isAgain` a plot of samples is there, and stays until the exact one can be read. */
  private async readAndPaint(column: Column, x: Column | undefined, span: Span | null, signal: AbortSignal, isAgain: boolean): Promise<void> {
    const facts = await column.open();
    this.title.textContent = facts.unit ? `${column.name} [${facts.unit}]` : column.name;
    this.offerAxes();
    this.axis.value = x?.name ?? ROWS;
    if (!facts.isPlotted) {
      this.clear();
      this.note.textContent = `A column of type ${facts.type} has no plot.`;
      return;
    }
    const [from, to] = (this.span = [Math.min(span?.[0] ?? 0, facts.rows), Math.min(span?.[1] ?? facts.rows, facts.rows)]);
    const pixels = Math.min(MOST_PIXELS, Math.max(LEAST_PIXELS, this.root.clientWidth));
    const line = await this.lines.read(column, facts, [from, to], { pixels }, signal);
    const against = x && { facts: await x.open(), line: await this.lines.read(x, await x.open(), [from, to], { pixels, factor: line.factor }, signal) };
    if (signal.aborted) return;
    const isSampled = line.isSampled || (against?.line.isSampled ?? false);
    if (isSampled) setTimeout(() => signal.aborted || void this.draw(column, x, span, signal, true), REFINED_MS);
    if (isSampled && isAgain) return;
    const drawn: Drawn = {
      line,
      x: Array.from(line.low, (_, i) => (against ? middleOf(against.facts, against.line, i) : line.start + i * line.factor + (line.factor - 1) / 2)),
      low: Array.from(line.low, (item) => numberOf(facts, item)),
      high: Array.from(line.high, (item) => numberOf(facts, item)),
    };
    if (against && !isAscending(drawn.x)) throw new Error(`The values of ${x?.name ?? ""} do not ascend: plot against the row number.`);
    this.note.textContent = said(line, isSampled, from, to);
    this.redraw = () => this.paint(column, facts, x, against?.facts, drawn);
    this.redraw();
    Object.assign(this.root, { plotted: { x: drawn.x, low: drawn.low, high: drawn.high, factor: line.factor, isSampled } });
  }

  private paint(column: Column, facts: Facts, x: Column | undefined, xFacts: Facts | undefined, drawn: Drawn): void {
    this.clear();
    const { line } = drawn;
    const color = (name: string) => getComputedStyle(this.root).getPropertyValue(name);
    const exact = (side: ArrayLike<Item>) => (_: uPlot, value: number | null, __: number, i: number | null) => (value === null || i === null ? "–" : textOf(facts, side[i] as Item));
    const isExact = line.factor === 1;
    const stroke = color("--plot");
    const series: uPlot.Series[] = [
      { label: x?.name ?? ROWS, value: (_, value) => (value === null ? "–" : xFacts?.kind === "time" ? new Date(value * 1000).toISOString() : String(value)) },
      { label: isExact ? column.name : "lowest", stroke, width: 1, value: exact(line.low), points: { show: isExact && line.low.length <= 200 } },
    ];
    if (!isExact) series.push({ label: "highest", stroke, width: 1, value: exact(line.high), points: { show: false } });
    this.chart = new uPlot(
      {
        width: this.canvas.clientWidth,
        height: HEIGHT,
        scales: { x: { time: xFacts?.kind === "time" } },
        axes: [axisOf(color, xFacts?.unit ?? "", xFacts, true), axisOf(color, facts.unit, facts, false)],
        series,
        bands: isExact ? [] : [{ series: [2, 1], fill: color("--band") }],
        cursor: { drag: { x: true, y: false, setScale: false } },
        hooks: { setSelect: [(chart) => this.selected(chart, line)] },
      },
      (isExact ? [drawn.x, drawn.low] : [drawn.x, drawn.low, drawn.high]) as uPlot.AlignedData,
      this.canvas,
    );
    this.canvas.ariaLabel = `${column.name}, rows ${this.span[0]} to ${this.span[1] - 1}`;
  }

  /** Zoom to the rows of the points that were dragged over. */
  private selected(chart: uPlot, line: Line): void {
    const { left, width } = chart.select;
    if (width < 3) return;
    const [first, last] = [chart.posToIdx(left), chart.posToIdx(left + width)];
    this.actions.onZoom(within([line.start + first * line.factor, line.start + (last + 1) * line.factor], this.table.rows));
  }

  /** Scale the number of rows that are plotted, and move on by a part of them. */
  private zoom(scale: number, move: number): void {
    const [from, to] = this.span;
    const size = Math.min(this.table.rows, Math.max(FEWEST_ROWS, Math.round((to - from) * scale)));
    const middle = (from + to) / 2 + move * (to - from);
    const start = Math.max(0, Math.min(this.table.rows - size, Math.round(middle - size / 2)));
    this.actions.onZoom(within([start, start + size], this.table.rows));
  }

  private clear(): void {
    this.chart?.destroy();
    this.chart = null;
    this.canvas.ariaLabel = "No plot";
  }

  private settle(isSettled: boolean): void {
    this.isSettled = isSettled;
    this.actions.onSettled();
  }
}

/** A span inside the table; null for all of it. */
function within([from, to]: Span, rows: number): Span | null {
  const span: Span = [Math.max(0, from), Math.min(rows, Math.max(to, from + FEWEST_ROWS))];
  return span[0] === 0 && span[1] === rows ? null : span;
}

function middleOf(facts: Facts, line: Line, i: number): number | null {
  const [low, high] = [line.low[i], line.high[i]].map((item) => (item === undefined ? null : numberOf(facts, item)));
  return low == null || high == null ? null : low + (high - low) / 2;
}

function isAscending(values: (number | null)[]): boolean {
  return values.every((value, i) => value !== null && (i === 0 || (values[i - 1] ?? 0) <= value));
}

function said({ factor, low }: Line, isSampled: boolean, from: number, to: number): string {
  if (to <= from) return "no rows";
  const rows = `rows ${from.toLocaleString("en")} to ${(to - 1).toLocaleString("en")}`;
  if (factor === 1) return `${rows}, each of ${low.length.toLocaleString("en")} samples`;
  return `${rows}, lowest and highest of each ${factor.toLocaleString("en")}${isSampled ? ", from samples, being refined" : ""}`;
}
