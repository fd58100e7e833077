/** The elements of the page, and the messages that it shows. */

import type { Size } from "./camera";
import { note } from "../common/failures";
import { HttpError } from "../common/store";

/** The status of paths that name a revision of the image that has gone. */
const GONE = 410;

export const page = {
  root: element("viewer"),
  canvas: element("canvas") as HTMLCanvasElement,
  panel: element("panel") as HTMLDetailsElement,
  controls: element("controls"),
  notice: element("notice"),
  failure: element("failure"),
  bar: element("scalebar"),
  nothing: element("nothing"),
  /** What the page has just done, for those who do not see it. */
  said: element("said"),
};

/** The API key in the address of the page, or null. */
export const key = new URLSearchParams(location.search).get("api_key");

/** The size of the image's part of the page, in CSS pixels. */
export function pageSize(): Size {
  return { width: page.canvas.clientWidth, height: page.canvas.clientHeight };
}

/** The width of the page that the panel leaves free, in CSS pixels, if it is open and lies at the right. */
export function freeWidth(): number {
  const { left, width } = page.panel.getBoundingClientRect();
  return page.panel.open && width < pageSize().width / 2 ? left : pageSize().width;
}

export function notice(isSampled: boolean): void {
  page.notice.textContent = "Overview sampled, being refined";
  page.notice.hidden = !isSampled;
}

/** Show an error, with a button that calls `again`; if the revision of the image has gone, it loads the page. */
export function fail(error: Error, again: () => void = reload): void {
  note(error);
  page.root.dataset.state = "failed";
  const isGone = error instanceof HttpError && error.status === GONE;
  page.failure.replaceChildren(error.message, " ", button("Try again", "", isGone ? reload : again));
  page.failure.hidden = false;
}

export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
): HTMLElementTagNameMap[Name] {
  return Object.assign(document.createElement(name), properties);
}

/** A button with a text, and a title that says more. */
export function button(text: string, title: string, onClick: (event: MouseEvent) => void): HTMLButtonElement {
  const made = make("button", { type: "button", textContent: text, title });
  made.addEventListener("click", onClick);
  return made;
}

/** An element of an SVG drawing. */
export function draw<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Record<string, string | number> = {},
  text = "",
): SVGElementTagNameMap[Name] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value));
  if (text) made.textContent = text;
  return made;
}

function reload(): void {
  location.reload();
}

function element(id: string): HTMLElement {
  return document.getElementById(id) as HTMLElement;
}
