/**
 * The controls: a slider for each axis besides y, x and channels, and a row for each channel.
 *
 * The row says whether the channel is shown, in which colour, and with which contrast limits.
 */

import { type Channel, formatColor, MOST_ACTIVE, type Multiscale, parseColor, type Window } from "./multiscale";

const STEPS = 1000;
const STEP_KEYS: Record<string, string> = { z: "[ and ]", t: "comma and full stop" };

export interface Panel {
  /** Show the current position and channels in the controls. */
  update: () => void;
}

interface Actions {
  onChange: () => void;
  onAuto: () => void;
  onFit: () => void;
}

/**
 * Builds the controls in an element.
 *
 * The controls change `position` (an index for each axis) and the image's channels in place.
 */
export function buildPanel(root: HTMLElement, image: Multiscale, position: number[], actions: Actions): Panel {
  const updates: (() => void)[] = [];
  const add = (control: Control) => {
    root.append(control.element);
    updates.push(control.update);
  };
  for (const [i, axis] of image.axes.slice(0, -2).entries()) {
    if (i !== image.channelAxis && axis.size > 1) add(axisSlider(axis.name, axis.size, position, i, actions.onChange));
  }
  if (!image.isLabels) for (const channel of image.channels) add(channelControls(channel, image.channels, changed));
  const buttons = make("div", { className: "buttons" });
  buttons.append(button("Fit", "Show the whole image (0)", actions.onFit));
  if (!image.isLabels) buttons.append(button("Auto contrast", "Set the contrast of every shown channel from what it holds here (A)", actions.onAuto));
  root.append(buttons, make("p", { className: "hint", textContent: keys(image) }));

  function changed(): void {
    update();
    actions.onChange();
  }
  function update(): void {
    for (const each of updates) each();
  }
  update();
  return { update };
}

/** The keys and what they do, in words. */
function keys(image: Multiscale): string {
  const steps = image.axes.slice(0, -2).flatMap(({ name, size }) => (size > 1 && STEP_KEYS[name] ? [`${STEP_KEYS[name]} step through ${name}`] : []));
  return `${["Arrows pan", "+ and − zoom", "0 fits", ...steps].join(", ")}.`;
}

interface Control {
  element: HTMLElement;
  update: () => void;
}

function axisSlider(name: string, size: number, position: number[], axis: number, onChange: () => void): Control {
  const range = make("input", { type: "range", min: "0", max: String(size - 1), step: "1" });
  const value = make("output");
  const label = make("label", { className: "axis" });
  label.append(make("span", { textContent: name }), range, value);
  const update = () => {
    range.value = String(position[axis]);
    value.textContent = `${position[axis]} / ${size - 1}`;
  };
  range.addEventListener("input", () => {
    position[axis] = Number(range.value);
    update();
    onChange();
  });
  return { element: label, update };
}

function channelControls(channel: Channel, all: Channel[], onChange: () => void): Control {
  const element = make("fieldset");
  const shown = make("input", { type: "checkbox" });
  const color = make("input", { type: "color", title: `Colour of ${channel.name}` });
  const name = make("label");
  name.append(shown, ` ${channel.name}`);
  const values = make("output");
  const bounds = (["start", "end"] as const).map((bound) => boundSlider(channel, bound, onChange));
  const heading = make("div", { className: "channel" });
  heading.append(name, values, color);
  const sliders = make("div", { className: "bounds" });
  sliders.append(...bounds.map((bound) => bound.element));
  element.append(heading, sliders);
  shown.addEventListener("change", () => {
    channel.active = shown.checked;
    onChange();
  });
  color.addEventListener("input", () => {
    channel.color = parseColor(color.value);
    onChange();
  });
  const update = () => {
    shown.checked = channel.active;
    shown.disabled = !channel.active && all.filter((other) => other.active).length >= MOST_ACTIVE;
    color.value = formatColor(channel.color);
    values.textContent = channel.window ? `${short(channel.window.start)} – ${short(channel.window.end)}` : "";
    for (const bound of bounds) bound.update();
  };
  return { element, update };
}

/**
 * A slider for one end of the contrast window, in thousandths of the window's range.
 *
 * It pushes the other end ahead of it, so that the window is never empty.
 */
function boundSlider(channel: Channel, bound: "start" | "end", onChange: () => void): Control {
  const title = bound === "start" ? "what is drawn black" : "what is drawn in full colour";
  const range = make("input", { type: "range", min: "0", max: String(STEPS), step: "1", title: `${channel.name}: ${title}` });
  range.setAttribute("aria-label", range.title);
  range.addEventListener("input", () => {
    if (!channel.window) return;
    channel.window = withBound(channel.window, bound, Number(range.value) / STEPS);
    onChange();
  });
  const update = () => {
    range.disabled = !channel.window || !channel.active;
    if (!channel.window) return;
    const { min, max } = channel.window;
    range.value = String(Math.round(((channel.window[bound] - min) / (max - min)) * STEPS));
    range.setAttribute("aria-valuetext", short(channel.window[bound]));
  };
  return { element: range, update };
}

function withBound(window: Window, bound: "start" | "end", share: number): Window {
  const { min, max } = window;
  const least = (max - min) / STEPS;
  const value = min + share * (max - min);
  if (bound === "start") return { ...window, start: Math.min(value, max - least), end: Math.max(window.end, Math.min(value, max - least) + least) };
  return { ...window, end: Math.max(value, min + least), start: Math.min(window.start, Math.max(value, min + least) - least) };
}

function button(text: string, title: string, onClick: () => void): HTMLElement {
  const element = make("button", { type: "button", textContent: text, title });
  element.addEventListener("click", onClick);
  return element;
}

function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
): HTMLElementTagNameMap[Name] {
  return Object.assign(document.createElement(name), properties);
}

function short(value: number): string {
  return Number(value.toPrecision(4)).toString();
}
