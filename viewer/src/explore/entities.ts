/** Groups and datasets as H5Web knows them. Each dataset bears the function that reads it. */

import { type Dataset, EntityKind, type Entity, type Group, type GroupWithChildren, parseShape, type UnresolvedEntity } from "@h5web/app";

import { attributesOf, described } from "./attributes";
import { gapOf, isColour, isImage } from "./hints";
import type { Along } from "./line/along";
import type { Extremes } from "./line/extremes";
import type { ArrayNode, Attributes, ZarrNode } from "./nodes";
import { nameOf } from "./tree";
import { typeOf } from "./types";
import type { Part } from "./values";

export type Read = (parts: Part[], signal?: AbortSignal) => Promise<unknown>;

/** What we add to entities of H5Web. */
interface Ours {
  values: Attributes;
  /** The name that the source has for it, if its path has an alias. */
  label?: string;
}

export interface Shown extends Dataset, Ours {
  read: Read;
  /** The metadata of the array that it shows, if it shows one whole. */
  node?: ArrayNode;
  /** A value that is not drawn, since it means that there is none. */
  gap?: number | undefined;
  /** What is drawn of a line that is too long to be read whole. */
  line?: Extremes;
  /** The coordinates of its samples. */
  along?: Along;
  /** Whether row 0 is at the top. */
  isImage: boolean;
}

export type ShownGroup = Group & Ours;

/**
 * A group of NeXus may name a signal that it does not have; then it is shown as any other group.
 *
 * One that stands for an array has the metadata of what it draws.
 */
export type WholeGroup = GroupWithChildren & { lacksSignal: boolean; node?: ArrayNode };

export function isOurs<T extends Entity>(entity: T): entity is T & Ours {
  return "values" in entity;
}

export function group(path: string, attributes: Attributes): ShownGroup {
  return { kind: EntityKind.Group, ...common(path, attributes) };
}

export function withChildren(path: string, attributes: Attributes, children: GroupWithChildren["children"], lacksSignal = false): WholeGroup {
  return { ...group(path, attributes), children, lacksSignal };
}

export function dataset(path: string, node: ArrayNode, read: Read, isPlaced = false): Shown {
  const colours = isColour(node) ? { CLASS: "IMAGE" } : {};
  return {
    kind: EntityKind.Dataset,
    ...common(path, { ...colours, ...attributesOf(node) }),
    shape: parseShape(node.shape),
    type: typeOf(node),
    rawType: node.data_type,
    chunks: node.chunk_grid.configuration.chunk_shape,
    filters: node.codecs.map(({ name }, id) => ({ id, name })),
    gap: gapOf(node),
    isImage: isImage(node, isPlaced),
    node,
    read,
  };
}

/** What is named, but not shown. */
export function unresolved(path: string, attributes: Attributes): UnresolvedEntity {
  return { kind: EntityKind.Unresolved, ...common(path, attributes) };
}

export function unavailable(node: ZarrNode): Record<string, string> {
  return ((node.attributes.tiled_zarr as Attributes | undefined)?.unavailable ?? {}) as Record<string, string>;
}

function common(path: string, attributes: Attributes): Omit<Entity, "kind"> & Ours {
  const { name: label } = (attributes.tiled_zarr ?? {}) as { name?: string };
  return { name: nameOf(path), path, attributes: described(attributes), values: attributes, ...(label !== undefined && { label }) };
}
