/** Labelled controls: each changes one value, and shows it again at an update. */

import { type Color, formatColor, parseColor } from "./multiscale";
import { fieldText } from "./numbers";
import { make } from "./page";

export interface Control {
  element: HTMLElement;
  /** Show the present value. */
  update: () => void;
}

/** A value that a control shows and changes. */
export interface Value<T> {
  get: () => T;
  set: (value: T) => void;
}

/** A row of the panel: a label, and the control that it names. */
export function row(text: string, control: Control): Control {
  const label = make("label", { className: "row" });
  control.element.setAttribute("aria-label", text);
  label.append(make("span", { textContent: text }), control.element);
  return { element: label, update: control.update };
}

export function select(options: readonly (readonly [value: string, text: string])[], { get, set }: Value<string>): Control {
  const element = make("select");
  element.append(...options.map(([value, textContent]) => make("option", { value, textContent })));
  element.addEventListener("change", () => set(element.value));
  return { element, update: () => (element.value = get()) };
}

export function slider(min: number, max: number, step: number, { get, set }: Value<number>): Control {
  const element = make("input", { type: "range", min: String(min), max: String(max), step: String(step) });
  element.addEventListener("input", () => set(Number(element.value)));
  return { element, update: () => (element.value = String(get())) };
}

export function checkbox({ get, set }: Value<boolean>): Control {
  const element = make("input", { type: "checkbox" });
  element.addEventListener("change", () => set(element.checked));
  return { element, update: () => (element.checked = get()) };
}

/** A field for any number; `name` is for screen readers. It ignores what is no number, and an update leaves what is being typed. */
export function numberField(name: string, get: () => number | null, set: (value: number) => void): Control {
  const element = make("input", { type: "number", step: "any", title: name });
  element.setAttribute("aria-label", name);
  let isTyped = false;
  element.addEventListener("input", () => (isTyped = true));
  element.addEventListener("blur", () => (isTyped = false));
  element.addEventListener("change", () => {
    isTyped = false;
    if (element.value !== "" && Number.isFinite(element.valueAsNumber)) set(element.valueAsNumber);
    else update();
  });
  const update = () => {
    if (isTyped) return;
    const value = get();
    element.value = value === null ? "" : fieldText(value);
  };
  return { element, update };
}

export function colorField(name: string, { get, set }: Value<Color>): Control {
  const element = make("input", { type: "color", title: name });
  element.setAttribute("aria-label", name);
  element.addEventListener("input", () => set(parseColor(element.value)));
  return { element, update: () => (element.value = formatColor(get())) };
}
