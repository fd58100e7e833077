/**
 * What the page shows, in the fragment of its address, so that a link shows the same.
 *
 * No browser sends the fragment to the server, so that it is in no log and a page is cached once.
 */

import { within } from "./camera";
import { COLORMAPS } from "./colormaps";
import { drawable } from "./contrast";
import { type Look, SCALES } from "./look";
import { type Channel, formatColor, MOST_ACTIVE, parseColor } from "./multiscale";
import type { Stage } from "./stage";

const QUIET_MS = 300;
/** A colour that is none, and no channel. */
const NONE = "none";
const GAMMA: [number, number] = [0.01, 100];

/** What else the page shows and the address has: its value under a name, null to leave it out. */
export interface Part {
  name: string;
  get: () => string | null;
  /** Takes any text, since it comes from the address; null if it has none. */
  set: (text: string | null) => void;
  /** Whether it stays in the address even if the page shows what it shows by itself. */
  isKept?: boolean;
}

export class Address {
  /** What the page shows by itself; then the address has no fragment. */
  private usual = "";
  private readonly look: Look;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly stage: Stage,
    private readonly parts: Part[],
  ) {
    this.look = { ...stage.image.look };
  }

  /** Show what the address says; from now on, the address follows. What has no meaning for the image is ignored. */
  start(): void {
    this.usual = this.text();
    this.apply();
    this.stage.watch(() => this.changed());
    addEventListener("hashchange", () => this.apply());
  }

  /** Write the address now, and return it. */
  now(): string {
    clearTimeout(this.timer);
    const text = this.text();
    const url = new URL(location.href);
    url.hash = text === this.usual ? this.kept() : text;
    // a new entry for each move would make Back useless
    if (url.href !== location.href) history.replaceState(history.state, "", url.hash ? url.href : url.href.replace(/#$/, ""));
    return location.href;
  }

  /** Write the address once nothing has changed for a moment. */
  changed(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now(), QUIET_MS);
  }

  private text(): string {
    const { stage } = this;
    const said: [string, string | null][] = [
      ["at", stage.isFit() ? null : [...stage.camera.target.map(short), short(stage.camera.zoom)].join(",")],
      ...axes(stage).map(({ name, index }): [string, string] => [name, String(stage.position[index])]),
      ["channels", stage.image.isLabels ? null : stage.image.channels.flatMap(channelText).join(";") || NONE],
      ["look", lookText(stage.image.look, this.look)],
      ...this.parts.map(({ name, get }): [string, string | null] => [name, get()]),
    ];
    return said.flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`])).join("&");
  }

  private kept(): string {
    return this.parts.flatMap(({ name, get, isKept }) => (isKept && get() !== null ? [`${name}=${get()}`] : [])).join("&");
  }

  private apply(): void {
    const { stage } = this;
    const said = new URLSearchParams(this.usual);
    for (const [name, text] of new URLSearchParams(location.hash.slice(1))) said.set(name, text);
    for (const { name, index, size } of axes(stage)) {
      const place = numberOf(said.get(name));
      if (place !== null && Number.isInteger(place) && place >= 0 && place < size) stage.position[index] = place;
    }
    applyChannels(stage.image.channels, said.get("channels"));
    Object.assign(stage.image.look, this.look, lookOf(said.get("look"), stage.image.labels));
    for (const { name, set } of this.parts) set(said.get(name));
    const [x, y, zoom] = (said.get("at") ?? "").split(",").map(numberOf);
    if (x != null && y != null && zoom != null) stage.look(within({ ...stage.camera, target: [x, y], zoom }, stage.size));
    else stage.fit();
    stage.update();
    stage.show();
  }
}

/** The axes with a slider: their names, indexes and sizes. */
function axes({ image }: Stage): { name: string; index: number; size: number }[] {
  return image.axes.slice(0, -2).flatMap(({ name, size }, index) => (index !== image.channelAxis && size > 1 ? [{ name, index, size }] : []));
}

/** A shown channel as `NUMBER:COLOUR:START:END`. */
function channelText({ active, color, window }: Channel, index: number): string[] {
  return active ? [[index, formatColor(color).slice(1), ...(window ? [window.start, window.end] : [])].join(":")] : [];
}

function applyChannels(channels: Channel[], text: string | null): void {
  const said = (text ?? "").split(";").flatMap((part) => {
    const [index = "", color = "", start, end] = part.split(":");
    const channel = /^\d+$/.test(index) ? channels[Number(index)] : undefined;
    return channel && /^[0-9a-f]{6}$/i.test(color) ? [{ channel, color, limits: [start, end].map(limitOf) }] : [];
  });
  if (said.length === 0 && text !== NONE) return;
  for (const channel of channels) channel.active = false;
  for (const { channel, color, limits } of said.slice(0, MOST_ACTIVE)) {
    const [start = null, end = null] = limits;
    channel.active = true;
    channel.color = parseColor(color);
    if (start === null || end === null || start >= end) continue;
    const { min, max } = channel.window ?? { min: start, max: end };
    channel.window = { start, end, min: Math.min(min, start), max: Math.max(max, end) };
  }
}

function limitOf(text: string | undefined): number | null {
  const limit = numberOf(text);
  return limit === null ? null : drawable(limit);
}

/** The fields of a look that are not those of `usual`, as `NAME:VALUE`. */
function lookText(look: Look, usual: Look): string | null {
  const said = (Object.keys(look) as (keyof Look)[]).flatMap((name) => {
    const text = fieldText(look[name]);
    // twice, since a name of labels may have what separates fields
    return text === fieldText(usual[name]) ? [] : [`${name}:${encodeURIComponent(encodeURIComponent(text))}`];
  });
  return said.length > 0 ? said.join(";") : null;
}

function fieldText(value: Look[keyof Look]): string {
  return Array.isArray(value) ? formatColor(value).slice(1) : value === null ? NONE : String(value);
}

/** The fields of a look that a text spells, without those that are not valid. */
function lookOf(text: string | null, labels: string[]): Partial<Look> {
  const given = Object.fromEntries((text ?? "").split(";").map((part) => part.split(":")));
  const colour = (value: string) => (/^[0-9a-f]{6}$/i.test(value) ? parseColor(value) : undefined);
  const perhaps = (value: string) => (value === NONE ? null : colour(value));
  const within = (least: number, most: number) => (value: string) => {
    const number = numberOf(value);
    return number !== null && number >= least && number <= most ? number : undefined;
  };
  const oneOf = (names: readonly string[]) => (value: string) => names.find((name) => name === value);
  const fields: Record<keyof Look, (value: string) => unknown> = {
    scale: oneOf(SCALES),
    gamma: within(...GAMMA),
    colormap: oneOf(["", ...COLORMAPS]),
    isReversed: (value) => value === "true",
    noData: colour,
    under: perhaps,
    over: perhaps,
    labels: oneOf(["", ...labels]),
    opacity: within(0, 1),
  };
  const found = Object.entries(fields).map(([name, parse]) => [name, name in given ? parse(decoded(given[name] ?? "")) : undefined]);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The number that a text spells; null if it is none. */
export function numberOf(text: string | null | undefined): number | null {
  const number = text?.trim() ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : null;
}

function short(value: number): number {
  return Number(value.toPrecision(8));
}
