/**
 * An OME-Zarr multiscale image, as the viewer needs it: https://ngff.openmicroscopy.org/0.5/
 *
 * Version 0.4 has the same metadata in other documents.
 */

import * as zarr from "zarrita";

import { HttpStore, remembering } from "../common/store";
import type { Dimension } from "./coordinates";
import type { Histogram } from "./histogram";
import { type Look, PLAIN } from "./look";

export interface Axis {
  name: string;
  size: number;
  unit: string | null;
  /** The size of a pixel of level 0 in `unit`, and the coordinate of the middle of the first one. */
  scale: number;
  origin: number;
  /** Whether the source has the pixels in the other order; then `scale` is negative. */
  isFlipped: boolean;
  /** Its coordinates, if an array beside the image has them and the metadata do not. */
  dimension: Dimension | null;
}

/** How the numbers of the source become those of the levels: `number * scale + offset`; `marks` mean "no data". */
export interface Packing {
  marks: (number | bigint)[];
  scale: number;
  offset: number;
}

/**
 * One level of the image.
 *
 * `factor` is the number of pixels of level 0 that one of its pixels spans along y and x.
 */
export interface Level {
  array: zarr.Array<zarr.DataType>;
  factor: [y: number, x: number];
}

export interface Channel {
  name: string;
  color: Color;
  active: boolean;
  /** Null if the metadata have none; then we measure it from the data. */
  window: Window | null;
  /** The least and the largest value, as far as the metadata tell; null if they do not. */
  range: Pick<Window, "min" | "max"> | null;
  /** Of the plane that is shown; null until it has been read. */
  histogram: Histogram | null;
}

export type Color = [red: number, green: number, blue: number];

/** Contrast limits `start` and `end`, and the range from which users can choose them. */
export interface Window {
  min: number;
  max: number;
  start: number;
  end: number;
}

export interface Multiscale {
  store: HttpStore;
  name: string;
  /** The axes in stored order; the last two are y and x. */
  axes: Axis[];
  levels: Level[];
  /** The index of the channel axis; null if there is none. */
  channelAxis: number | null;
  channels: Channel[];
  /** How values become colours; the controls change it in place. */
  look: Look;
  /** The names of the label images of this image. */
  labels: string[];
  /** Whether the first three channels are red, green and blue. */
  isRgb: boolean;
  /** The unit of the values; null if the metadata have none. */
  valueUnit: string | null;
  /**
   * How many times as high and wide a pixel is drawn, [1, 1] unless the image is very thin.
   *
   * The deck's coordinates are pixels of level 0 times this.
   */
  stretch: [y: number, x: number];
  /** Size of a pixel of level 0 in `unit`; null if the metadata have none. */
  pixel: { size: number; unit: string } | null;
  isLabels: boolean;
  packing: Packing;
  isInteger: boolean;
  /** The levels that the server has only made from samples so far. */
  sampled: number[];
  /**
   * The value besides NaN that means "no data"; null if there is none.
   *
   * A `no_data` of 0 counts as none, since 0 may be a measured count. Then the server names levels
   * in which the mark is left (`marked`), and we read these.
   */
  noData: number | null;
  /** The first index to show on each axis except the last two. */
  start: number[];
}

interface Metadata {
  multiscales?: MultiscalesMetadata[];
  omero?: { channels?: ChannelMetadata[]; rdefs?: { defaultT?: number; defaultZ?: number } };
  "image-label"?: unknown;
}

interface MultiscalesMetadata {
  name?: string;
  axes: ({ name: string; type?: string; unit?: string } | string)[];
  datasets: { path: string; coordinateTransformations?: Transformation[] }[];
  coordinateTransformations?: Transformation[];
  type?: string;
  metadata?: { sampled?: number[]; no_data?: number | "NaN"; units?: string; marks?: (number | string)[]; flipped?: string[]; marked?: { paths: string[]; no_data: number }; scale_factor?: number; add_offset?: number };
}

interface Transformation {
  type: string;
  scale?: number[];
  translation?: number[];
}

interface ChannelMetadata {
  label?: string;
  color?: string;
  active?: boolean;
  window?: Partial<Window>;
}

const PALETTE = ["ff00ff", "00ff00", "00aaff", "ffaa00", "ff4444", "ffffff"];
export const MOST_ACTIVE = 6;

/** Open the first URL that has a multiscale image; `cache` is for its documents. Throws if none has. */
export async function open(urls: string[], key: string | null, cache: RequestCache = "default"): Promise<Multiscale> {
  for (const url of urls) {
    const image = await openAt(new HttpStore(url, key), cache);
    if (image !== null) return image;
  }
  throw new Error(`There is no image at ${urls.join(" or ")}. An image has two axes or more, and numbers in it.`);
}

/** Open one of the label images of an image. Throws if there is none of this name. */
export async function openLabels(image: Multiscale, name: string): Promise<Multiscale> {
  const labels = await openAt(image.store.below(`labels/${name}`));
  if (labels === null) throw new Error(`There is no label image ${name}.`);
  return { ...labels, isLabels: true, stretch: image.stretch };
}

async function openAt(plain: HttpStore, cache: RequestCache = "default"): Promise<Multiscale | null> {
  const store = remembering(plain, cache);
  const { metadata, format, labels } = await readMetadata(store);
  const multiscales = metadata?.multiscales?.[0];
  if (!metadata || !multiscales) return null;
  const root = zarr.root(await zarr.withMaybeConsolidatedMetadata(store, { format }));
  const openArray = format === "v3" ? zarr.open.v3 : zarr.open.v2;
  const marked = multiscales.metadata?.marked;
  const paths = marked?.paths ?? multiscales.datasets.map(({ path }) => path);
  const arrays = await Promise.all(paths.map((path) => openArray(root.resolve(path), { kind: "array" })));
  const base = arrays[0];
  if (!base) return null;
  if (base.shape.includes(0)) throw new Error(`The image is empty: its shape is ${base.shape.join(" × ")}.`);
  const axes = multiscales.axes.map((axis, i) => ({
    name: typeof axis === "string" ? axis : axis.name,
    size: base.shape[i] ?? 1,
    unit: typeof axis === "string" ? null : (axis.unit ?? null),
    ...axisOf(multiscales, i, typeof axis === "string" ? axis : axis.name, base.shape[i] ?? 1),
    dimension: null,
  }));
  const channelAxis = multiscales.axes.findIndex((axis) => axis === "c" || (typeof axis === "object" && axis.type === "channel"));
  const count = channelAxis < 0 ? 1 : (axes[channelAxis]?.size ?? 1);
  return {
    store: plain,
    name: multiscales.name ?? "",
    axes,
    levels: arrays.map((array) => ({ array, factor: factorOf(array.shape, base.shape) })),
    channelAxis: channelAxis < 0 ? null : channelAxis,
    channels: channelsOf(metadata, count),
    look: { ...PLAIN, labels: labels[0] ?? "" },
    labels,
    isRgb: isRgb(metadata),
    valueUnit: multiscales.metadata?.units ?? null,
    stretch: stretchOf(base.shape),
    pixel: pixelOf(multiscales, axes),
    isLabels: metadata["image-label"] !== undefined || multiscales.type === "mode",
    packing: packingOf(multiscales),
    isInteger: /^u?int(8|16|32)$/.test(base.dtype),
    sampled: sampledOf(multiscales),
    noData: marked?.no_data ?? (Number(multiscales.metadata?.no_data) || null),
    start: startOf(metadata, axes),
  };
}

/** The levels that the server has only made from samples, asked for again. */
export async function readSampled(image: Multiscale): Promise<number[]> {
  const multiscales = (await readMetadata({ get: (key) => image.store.get(key, { cache: "no-cache" }) })).metadata?.multiscales?.[0];
  return multiscales ? sampledOf(multiscales) : image.sampled;
}

/** The metadata of an image: OME-Zarr 0.5 has them in Zarr v3, 0.4 in v2. */
async function readMetadata(store: zarr.AsyncReadable): Promise<{ metadata?: Metadata; format: "v2" | "v3"; labels: string[] }> {
  const v3 = await readJson(store, "/zarr.json");
  // the consolidated metadata say whether there are labels, so that nothing is requested in vain
  if (v3) return { metadata: v3.attributes?.ome, format: "v3", labels: v3.consolidated_metadata?.metadata?.labels?.attributes?.ome?.labels ?? [] };
  const consolidated = await readJson(store, "/.zmetadata");
  return { metadata: await readJson(store, "/.zattrs"), format: "v2", labels: consolidated?.metadata?.["labels/.zattrs"]?.labels ?? [] };
}

async function readJson(store: zarr.AsyncReadable, key: zarr.AbsolutePath): Promise<any> {
  const body = await store.get(key);
  return body && JSON.parse(new TextDecoder().decode(body));
}

function sampledOf(multiscales: MultiscalesMetadata): number[] {
  return multiscales.metadata?.sampled ?? [];
}

/**
 * The first index to show on each axis except the last two.
 *
 * It is the metadata's default, else the middle of an axis of space and 0 on all others.
 */
function startOf({ omero }: Metadata, axes: Axis[]): number[] {
  const given: Record<string, number | undefined> = { t: omero?.rdefs?.defaultT, z: omero?.rdefs?.defaultZ };
  return axes.slice(0, -2).map(({ name, size }) => Math.min(size - 1, given[name] ?? ("zyx".includes(name) ? Math.floor(size / 2) : 0)));
}

function factorOf(shape: number[], base: number[]): [number, number] {
  const [y = 1, x = 1] = shape.slice(-2);
  const [baseY = 1, baseX = 1] = base.slice(-2);
  return [halvings(baseY, y), halvings(baseX, x)];
}

/**
 * How much smaller a level is than level 0 along one axis.
 *
 * It is the power of two by which level 0, rounded up, gives its size; else the ratio of sizes.
 */
function halvings(base: number, size: number): number {
  const power = 2 ** Math.round(Math.log2(base / size));
  return Math.ceil(base / power) === size ? power : base / size;
}

function channelsOf(metadata: Metadata, count: number): Channel[] {
  const described = metadata.omero?.channels ?? [];
  return Array.from({ length: count }, (_, i) => {
    const { label, color, active, window } = described[i] ?? {};
    return {
      name: label || `Channel ${i}`,
      color: parseColor(color ?? (count === 1 ? "ffffff" : (PALETTE[i % PALETTE.length] as string))),
      active: (active ?? true) && i < MOST_ACTIVE,
      window: windowOf(window),
      range: windowOf(window),
      histogram: null,
    };
  });
}

/** Whether the metadata describe red, green and blue, in this order, and perhaps opacity. */
function isRgb({ omero }: Metadata): boolean {
  const colors = omero?.channels?.map(({ color }) => color?.toUpperCase()) ?? [];
  const names = omero?.channels?.map(({ label }) => label?.toLowerCase()) ?? [];
  return [3, 4].includes(colors.length) && ["FF0000", "00FF00", "0000FF"].every((color, i) => colors[i] === color) && ["red", "green", "blue"].every((name, i) => names[i] === name);
}

const THIN = 50;
const STRETCHED = 20;

/** An image whose edges differ by a factor of more than 50 is drawn as if they differed by 20. */
function stretchOf(shape: number[]): [number, number] {
  const [y = 1, x = 1] = shape.slice(-2);
  if (x > THIN * y) return [Math.ceil(x / y / STRETCHED), 1];
  return y > THIN * x ? [1, Math.ceil(y / x / STRETCHED)] : [1, 1];
}

function windowOf(window: Partial<Window> | undefined): Window | null {
  const { start, end, min = start, max = end } = window ?? {};
  if (start === undefined || end === undefined) return null;
  return { start, end, min: Math.min(min as number, start), max: Math.max(max as number, end) };
}

export function parseColor(hex: string): Color {
  const value = Number.parseInt(hex.replace("#", "").slice(0, 6), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

export function formatColor(color: Color): string {
  return `#${color.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function pixelOf(multiscales: MultiscalesMetadata, axes: Axis[]): Multiscale["pixel"] {
  const unit = axes.at(-1)?.unit;
  const scale = scaleOf(multiscales.datasets[0]?.coordinateTransformations) * scaleOf(multiscales.coordinateTransformations);
  return unit && scale > 0 ? { size: scale, unit } : null;
}

/** The placement of an axis. Along a flipped one the server's coordinates have the other sign, as its sizes must be positive. */
function axisOf(multiscales: MultiscalesMetadata, axis: number, name: string, size: number): Omit<Axis, "name" | "size" | "unit" | "dimension"> {
  const { scale, origin } = placementOf(multiscales, axis);
  if (!multiscales.metadata?.flipped?.includes(name)) return { scale, origin, isFlipped: false };
  return { scale: -scale, origin: origin || scale !== 1 ? -origin : size - 1, isFlipped: true };
}

/** The pixel size and the first coordinate along an axis: the transformations of level 0, then those of all levels. */
function placementOf({ datasets, coordinateTransformations = [] }: MultiscalesMetadata, axis: number): { scale: number; origin: number } {
  const placement = { scale: 1, origin: 0 };
  for (const { scale, translation } of [...(datasets[0]?.coordinateTransformations ?? []), ...coordinateTransformations]) {
    placement.scale *= scale?.[axis] ?? 1;
    placement.origin = placement.origin * (scale?.[axis] ?? 1) + (translation?.[axis] ?? 0);
  }
  return placement.scale ? placement : { scale: 1, origin: 0 };
}

function packingOf({ metadata: { marks = [], scale_factor: scale = 1, add_offset: offset = 0 } = {} }: MultiscalesMetadata): Packing {
  // integers beyond 2^53 are texts
  const exact = marks.map((mark) => (/^-?\d+$/.test(String(mark)) ? BigInt(mark) : Number(mark)));
  return { marks: exact, scale, offset };
}

/** The product of the scales along x of all transformations; 1 if there are none. */
function scaleOf(transformations: Transformation[] = []): number {
  return transformations.reduce((product, { scale }) => product * (scale?.at(-1) ?? 1), 1);
}
