/** What metadata say about how an array is best plotted. */

import type { ArrayNode, Attributes, DataType, GroupNode, ZarrNode } from "./nodes";
import { isNumeric } from "./types";

/** The items of the last two axes up to which an array is read as it is; above, a level of it. */
export const MOST_OF_A_PLANE = 2 ** 23;

/** The samples of a line up to which the server has no levels of extremes, and all are plotted. */
export const MOST_OF_A_LINE = 128_000;

export type Nodes = ReadonlyMap<string, ZarrNode>;

/**
 * The coordinates of an array's axes among the nodes beside it, by name; null where there is none.
 *
 * As in CF and xarray, an axis has the coordinates that bear its name.
 */
export function coordinates(name: string, node: ArrayNode, beside: Nodes): ([string, ArrayNode] | null)[] {
  return node.shape.map((length, axis) => {
    const axisName = node.dimension_names?.[axis] ?? "";
    const found = beside.get(axisName);
    return axisName !== name && found && isAxis(found, length) ? [axisName, found] : null;
  });
}

/** Whether H5Web can plot values of a type. */
export function isPlotted(type: DataType): boolean {
  return isNumeric(type) || /^complex/.test(String(type));
}

export function isInstant(type: DataType): boolean {
  return typeof type !== "string" && type.name === "numpy.datetime64";
}

/** An array with the names of axes that a group of NeXus gives its signal. */
export function named<Node extends ZarrNode>(name: string, node: Node, above: ZarrNode | null): Node {
  const { NX_class, signal, axes } = above?.attributes ?? {};
  const names = [axes].flat();
  const isNamed = NX_class === "NXdata" && signal === name && node.node_type === "array" && names.length === node.shape.length;
  return isNamed ? { ...node, dimension_names: names.map((each) => (typeof each === "string" && each !== "." ? each : null)) } : node;
}

export function isLargePlane({ shape }: ArrayNode): boolean {
  const [height = 1, width = 1] = shape.slice(-2);
  return shape.length > 1 && height * width > MOST_OF_A_PLANE;
}

export function isLongLine({ shape }: ArrayNode): boolean {
  return shape.length === 1 && (shape[0] as number) > MOST_OF_A_LINE;
}

/** Whether row 0 is at the top, as in the viewer: if hints say that the array is an image, or if nothing places its rows and columns. */
export function isImage(node: ArrayNode, isPlaced: boolean): boolean {
  const hints = (node.attributes.tiled_zarr ?? {}) as Attributes;
  return !isPlaced || ["axes", "channels", "is_label"].some((hint) => hint in hints);
}

/** Whether one of the last two axes has coordinates, as far as they are known. */
export function arePlaced(axes: unknown[]): boolean {
  return axes.slice(-2).some(Boolean);
}

/** What detectors write where they have no pixel, if the array names no mark: the largest integer of 16 or 32 bits. */
export function gapOf({ data_type, shape, attributes }: ArrayNode): number | undefined {
  const bits = /^uint(16|32)$/.exec(String(data_type))?.[1];
  return bits && shape.length > 1 && !("_FillValue" in attributes) ? 2 ** Number(bits) - 1 : undefined;
}

/** Whether the last axis holds the colours of pixels. */
export function isColour(node: ArrayNode): boolean {
  const { shape, data_type } = node;
  const names = axisNames(node);
  const bands = shape.at(-1);
  const isPhoto = data_type === "uint8" && shape.length === 3 && (bands === 3 || bands === 4);
  return isPhoto && names[0] === "y" && names[1] === "x";
}

/**
 * The child that a group shows first, if NeXus does not say which.
 *
 * That is its first array with coordinates, the first field of records, or the first array to plot of
 * a group of NeXus.
 */
export function defaultOf({ attributes }: GroupNode, nodes: Nodes): string | null {
  const plotted = [...nodes].filter(([, node]) => node.node_type === "array" && isPlotted(node.data_type)) as [string, ArrayNode][];
  const first = plotted.find(([name, node]) => coordinates(name, node, nodes).some(Boolean)) ?? ("NX_class" in attributes ? plotted[0] : undefined);
  const isOfRecords = "record" in ((attributes.tiled_zarr ?? {}) as Attributes);
  return first?.[0] ?? (isOfRecords ? (nodes.keys().next().value ?? null) : null);
}

/** Names of axes; the server calls one `y_512` if another array beside it has a different `y`. */
function axisNames({ dimension_names: names = [] }: ArrayNode): string[] {
  return names.map((name) => (name ?? "").replace(/_\d+$/, ""));
}

function isAxis(node: ZarrNode, length: number): node is ArrayNode {
  if (node.node_type !== "array" || node.shape.length !== 1 || node.shape[0] !== length) return false;
  return isNumeric(node.data_type) || isInstant(node.data_type);
}
