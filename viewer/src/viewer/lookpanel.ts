/** The controls of how values become colours: scale, colour map, colours for no data, labels. */

import { colorBar } from "./colorbar";
import { COLORMAPS } from "./colormaps";
import { checkbox, colorField, type Control, row, select, slider, type Value } from "./controls";
import { type Look, PERCENTILES, SCALES } from "./look";
import type { Color, Multiscale } from "./multiscale";
import { make } from "./page";

const GAMMA_STEP = 0.05;

/** All controls of an image's look; `onPercentile` sets the contrast limits of the shown channels. */
export function lookControls(image: Multiscale, onChange: () => void, onPercentile: (shares: [number, number]) => void): Control {
  const { look } = image;
  const value = <Key extends keyof Look>(key: Key): Value<Look[Key]> => ({
    get: () => look[key],
    set: (given) => {
      look[key] = given;
      onChange();
    },
  });
  const text = (key: "scale" | "colormap" | "labels") => value(key) as Value<string>;
  const controls: Control[] = [];
  if (!image.isLabels) {
    const gamma = row("Gamma", slider(GAMMA_STEP, 3, GAMMA_STEP, value("gamma")));
    const map = row("Colour map", select([["", "channel’s own"], ...COLORMAPS.map((name) => [name, name] as const)], text("colormap")));
    const reversed = row("Reversed", checkbox(value("isReversed")));
    controls.push(
      row("Scale", select(SCALES.map((name) => [name, name]), text("scale"))),
      shownIf(gamma, () => look.scale === "gamma"),
      ...(image.isRgb ? [] : [map, reversed].map((control) => shownIf(control, () => image.channels.filter(({ active }) => active).length === 1))),
      colorBar(image),
      row("Limits at", percentiles(onPercentile)),
      more(value("noData"), optional("Below the limits", [0, 0, 255], value("under")), optional("Above the limits", [255, 0, 0], value("over"))),
    );
  }
  if (image.labels.length > 0) {
    controls.push(row("Labels", select([["", "none"], ...image.labels.map((name) => [name, name] as const)], text("labels"))));
    controls.push(row("Label opacity", slider(0, 1, GAMMA_STEP, value("opacity"))));
  }
  const element = make("fieldset", { className: "look" });
  element.setAttribute("aria-label", "Look");
  element.hidden = controls.length === 0;
  element.append(...controls.map((control) => control.element));
  return { element, update: () => controls.forEach((control) => control.update()) };
}

function shownIf(control: Control, isShown: () => boolean): Control {
  const update = () => {
    control.element.hidden = !isShown();
    control.update();
  };
  return { element: control.element, update };
}

/** A menu that does something, and shows its title again once it has lost the focus: arrow keys go from one item to the next. */
function percentiles(onPercentile: (shares: [number, number]) => void): Control {
  const names = Object.keys(PERCENTILES);
  const menu = select([["", "percentiles …"], ...names.map((name) => [name, name] as const)], {
    get: () => "",
    set: (name) => PERCENTILES[name] && onPercentile(PERCENTILES[name]),
  });
  const update = () => {
    if (document.activeElement !== menu.element) menu.update();
  };
  menu.element.addEventListener("blur", () => menu.update());
  return { element: menu.element, update };
}

/** The colours that few people change, folded away. */
function more(noData: Value<Color>, ...others: Control[]): Control {
  const element = make("details");
  const controls = [row("No data", colorField("Colour of no data", noData)), ...others];
  element.append(make("summary", { textContent: "More colours" }), ...controls.map((control) => control.element));
  return { element, update: () => controls.forEach((control) => control.update()) };
}

/** A colour that can be switched off. */
function optional(name: string, usual: Color, { get, set }: Value<Color | null>): Control {
  const isOn = checkbox({ get: () => get() !== null, set: (wanted) => set(wanted ? usual : null) });
  const color = colorField(`Colour ${name.toLowerCase()}`, { get: () => get() ?? usual, set });
  const label = row(name, isOn);
  const element = make("div", { className: "pair" });
  element.append(label.element, color.element);
  const update = () => {
    label.update();
    color.update();
    (color.element as HTMLInputElement).disabled = get() === null;
  };
  return { element, update };
}
