/** Levels of the pyramid of a large array, under /ome-zarr/0.5: https://ngff.openmicroscopy.org/0.5/ */

import type { AbsolutePath } from "zarrita";

import type { HttpStore } from "../common/store";
import type { ArrayNode } from "./nodes";

/** Items of the last two axes of the level that we choose, at most: at 10,000 x 10,000 it is level 3. */
const MOST = 2 ** 21;

export interface Level {
  path: string;
  node: ArrayNode;
  number: number;
  /** For each axis, the indices at full resolution of the centres of the first item and of the next. */
  starts: number[];
  steps: number[];
}

interface Transformation {
  scale?: number[];
  translation?: number[];
}

interface Image {
  attributes: { ome: { multiscales: { datasets: { path: string; coordinateTransformations: Transformation[] }[] }[] } };
  consolidated_metadata?: { metadata: Record<string, ArrayNode> };
}

/** The finest level that is small enough to draw; null if the array is no image. */
export async function levelOf(store: HttpStore, path: string): Promise<Level | null> {
  const image = (await json(store, `${path}/zarr.json`)) as Image | null;
  const datasets = image?.attributes.ome.multiscales[0]?.datasets ?? [];
  const [first] = datasets;
  for (const [number, { path: key, coordinateTransformations }] of datasets.entries()) {
    const node = image?.consolidated_metadata?.metadata[key] ?? ((await json(store, `${path}/${key}/zarr.json`)) as ArrayNode);
    if (!isSmall(node) && number < datasets.length - 1) continue;
    return { path: `${path}/${key}`, node, number, ...relative(coordinateTransformations, first!.coordinateTransformations, node.shape.length) };
  }
  return null;
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
