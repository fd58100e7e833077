/** Levels of the pyramid of a large array, under /ome-zarr/0.5: https://ngff.openmicroscopy.org/0.5/ */

import type { AbsolutePath } from "zarrita";

import type { HttpStore } from "../common/store";
import type { ArrayNode } from "./nodes";
import { type Part, values } from "./values";

/** Items of the last two axes of the level that we choose, at most: at 10,000 x 10,000 it is level 3. */
const MOST = 2 ** 21;

export interface Level {
  path: string;
  node: ArrayNode;
  number: number;
  /** For each axis, the indices at full resolution of the centres of the first item and of the next. */
  starts: number[];
  steps: number[];
  /** The axes along which the level has the items of the array in the other order. */
  flipped: number[];
}

interface Transformation {
  scale?: number[];
  translation?: number[];
}

interface Multiscale {
  axes: { name: string }[];
  datasets: { path: string; coordinateTransformations: Transformation[] }[];
  metadata?: { flipped?: string[] };
}

interface Image {
  attributes: { ome: { multiscales: Multiscale[] } };
  consolidated_metadata?: { metadata: Record<string, ArrayNode> };
}

/** The finest level that is small enough to draw; null if the array is no image. */
export async function levelOf(store: HttpStore, path: string): Promise<Level | null> {
  const image = (await json(store, `${path}/zarr.json`)) as Image | null;
  const { axes = [], datasets = [], metadata } = image?.attributes.ome.multiscales[0] ?? {};
  const flipped = axes.flatMap(({ name }, axis) => (metadata?.flipped?.includes(name) ? [axis] : []));
  const [first] = datasets;
  let whole: number[] | undefined;
  for (const [number, { path: key, coordinateTransformations }] of datasets.entries()) {
    const node = image?.consolidated_metadata?.metadata[key] ?? ((await json(store, `${path}/${key}/zarr.json`)) as ArrayNode);
    whole ??= node.shape;
    if (!isSmall(node) && number < datasets.length - 1) continue;
    const { starts, steps } = relative(coordinateTransformations, first!.coordinateTransformations, node.shape.length);
    for (const axis of flipped) starts[axis] = whole[axis]! - 1 - (starts[axis]! + steps[axis]! * (node.shape[axis]! - 1));
    return { path: `${path}/${key}`, node, number, starts, steps, flipped };
  }
  return null;
}

/** The values of a level in the order of the array: H5Web draws latitudes that ascend upwards by itself. */
export async function levelValues(store: HttpStore, { path, node, flipped }: Level, parts: Part[], signal?: AbortSignal): Promise<unknown> {
  const own = parts.map((part, axis) => (flipped.includes(axis) && typeof part === "number" ? node.shape[axis]! - 1 - part : part));
  const found = await values(store, path, node, own, signal);
  const left = node.shape.map((_, axis) => axis).filter((axis) => typeof parts[axis] !== "number");
  const shape = left.map((axis) => node.shape[axis]!);
  return left.reduce((data, axis, i) => (flipped.includes(axis) ? reversed(data as Float32Array, shape, i) : data), found);
}

/** Items in C order, those along one axis in the other order. */
function reversed(data: Float32Array, shape: number[], axis: number): Float32Array {
  const size = shape[axis]!;
  const inner = shape.slice(axis + 1).reduce((product, length) => product * length, 1);
  const out = data.slice();
  for (let at = 0; at < data.length / inner; at++) {
    const from = at - (at % size) + size - 1 - (at % size);
    out.set(data.subarray(from * inner, (from + 1) * inner), at * inner);
  }
  return out;
}

function isSmall({ shape }: ArrayNode): boolean {
  const [height = 1, width = 1] = shape.slice(-2);
  return height * width <= MOST;
}

/** Where the items of a level lie among those of the first. */
function relative(of: Transformation[], first: Transformation[], ndim: number): { starts: number[]; steps: number[] } {
  const { scale, translation } = joined(of, ndim);
  const origin = joined(first, ndim);
  const steps = scale.map((size, axis) => size / (origin.scale[axis] as number));
  const starts = translation.map((at, axis) => (at - (origin.translation[axis] as number)) / (origin.scale[axis] as number));
  return { starts, steps };
}

function joined(transformations: Transformation[], ndim: number): { scale: number[]; translation: number[] } {
  const all = Object.assign({}, ...transformations) as Transformation;
  return { scale: all.scale ?? new Array(ndim).fill(1), translation: all.translation ?? new Array(ndim).fill(0) };
}

async function json(store: HttpStore, key: string): Promise<unknown> {
  const body = await store.get(key as AbsolutePath);
  return body ? JSON.parse(new TextDecoder().decode(body)) : null;
}
