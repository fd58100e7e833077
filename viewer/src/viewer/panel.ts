/**
 * The controls: a slider for each axis besides y, x and channels, and a row for each channel.
 *
 * The row says whether the channel is shown, in which colour, and with which contrast limits.
 */

import { withLimit } from "./contrast";
import { colorField, type Control, numberField } from "./controls";
import { histogramControl } from "./histogram";
import { limitsOf, shareOf, valueOf } from "./look";
import { lookControls } from "./lookpanel";
import { type Axis, type Channel, MOST_ACTIVE, type Multiscale, type Window } from "./multiscale";
import { short } from "./numbers";
import { button, make } from "./page";

const STEPS = 1000;
const STEP_KEYS: Record<string, string> = { z: "[ and ]", t: "comma and full stop" };

export interface Panel {
  /** Show the current position and channels in the controls. */
  update: () => void;
}

interface Actions {
  onChange: () => void;
  onAuto: () => void;
  /** Set the limits of the shown channels to percentiles of their values. */
  onPercentile: (shares: [low: number, high: number]) => void;
  onFit: () => void;
  /** A control beside the slider of an axis. */
  beside: (axis: number) => HTMLElement;
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
    if (i !== image.channelAxis && axis.size > 1) add(axisSlider(axis, position, i, actions));
  }
  if (!image.isLabels) for (const channel of image.channels) add(channelControls(channel, image, changed));
  add(lookControls(image, changed, actions.onPercentile));
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

/** A slider for the index on an axis; it follows the axis if that grows. */
function axisSlider(of: Axis, position: number[], axis: number, { onChange, beside }: Actions): Control {
  const range = make("input", { type: "range", min: "0", step: "1", ariaLabel: of.name });
  const value = make("output");
  const element = make("div", { className: "axis" });
  element.append(make("span", { textContent: of.name }), range, value, beside(axis));
  const update = () => {
    range.max = String(of.size - 1);
    range.value = String(position[axis]);
    value.textContent = `${position[axis]} / ${of.size - 1}`;
  };
  range.addEventListener("input", () => {
    position[axis] = Number(range.value);
    update();
    onChange();
  });
  return { element, update };
}

function channelControls(channel: Channel, image: Multiscale, onChange: () => void): Control {
  const element = make("fieldset");
  const shown = make("input", { type: "checkbox" });
  const name = make("label", { title: channel.name });
  name.append(shown, ` ${channel.name}`);
  const color = colorField(`Colour of ${channel.name}`, {
    get: () => channel.color,
    set: (value) => {
      channel.color = value;
      onChange();
    },
  });
  const heading = make("div", { className: "channel" });
  heading.append(name, color.element);
  const setLimit = (bound: "start" | "end", value: number) => {
    if (!channel.window) return;
    channel.window = withLimit(channel.window, bound, value, 1 / STEPS);
    onChange();
  };
  const fields = (["start", "end"] as const).map((bound) =>
    numberField(`${channel.name}: ${bound === "start" ? "lower" : "upper"} limit`, () => channel.window?.[bound] ?? null, (value) => setLimit(bound, value)),
  );
  const limits = make("div", { className: "limits" });
  limits.append(...fields.flatMap((field, i) => (i === 0 ? [field.element, "–"] : [field.element])));
  const parts = [color, histogramControl(channel, image, setLimit), ...boundSliders(channel, image, setLimit), ...fields];
  const sliders = make("div", { className: "bounds" });
  sliders.append(...parts.slice(1, -2).map((part) => part.element));
  element.append(heading, sliders, limits);
  shown.addEventListener("change", () => {
    channel.active = shown.checked;
    onChange();
  });
  const update = () => {
    shown.checked = channel.active;
    shown.disabled = !channel.active && image.channels.filter((other) => other.active).length >= MOST_ACTIVE;
    sliders.hidden = limits.hidden = !channel.active;
    for (const part of parts) part.update();
  };
  return { element, update };
}

function boundSliders(channel: Channel, image: Multiscale, onLimit: (bound: "start" | "end", value: number) => void): Control[] {
  return (["start", "end"] as const).map((bound) => boundSlider(channel, image, bound, (value) => onLimit(bound, value)));
}

/** A slider for one end of the contrast window, in thousandths of the window's range on the scale that is drawn. */
function boundSlider(channel: Channel, image: Multiscale, bound: "start" | "end", onLimit: (value: number) => void): Control {
  const title = bound === "start" ? "what is drawn black" : "what is drawn in full colour";
  const range = make("input", { type: "range", min: "0", max: String(STEPS), step: "1", title: `${channel.name}: ${title}` });
  range.setAttribute("aria-label", range.title);
  const limits = ({ min, max }: Window) => limitsOf({ start: min, end: max }, image.look.scale, image.isInteger);
  range.addEventListener("input", () => {
    if (channel.window) onLimit(valueOf(Number(range.value) / STEPS, limits(channel.window), image.look));
  });
  const update = () => {
    range.disabled = !channel.window || !channel.active;
    if (!channel.window) return;
    range.value = String(Math.round(shareOf(channel.window[bound], limits(channel.window), image.look) * STEPS));
    range.setAttribute("aria-valuetext", short(channel.window[bound]));
  };
  return { element: range, update };
}
