/** Other pairs of axes for the rows and the columns: the server has an image for each (docs/ome.md). */

import type { Address } from "./address";
import { locate } from "./dimensions";
import { type Multiscale, open } from "./multiscale";
import { key, make, page } from "./page";

/** The rows and the columns that an image has by itself. */
const USUAL = "yx";
const ORDER = "tzyx";
/** What the page has in its addresses of images in place of a pair. */
const PAIR = "ROWSCOLUMNS";
/** What an address of an image has before it if it names a revision. */
const TOKENS = /(^|[ /])@[^/ ]+\/(?=ome-zarr\/)/g;
/** The state of the page when it is loaded again for another pair: the menu then has the focus again. */
const CHOSEN = "plane";
const PLANE = /^(?!(.)\1)[tzyx]{2}$/;

/** The pair of axes that a text names; null if it names none, or the usual one. */
export function planeOf(text: string | null): string | null {
  return text !== null && PLANE.test(text) && text !== USUAL ? text : null;
}

/** An image, the pair of axes that the address has asked for, and the one that it has; null for the usual one. */
export interface Opened {
  image: Multiscale;
  asked: string | null;
  plane: string | null;
}

/** Open the image on the pair of axes that the address asks for, else as it is. */
export async function openPlane(): Promise<Opened> {
  const { sources = "", turned = "" } = page.root.dataset;
  const asked = planeOf(new URLSearchParams(location.hash.slice(1)).get("plane"));
  // a link may name an axis that the image has not got
  const image = asked && turned ? await open(absolute(turned.replaceAll(PAIR, asked)), key).catch(() => null) : null;
  if (image) return { image: { ...image, stretch: stretchOf(image) }, asked, plane: asked };
  return { image: await open(absolute(sources), key), asked, plane: null };
}

/** The image as it is now, on the same pair of axes: under a token of its revision it would be gone. */
export async function reopen(plane: string | null): Promise<Multiscale> {
  const { sources = "", turned = "" } = page.root.dataset;
  const image = await open(absolute(plane ? turned.replaceAll(PAIR, plane) : sources.replace(TOKENS, "$1")), key, "no-cache");
  await locate(image, "no-cache");
  return plane ? { ...image, stretch: stretchOf(image) } : image;
}

/** A menu of the pairs, if the image has any but the usual one. Choosing one opens the page again, at the same place. */
export function planeControls(image: Multiscale, plane: string | null, address: Address): HTMLElement[] {
  const names = [...ORDER].filter((name) => image.axes.some((axis) => axis.name === name && axis.size > 1));
  const pairs = names.flatMap((rows, i) => names.slice(i + 1).map((columns) => rows + columns));
  if (pairs.length < 2 || !page.root.dataset.turned) return [];
  const menu = make("select", { id: "plane", ariaLabel: "Plane" });
  // a link may have the axes the other way round
  const all = new Set([...pairs.reverse(), plane ?? USUAL]);
  for (const pair of all) menu.append(make("option", { value: pair, textContent: [...pair].join(" / "), selected: pair === (plane ?? USUAL) }));
  menu.addEventListener("change", () => {
    const said = new URLSearchParams(new URL(address.now()).hash.slice(1));
    for (const name of ["at", "line"]) said.delete(name);
    said.delete("plane");
    if (menu.value !== USUAL) said.set("plane", menu.value);
    history.replaceState(CHOSEN, "", `#${said}`);
    location.reload();
  });
  if (history.state === CHOSEN) setTimeout(() => menu.focus());
  if (history.state === CHOSEN) history.replaceState(null, "");
  const label = make("label", { className: "row" });
  label.append(make("span", { textContent: "Plane" }), menu);
  return [label];
}

/** Pixels of the plane as they lie in space, if both axes have the same unit. */
function stretchOf({ axes, stretch }: Multiscale): Multiscale["stretch"] {
  const [y, x] = axes.slice(-2);
  const [height, width] = [Math.abs(y?.scale ?? 0), Math.abs(x?.scale ?? 0)];
  if (!y?.unit || y.unit !== x?.unit || !(height > 0 && width > 0)) return stretch;
  return height > width ? [height / width, 1] : [1, width / height];
}

function absolute(urls: string): string[] {
  return urls.split(" ").map((url) => new URL(url, location.href).href);
}
