/** The grid: cells of the rows and columns that are in view. */

import { Chunks } from "./chunks";
import type { Column } from "./column";
import { make } from "./elements";
import type { Sort } from "./order";
import { Selection } from "./selection";
import { type GridColumn, StyledGrid } from "./styled";
import type { Table } from "./table";
import { cellOf } from "./values";
import { Whole } from "./whole";
import { Widths } from "./widths";

const ROW_HEIGHT = 26;
const DIGIT_WIDTH = 9;
/** We wait for this long after a scroll before we request what is in view then. */
const PAUSE_MS = 40;
const MOST_COPIED = 100_000;

interface Actions {
  onPlot: (column: Column) => void;
  onSort: (column: Column) => void;
  /** The user has scrolled, or chosen another cell. */
  onMove: () => void;
  onFailure: (error: Error) => void;
  /** All cells in view are here, or not any more. */
  onSettled: (isSettled: boolean) => void;
}

interface Shown {
  text: string;
  addClasses: string;
  removeClasses: string;
}

export class Grid {
  private readonly grid: StyledGrid;
  private readonly chunks: Chunks;
  private readonly widths: Widths;
  private readonly whole: Whole;
  private order: Uint32Array | null = null;
  private timer = 0;

  constructor(
    element: HTMLElement,
    private readonly table: Table,
    private readonly actions: Actions,
  ) {
    this.chunks = new Chunks(() => this.arrived(), actions.onFailure);
    const data = { getLength: () => this.length, getItem: (i: number) => i + 1, getItemMetadata: () => null };
    this.grid = new StyledGrid(element, data, this.columns(), {
      rowHeight: ROW_HEIGHT,
      frozenColumn: 0,
      enableColumnReorder: false,
      enableHtmlRendering: false,
      enableMouseWheelScrollHandler: false,
      emulatePagingWhenScrolling: false,
    });
    element.ariaLabel = "Cells";
    element.ariaColCount = String(table.columns.length + 1);
    this.grid.setSelectionModel(new Selection());
    this.grid.onHeaderClick.subscribe((event, { column }) => this.clicked(event.getNativeEvent<MouseEvent>(), column));
    this.grid.onViewportChanged.subscribe(() => this.look());
    this.grid.onActiveCellChanged.subscribe(() => this.activated());
    this.grid.onRendered.subscribe(() => this.number());
    this.widths = new Widths(this.grid);
    this.grid.onColumnsResized.subscribe((_, { triggeredByColumn }) => this.widths.keep(this.grid.getColumnIndex(triggeredByColumn)));
    this.grid.onColumnsResizeDblClick.subscribe((_, { triggeredByColumn }) => this.widths.unfold(this.grid.getColumnIndex(triggeredByColumn)));
    element.addEventListener("keydown", (event) => this.widen(event));
    element.addEventListener("copy", (event) => this.copy(event));
    this.whole = new Whole(element);
    new ResizeObserver(() => (this.grid.resizeCanvas(), this.widths.share(), this.look())).observe(element);
    this.show(null, 0);
  }

  get length(): number {
    return this.order?.length ?? this.table.rows;
  }

  /** The first row in view, in the order that is shown. */
  get top(): number {
    return Math.max(0, Math.min(this.grid.getViewport().top, this.length - 1));
  }

  /** Whether the last row is in view. */
  get isAtEnd(): boolean {
    return this.grid.getViewport().bottom >= this.length - 1;
  }

  /** The column of the active cell. */
  get column(): Column | undefined {
    return this.table.columns[(this.grid.getActiveCell()?.cell ?? 0) - 1];
  }

  /** Show these rows of the table, all of them for null, from one on. */
  show(order: Uint32Array | null, top: number): void {
    this.put(order);
    this.go(top);
    this.look();
  }

  /** Show these rows in place of those before, since the data have changed; the active cell stays. */
  renew(order: Uint32Array | null, isAtEnd: boolean): void {
    this.chunks.forget();
    this.put(order);
    if (isAtEnd) this.grid.scrollRowToTop(Math.max(0, this.length - 1));
    this.grid.render();
    this.look();
  }

  /** Scroll to a row, in the order that is shown, and make its cell the active one. */
  go(row: number): void {
    const within = Math.max(0, Math.min(row, this.length - 1));
    this.grid.scrollRowToTop(within);
    if (this.length > 0) this.grid.setActiveCell(within, Math.max(1, this.grid.getActiveCell()?.cell ?? 1), false, true, true);
    this.grid.render();
    this.number();
  }

  focus(): void {
    this.grid.focus();
  }

  /** Say in the headers which column is sorted. */
  mark(sort: Sort | null): void {
    this.table.columns.forEach((column, i) => {
      const header = this.grid.getHeaderColumn(`c${i}`);
      const direction = sort?.column === column.name ? (sort.descending ? "descending" : "ascending") : "none";
      if (header && header.ariaSort !== direction) header.ariaSort = direction;
    });
  }

  /** Stop reading, and leave the page. */
  close(): void {
    clearTimeout(this.timer);
    this.chunks.forget();
    this.grid.destroy();
  }

  private columns(): GridColumn[] {
    const width = Math.max(60, DIGIT_WIDTH * String(this.table.rows).length + 20);
    const numbers: GridColumn = {
      id: "row",
      field: "row",
      name: "#",
      toolTip: "Row number",
      width,
      focusable: false,
      selectable: false,
      cssClass: "number",
      cellAttrs: { "aria-colindex": 1 },
      formatter: (row) => String(this.source(row)),
    };
    const others = this.table.columns.map((column, i): GridColumn => ({
      id: `c${i}`,
      field: `c${i}`,
      name: header(column),
      toolTip: column.name,
      width: column.width,
      cellAttrs: { "aria-colindex": i + 2 },
      formatter: (row) => this.cell(column, this.source(row)),
    }));
    return [numbers, ...others];
  }

  private put(order: Uint32Array | null): void {
    this.order = order;
    this.grid.invalidateAllRows();
    this.grid.updateRowCount();
    this.grid.getContainerNode().ariaRowCount = String(this.length + 1);
  }

  /** The row of the table that is shown as a row of the grid. */
  private source(row: number): number {
    return this.order?.[row] ?? row;
  }

  private cell(column: Column, row: number): Shown {
    const block = this.chunks.at(column, row);
    if (!column.facts || !block) return { text: "", addClasses: "pending", removeClasses: "missing" };
    const { text, isMissing } = cellOf(column.facts, block, row);
    const isNumber = column.facts.kind === "integer" || column.facts.kind === "float";
    return { text, addClasses: `${isMissing ? "missing" : ""} ${isNumber ? "right" : ""}`.trim(), removeClasses: isMissing ? "pending" : "pending missing" };
  }

  private look(): void {
    this.actions.onSettled(false);
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => (this.request(), this.actions.onMove()), PAUSE_MS);
  }

  /** Request the cells in view. */
  private request(): void {
    const { top, bottom, leftPx, rightPx } = this.grid.getViewport();
    const last = Math.min(bottom, this.length - 1);
    const rows = Array.from({ length: Math.max(0, last - top + 1) }, (_, i) => this.source(top + i));
    const inView = this.inView(leftPx, rightPx);
    this.chunks.want(inView.map((i) => this.table.columns[i - 1] as Column), rows);
    // narrower columns bring others into view; widths that only grow let this end
    if (this.chunks.isSettled && this.widths.fit(inView)) return this.request();
    this.whole.renew();
    this.settle();
  }

  /** The indices in the grid of the columns between two edges in pixels. */
  private inView(left: number, right: number): number[] {
    const columns = this.grid.getColumns();
    const found: number[] = [];
    for (let i = 1, edge = 0; i < columns.length && edge < right; i++) {
      edge += columns[i]?.width ?? 0;
      if (edge > left) found.push(i);
    }
    return found;
  }

  /** Widen or narrow the column of the active cell by a key. */
  private widen({ key, ctrlKey, metaKey, altKey }: KeyboardEvent): void {
    const column = this.grid.getActiveCell()?.cell;
    if (!column || ctrlKey || metaKey || altKey) return;
    if (key === "+") this.widths.step(column, 1);
    else if (key === "-") this.widths.step(column, -1);
    else if (key === "=") this.widths.unfold(column);
  }

  private arrived(): void {
    for (const row of Object.keys(this.grid.getRowCache())) this.grid.updateRow(Number(row));
    this.request();
  }

  private settle(): void {
    this.actions.onSettled(this.chunks.isSettled);
  }

  /** Tell assistive technology which rows these are, and make one cell the stop of Tab. */
  private number(): void {
    for (const [row, { rowNode }] of Object.entries(this.grid.getRowCache())) {
      for (const node of rowNode ?? []) node.ariaRowIndex = String(Number(row) + 2);
    }
    this.grid.makeOneTabStop();
  }

  /** The focus follows the active cell, unless it is elsewhere on the page. */
  private activated(): void {
    this.number();
    if (this.grid.getContainerNode().contains(document.activeElement)) this.grid.focus();
    this.actions.onMove();
  }

  private clicked(event: MouseEvent, { id }: GridColumn): void {
    const column = this.table.columns[Number(String(id).slice(1))];
    if (!column) return;
    if ((event.target as Element).closest(".sort")) this.actions.onSort(column);
    else this.actions.onPlot(column);
  }

  /** Copy the selected cells as tab-separated text. */
  private copy(event: ClipboardEvent): void {
    const [range] = this.grid.getSelectionModel()?.getSelectedRanges() ?? [];
    const active = this.grid.getActiveCell();
    const { fromRow, toRow, fromCell, toCell } = range ?? { fromRow: active?.row ?? 0, toRow: active?.row ?? -1, fromCell: active?.cell ?? 1, toCell: active?.cell ?? 1 };
    const columns = this.table.columns.slice(Math.max(0, fromCell - 1), toCell);
    const rows = Math.max(0, toRow - fromRow + 1);
    event.preventDefault();
    if (rows * columns.length > MOST_COPIED) return this.actions.onFailure(new Error(`Select ${MOST_COPIED} cells at most to copy them.`));
    const sources = Array.from({ length: rows }, (_, i) => this.source(fromRow + i));
    if (sources.some((row) => columns.some((column) => !this.chunks.at(column, row)))) {
      return this.actions.onFailure(new Error("Some selected cells have not been read yet: scroll to them, then copy."));
    }
    const lines = sources.map((row) => columns.map((column) => this.cell(column, row).text).join("\t"));
    event.clipboardData?.setData("text/plain", lines.join("\n"));
  }
}

function header(column: Column): HTMLElement {
  return make("span", { className: "heading" }, make("span", { className: "name", textContent: column.name }), make("span", { className: "sort", title: "Sort" }));
}
