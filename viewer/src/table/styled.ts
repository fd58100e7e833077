/**
 * SlickGrid without style elements, and with the focus on its cells.
 *
 * SlickGrid writes the widths of its columns into a style element, which the page's content
 * security policy forbids; it allows style sheets that a script constructs. SlickGrid keeps the
 * focus on an empty element beside the cells, where a screen reader does not follow it.
 */

import { type Column, type GridOption, SlickGrid } from "slickgrid";

export type GridColumn = Column;

export class StyledGrid extends SlickGrid<unknown, GridColumn, GridOption<GridColumn>> {
  protected override createCssRules(): void {
    const sheet = new CSSStyleSheet();
    const { rowHeight = 25 } = this._options;
    const rule = (selector: string, declarations: string) => sheet.cssRules[sheet.insertRule(`.${this.uid} ${selector} { ${declarations} }`, sheet.cssRules.length)];
    rule(".slick-header-column", "left: 1000px");
    rule(".slick-cell", `height: ${rowHeight - this.cellHeightDiff}px`);
    rule(".slick-row", `height: ${rowHeight}px`);
    const ofColumns = (side: string) => this.columns.map((_, i) => rule(`.${side}${i}`, "") as CSSStyleRule);
    this.columnCssRulesL = ofColumns("l");
    this.columnCssRulesR = ofColumns("r");
    this.stylesheet = sheet as unknown as NonNullable<typeof this.stylesheet>;
    document.adoptedStyleSheets.push(sheet);
  }

  /** The width in which the columns are seen that scroll, in pixels. */
  get room(): number {
    return this._viewportTopR.clientWidth;
  }

  /** Whether a part of a column that scrolls is seen. */
  isInView(column: number): boolean {
    const [left = 0, right = 0] = [this.columnPosLeft[column], this.columnPosRight[column]];
    return right > this.scrollLeft && left < this.scrollLeft + this.room;
  }

  protected override removeCssRules(): void {
    const mine = this.stylesheet as unknown;
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== mine);
    this.stylesheet = null;
  }

  protected override setFocus(): void {
    this.getActiveCellNode()?.focus({ preventScroll: true });
  }

  /** Leave Tab to the browser: SlickGrid goes to the next cell, out of which no key leads. */
  protected override handleKeyDown(event: KeyboardEvent & { originalEvent: Event }): void {
    if (event.key !== "Tab") super.handleKeyDown(event);
  }

  /** Let Tab pass through the grid: it stops at the active cell, and nowhere else. */
  makeOneTabStop(): void {
    for (const element of this.getContainerNode().querySelectorAll("[tabindex]:not(.slick-cell)")) element.removeAttribute("tabindex");
    for (const cell of this.getContainerNode().querySelectorAll<HTMLElement>(".slick-cell[tabindex='0']")) cell.tabIndex = -1;
    const active = this.getActiveCellNode();
    if (active) active.tabIndex = 0;
  }
}
