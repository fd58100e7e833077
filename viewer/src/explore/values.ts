/**
 * Values of arrays, or of slices of them.
 *
 * zarrita has no text of fixed length, no times, records, and complex numbers: it reads such an
 * array as bytes, with one more axis of the item's size, and we decode the items.
 */

import * as zarr from "zarrita";

import { itemOf, items } from "./items";
import type { ArrayNode } from "./nodes";

/** The most that we read at once: 20 million items are up to 160 MB in memory. */
export const MOST_ITEMS = 20_000_000;
const DIRECT = /^(u?int(8|16|32|64)|float(32|64)|string)$/;

/** What is read along each axis: all of it, one index, or the half-open range of a slice. */
export type Part = null | number | zarr.Slice;

/** "0,:,:" as H5Web writes it; undefined is the whole array. */
export function partsOf(selection: string | undefined, shape: number[]): Part[] {
  return selection ? selection.split(",").map((part) => (part === ":" ? null : Number(part))) : shape.map(() => null);
}

/**
 * The values in C order: a typed array, or a list of texts, records, or pairs for complex numbers.
 *
 * It is a single value if no axis is left. Throws if there are more than MOST_ITEMS, and HttpError.
 */
export async function values(store: zarr.AsyncReadable, path: string, node: ArrayNode, parts: Part[], signal?: AbortSignal): Promise<unknown> {
  const count = node.shape.reduce((size, length, axis) => size * lengthOf(parts[axis] ?? null, length), 1);
  if (count > MOST_ITEMS) throw new Error(`${count.toLocaleString("en")} values are too many to show at once. Read them with a Zarr client.`);
  return DIRECT.test(String(node.data_type)) ? direct(store, path, node, parts, signal) : decoded(store, path, node, parts, signal);
}

function lengthOf(part: Part, length: number): number {
  if (part === null) return length;
  return typeof part === "number" ? 1 : (part.stop ?? length) - (part.start ?? 0);
}

async function direct(store: zarr.AsyncReadable, path: string, node: ArrayNode, parts: Part[], signal?: AbortSignal): Promise<unknown> {
  const found = await read(store, path, node, parts, signal);
  return isChunk(found) ? found.data : found;
}

async function decoded(store: zarr.AsyncReadable, path: string, node: ArrayNode, parts: Part[], signal?: AbortSignal): Promise<unknown> {
  const item = itemOf(node.data_type);
  if (!item) throw new Error(`Values of the type ${JSON.stringify(node.data_type)} cannot be shown.`);
  const found = await read(asBytes(store), path, withBytes(node, item.size), [...parts, null], signal);
  const all = items(item, (found as zarr.Chunk<"uint8">).data as Uint8Array);
  return parts.every((part) => typeof part === "number") ? all[0] : all;
}

async function read(store: zarr.AsyncReadable, path: string, node: ArrayNode, parts: Part[], signal?: AbortSignal): Promise<unknown> {
  const array = new zarr.Array(store, path as zarr.AbsolutePath, node as unknown as zarr.ArrayMetadata);
  return zarr.get(array, parts, signal ? { opts: { signal } } : {});
}

function isChunk(found: unknown): found is zarr.Chunk<zarr.DataType> {
  return typeof found === "object" && found !== null && "data" in found;
}

/** The same chunks as items of one byte, `size` of them along a last axis. */
function withBytes(node: ArrayNode, size: number): ArrayNode {
  const { chunk_shape } = node.chunk_grid.configuration;
  const codecs = node.codecs.map((codec) => (codec.name === "bytes" ? { name: "bytes" } : codec));
  return {
    ...node,
    shape: [...node.shape, size],
    data_type: "uint8",
    fill_value: 0,
    chunk_grid: { ...node.chunk_grid, configuration: { chunk_shape: [...chunk_shape, size] } },
    codecs,
  };
}

/** The store by keys that have an index on one more axis, which is always 0. */
function asBytes(store: zarr.AsyncReadable): zarr.AsyncReadable {
  return { get: (key, options) => store.get(key.replace(/\/0$/, "") as zarr.AbsolutePath, options) };
}
