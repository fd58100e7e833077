/**
 * The widths of the columns: what their headers and the cells in view need.
 *
 * The layout of the browser measures the text. A column gets what its header and the widest cell
 * seen so far need, within bounds; if all columns fit then, those that are still cut share the room
 * that is left. A column that the user has set keeps its width.
 */

import type { StyledGrid } from "./styled";

/** Pixels. Within the bounds, three columns of long texts fit in a window of 1280. */
const [LEAST, MOST] = [64, 400];
/** Pixels beside the text: padding and border of a cell, and what keeps a header off the handle that widens it. */
const [BESIDE_CELL, BESIDE_NAME] = [15, 14];
/** A step of the keys that widen and narrow, in pixels. */
const STEP = 40;

export class Widths {
  private readonly needed = new Map<number, number>();
  private readonly chosen = new Set<number>();

  constructor(private readonly grid: StyledGrid) {}

  /** Give the columns at these indices of the grid what they need now; true if a width has changed. */
  fit(columns: number[]): boolean {
    for (const column of columns) this.needed.set(column, Math.max(this.needed.get(column) ?? 0, this.measured(column)));
    return this.share();
  }

  /** Keep the width of a column that the user has dragged. */
  keep(column: number): void {
    this.chosen.add(column);
    this.share();
  }

  /** Widen a column by a number of steps, or narrow it if the number is negative. */
  step(column: number, steps: number): void {
    this.set(column, (this.grid.getColumns()[column]?.width ?? LEAST) + steps * STEP);
  }

  /** Give a column all that its header and its cells in view need, up to the width of the grid. */
  unfold(column: number): void {
    this.set(column, Math.min(this.measured(column), this.grid.room));
  }

  /** Give the columns what they need, and share the room that is left; true if a width has changed. */
  share(): boolean {
    const columns = this.grid.getColumns();
    const most = Math.min(MOST, this.grid.room);
    const widths = columns.map(({ width = LEAST }, i) => {
      const need = this.chosen.has(i) ? undefined : this.needed.get(i);
      return need === undefined ? width : Math.max(LEAST, Math.min(need, most));
    });
    let room = this.grid.room - widths.slice(1).reduce((sum, width) => sum + width, 0);
    const cut = [...this.needed].filter(([i, need]) => need > most && !this.chosen.has(i)).sort(([, a], [, b]) => a - b);
    cut.forEach(([i, need], place) => {
      const more = Math.max(0, Math.min(need - most, Math.floor(room / (cut.length - place))));
      widths[i] = most + more;
      room -= more;
    });
    return this.apply(widths);
  }

  private set(column: number, width: number): void {
    this.chosen.add(column);
    this.apply(this.grid.getColumns().map(({ width: own = LEAST }, i) => (i === column ? Math.max(width, LEAST) : own)));
  }

  private apply(widths: number[]): boolean {
    const columns = this.grid.getColumns();
    if (columns.every(({ width }, i) => width === widths[i])) return false;
    const active = this.grid.getActiveCell()?.cell;
    const isSeen = active !== undefined && this.grid.isInView(active);
    for (const [i, column] of columns.entries()) column.width = widths[i] as number;
    this.grid.reRenderColumns(false);
    if (isSeen) this.grid.scrollColumnIntoView(active);
    this.grid.render();
    return true;
  }

  /** The width that the header and the cells in view of a column need. */
  private measured(column: number): number {
    const header = this.grid.getHeaderColumn(column);
    const name = header?.querySelector(".name");
    const sort = header?.querySelector<HTMLElement>(".sort")?.offsetWidth ?? 0;
    const cells = this.grid.getContainerNode().querySelectorAll(`.slick-cell.l${column}:not(.pending)`);
    const widest = Math.max(0, ...[...cells].map(lengthOf));
    return Math.ceil(Math.max(name ? lengthOf(name) + sort + BESIDE_NAME : 0, widest + BESIDE_CELL));
  }
}

/** The length of the text of an element in pixels, also of what its box does not show. */
function lengthOf(element: Element): number {
  const range = document.createRange();
  range.selectNodeContents(element);
  return range.getBoundingClientRect().width;
}
