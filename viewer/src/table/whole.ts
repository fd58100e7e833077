/** The whole text of a cell whose box cuts it: below the cell that has the pointer, or else the focus. */

import { make } from "./elements";

/** Pixels between the text and the edge of the window. */
const MARGIN = 8;

export class Whole {
  // a screen reader reads the whole text in the cell itself
  private readonly element = make("div", { className: "whole", ariaHidden: "true", hidden: true });
  private cell: Element | null = null;

  constructor(private readonly grid: HTMLElement) {
    grid.append(this.element);
    // cells that scroll below a pointer at rest do not have it
    grid.addEventListener("pointermove", ({ target, movementX, movementY }) => (movementX || movementY) && this.show(cellAt(target) ?? this.focused()));
    grid.addEventListener("pointerleave", () => this.show(this.focused()));
    grid.addEventListener("focusin", () => this.show(this.focused()));
    grid.addEventListener("focusout", () => this.show(null));
    grid.addEventListener("scroll", ({ target }) => target !== this.element && this.renew(), { capture: true });
    grid.addEventListener("keydown", ({ key }) => key === "Escape" && this.show(null));
  }

  /** Show it where the cell is now. */
  renew(): void {
    const { cell } = this;
    this.element.hidden = !cell || cell.scrollWidth <= cell.clientWidth || !this.isInView(cell);
    if (!cell || this.element.hidden) return;
    this.element.textContent = cell.textContent;
    const { left, top, bottom } = cell.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const isBelow = bottom + height + MARGIN <= innerHeight;
    this.element.style.left = `${Math.max(MARGIN, Math.min(left, innerWidth - width - MARGIN))}px`;
    this.element.style.top = `${isBelow ? bottom : Math.max(MARGIN, top - height)}px`;
  }

  private isInView(cell: Element): boolean {
    const [box, frame] = [cell, this.grid].map((element) => element.getBoundingClientRect()) as [DOMRect, DOMRect];
    return box.right > frame.left && box.left < frame.right && box.bottom > frame.top && box.top < frame.bottom;
  }

  private focused(): Element | null {
    return this.grid.querySelector(".slick-cell:focus");
  }

  private show(cell: Element | null): void {
    if (cell === this.element) return; // the pointer is on the text, to scroll or to select it
    this.cell = cell;
    this.renew();
  }
}

function cellAt(target: EventTarget | null): Element | null {
  return (target as Element).closest(".slick-cell, .whole");
}
