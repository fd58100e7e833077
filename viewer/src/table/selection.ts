/** The cells that are selected with Shift or the mouse. */

import { type SlickEventData, SlickCellSelectionModel, type SlickRange } from "slickgrid";

const EXTENDING = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "PageUp", "PageDown"];

/**
 * SlickGrid's model, for as many rows as people select.
 *
 * It keeps an object for each selected row, so one key (Control, Shift and End) would end the page
 * at a billion rows.
 */
export class Selection extends SlickCellSelectionModel {
  static readonly MOST_ROWS = 10_000;

  override setSelectedRanges(ranges: SlickRange[], caller?: string, mode?: string): void {
    super.setSelectedRanges(ranges.filter(({ fromRow, toRow }) => toRow - fromRow < Selection.MOST_ROWS), caller, mode);
  }

  protected override handleKeyDown(event: SlickEventData): void {
    const { key, shiftKey, ctrlKey, metaKey } = event.getNativeEvent<KeyboardEvent>();
    if (shiftKey && !ctrlKey && !metaKey && EXTENDING.includes(key)) super.handleKeyDown(event);
  }
}
