/**
 * The page of a table: a grid of its cells, and a plot of a column.
 *
 * It reads the URL of the server and the path of the table from the element `#table`, and the API
 * key from its own URL.
 */

import "slickgrid/dist/styles/css/slick.grid.css";
import "uplot/dist/uPlot.min.css";
import "./style.css";

import { registerTexts } from "../common/codecs/vlen";
import { note } from "../common/failures";
import { Following } from "../common/following";
import { mark } from "../common/moments";
import type { Column } from "./column";
import { button, make } from "./elements";
import type { Filter } from "./filtering";
import { Grid } from "./grid";
import { Lines } from "./lines";
import { MOST_ROWS, Orders, type Sort, whyNot } from "./order";
import { Plot } from "./plot";
import { read, type State, write } from "./state";
import { openTable, type Table } from "./table";
import { Toolbar } from "./toolbar";

const root = document.getElementById("table") as HTMLElement;
const failure = make("p", { className: "failure", role: "alert", hidden: true });
const count = make("p", { className: "count", role: "status" });

const REST_MS = 250;

class Page {
  private state: State = read();
  private readonly grid: Grid;
  private readonly toolbar: Toolbar;
  private readonly plot: Plot;
  private readonly orders: Orders;
  private readonly closed = new AbortController();
  private isSettled = false;
  private timer = 0;

  constructor(
    private readonly table: Table,
    lines: Lines,
  ) {
    this.orders = new Orders(table.columns);
    const tools = make("section", { className: "tools", ariaLabel: "Controls" });
    const plotted = make("section", { className: "plot", ariaLabel: "Plot", hidden: true });
    const cells = make("div", { className: "cells" });
    root.append(tools, failure, plotted, cells);
    this.toolbar = new Toolbar(tools, table, {
      onPlot: (column) => this.step({ plot: column.name, span: null }),
      onSort: (sort) => this.arrange({ sort }),
      onFilter: (filter) => this.arrange({ filter }),
      onAll: () => this.arrange({ sort: null, filter: null }),
      onGo: (row) => (this.grid.go(row), this.grid.focus()),
    });
    this.plot = new Plot(plotted, table, lines, {
      onZoom: (span) => this.step({ span }),
      onAxis: (x) => this.step({ x }),
      onClose: () => this.step({ plot: "", span: null }),
      onFailure: fail,
      onSettled: () => this.tell(),
    });
    this.grid = new Grid(cells, table, {
      onPlot: (column) => this.step({ plot: column.name, span: null }),
      onSort: (column) => this.arrange({ sort: turned(this.state.sort, column) }),
      onMove: () => this.moved(),
      onFailure: fail,
      onSettled: (isSettled) => ((this.isSettled = isSettled), this.tell()),
    });
    addEventListener("popstate", () => (clearTimeout(this.timer), (this.state = read()), void this.restore()), { signal: this.closed.signal });
  }

  /** Show what the address says. */
  async restore(): Promise<void> {
    const { sort, filter, row } = this.state;
    this.draw();
    await this.rearrange(sort, filter, (order) => this.grid.show(order, row));
    this.toolbar.show(this.grid.column, filter);
  }

  /** Show another state of the table. False if it has other columns: then it needs a page of its own. */
  async renew(fresh: Table): Promise<boolean> {
    const isAtEnd = this.grid.isAtEnd && !this.state.sort;
    if (!isAlike(this.table, fresh)) {
      this.change({ row: isAtEnd ? fresh.rows : this.grid.top }, false);
      return false;
    }
    await Promise.all(this.table.columns.map((column, i) => column.renew(fresh.columns[i] as Column)));
    this.table.rows = fresh.rows;
    this.orders.forget();
    this.draw();
    await this.rearrange(this.state.sort, this.state.filter, (order) => this.grid.renew(order, isAtEnd));
    this.toolbar.show(this.grid.column);
    return true;
  }

  /** Stop reading, since another page takes the place of this one. */
  close(): void {
    this.closed.abort();
    clearTimeout(this.timer);
    this.plot.close();
    this.grid.close();
  }

  private draw(): void {
    const find = (name: string) => this.table.columns.find((column) => column.name === name);
    this.plot.show(find(this.state.plot), find(this.state.x), this.state.span).catch(fail);
  }

  private step(change: Partial<State>): void {
    this.change(change, true);
    this.draw();
  }

  private arrange(change: { sort?: Sort | null; filter?: Filter | null }): void {
    if (this.table.rows > MOST_ROWS) return fail(new Error(whyNot(this.table.rows)));
    this.change({ ...change, row: 0 }, true);
    void this.rearrange(this.state.sort, this.state.filter, (order) => this.grid.show(order, 0));
  }

  private async rearrange(sort: Sort | null, filter: Filter | null, show: (order: Uint32Array | null) => void): Promise<void> {
    failure.hidden = true;
    root.dataset.state = "loading";
    try {
      const order = await this.orders.rows(sort, filter);
      if (sort !== this.state.sort || filter !== this.state.filter) return;
      show(order);
      this.grid.mark(sort);
      const rows = this.grid.length;
      count.textContent = order && rows < this.table.rows ? `${named(rows, "row")} of ${this.table.rows.toLocaleString("en")}` : named(this.table.rows, "row");
      count.textContent += `, ${named(this.table.columns.length, "column")}`;
    } catch (error) {
      fail(error as Error);
    }
  }

  /** Browsers refuse more than some addresses a second, so this waits until the user rests. */
  private moved(): void {
    this.toolbar.show(this.grid.column);
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.change({ row: this.grid.top }, false), REST_MS);
  }

  private change(change: Partial<State>, isStep: boolean): void {
    clearTimeout(this.timer);
    this.state = { ...this.state, ...change };
    write(this.state, isStep);
  }

  /** Say whether everything is drawn; the time of the first plot is for bench/viewer.py. */
  private tell(): void {
    if (this.isSettled) mark("rows");
    if (this.plot.isDrawn) mark("plot");
    root.dataset.state = this.isSettled && this.plot.isSettled ? "ready" : "loading";
  }
}

/** The next sort of a column: ascending, then descending, then none. */
function turned(sort: Sort | null, { name }: Column): Sort | null {
  if (sort?.column !== name) return { column: name, descending: false };
  return sort.descending ? null : { column: name, descending: true };
}

/** Whether two states of a table fit the same page: its columns, its notes, the width of its row numbers, its tools. */
function isAlike(one: Table, other: Table): boolean {
  const layout = ({ rows, columns, unavailable }: Table) => [
    String(rows).length,
    rows > MOST_ROWS,
    columns.map(({ key, width }) => [key, width]),
    unavailable,
  ];
  return JSON.stringify(layout(one)) === JSON.stringify(layout(other));
}

function named(number: number, noun: string): string {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

function fail(error: Error): void {
  note(error);
  root.dataset.state = "failed";
  failure.replaceChildren(error.message, " ", button("Try again", "Load the page again", () => location.reload()));
  failure.hidden = false;
}

function heading(server: string, path: string, key: string | null): HTMLElement {
  const home = new URL(`${server}view/${path.split("/").map(encodeURIComponent).join("/")}`);
  if (key !== null) home.searchParams.set("api_key", key);
  const about = make("a", { href: home.href, textContent: "About this table" });
  const licences = make("a", { href: root.dataset.licences ?? "", textContent: "Licences" });
  const nav = make("nav", { ariaLabel: "Pages" }, about, " ", licences);
  return make("header", {}, make("h1", { textContent: path.split("/").at(-1) || "Table" }), count, following.element, nav);
}

const server = new URL(root.dataset.root ?? "", location.href).href;
const key = new URLSearchParams(location.search).get("api_key");
const following = new Following("table", key, refresh, fail);
const header = heading(server, root.dataset.path ?? "", key);
let page: Page | null = null;

/** Read the table and show what the address says; again, if the data have changed. */
export async function refresh(): Promise<void> {
  const path = root.dataset.pathInV3 ?? "";
  const table = await openTable(server, path, key);
  if (await page?.renew(table)) return;
  page?.close();
  if (!header.isConnected) root.replaceChildren(header);
  // the header stays where it is, with the focus
  for (const element of [...root.children]) if (element !== header) element.remove();
  for (const [name, reason] of table.unavailable) root.append(make("p", { className: "note", textContent: `Left out: ${name}: ${reason}` }));
  page = new Page(table, new Lines(server, path, key));
  await page.restore();
}

registerTexts();
refresh().then(
  () => following.go(root.dataset.events ?? ""),
  (error) => {
    root.append(failure);
    fail(error);
  },
);
