/**
 * Arrays as groups of NeXus: `signal` is the array, or a level of a large one, `axes` are coordinates.
 *
 * https://manual.nexusformat.org/classes/base_classes/NXdata.html
 */

import type { GroupWithChildren } from "@h5web/app";

import { type Axis, ofCoordinates, ofIndices } from "./axes";
import type { Data } from "./data";
import { dataset, type Shown, withChildren } from "./entities";
import { arePlaced, coordinates, isLargePlane, isLongLine, isPlotted, type Nodes } from "./hints";
import { type Level, levelOf, levelValues } from "./levels";
import type { ArrayNode } from "./nodes";
import { child, nameOf, parentOf } from "./tree";
import { values } from "./values";

/** Whether an array is shown as a group: it has coordinates, or is too large to be fetched whole. */
export function isVirtual(name: string, node: ArrayNode, beside: Nodes): boolean {
  if (!isPlotted(node.data_type) || isLongLine(node) || node.shape.includes(0)) return false;
  return isLargePlane(node) || coordinates(name, node, beside).some(Boolean);
}

/** The group that stands for an array, with the signal and its axes. */
export async function virtual(data: Data, path: string, node: ArrayNode, beside: Nodes): Promise<GroupWithChildren> {
  const level = isLargePlane(node) ? await levelOf(data.images, path) : null;
  const own = coordinates(nameOf(path), node, beside);
  const signal = level ? ofLevel(data, path, node, level, arePlaced(own)) : ofArray(data, path, node, arePlaced(own));
  const axes = level ? await reduced(data, path, node, level, own) : await Promise.all(own.map((axis) => axis && whole(data, path, axis)));
  const names = axes.map((axis) => axis?.name ?? ".");
  const children = [signal, ...axes.filter((axis) => axis !== null)];
  return withChildren(path, { NX_class: "NXdata", signal: signal.name, axes: names }, children);
}

export function ofArray(data: Data, path: string, node: ArrayNode, isPlaced: boolean): Shown {
  return dataset(child(path, nameOf(path)), node, (parts, signal) => values(data.arrays, path, node, parts, signal), isPlaced);
}

function ofLevel(data: Data, path: string, whole: ArrayNode, level: Level, isPlaced: boolean): Shown {
  const { node, number, steps } = level;
  const name = nameOf(path);
  const label = `${name}, level ${number}: one value for ${Math.round(steps.at(-1) ?? 1)} x ${Math.round(steps.at(-2) ?? 1)}`;
  const named = { ...whole, ...node, attributes: { ...whole.attributes, long_name: label } };
  return dataset(child(path, name), named, (parts, signal) => levelValues(data.images, level, parts, signal), isPlaced);
}

function whole(data: Data, path: string, [name, node]: [string, ArrayNode]): Promise<Shown> {
  return ofCoordinates(data, child(path, name), child(parentOf(path), name), node, null);
}

/** The axes of a level: coordinates at its items' centres, or indices at full resolution. */
function reduced(data: Data, path: string, { shape }: ArrayNode, level: Level, own: ([string, ArrayNode] | null)[]): Promise<Shown[]> {
  const isSame = shape.length === level.node.shape.length;
  const axes = level.node.shape.map((count, i): Axis => ({ start: level.starts[i] ?? 0, step: level.steps[i] ?? 1, count }));
  return Promise.all(
    axes.map((axis, i) => {
      const found = isSame ? own[i] : null;
      const name = found?.[0] ?? level.node.dimension_names?.[i] ?? `axis ${i}`;
      if (!found) return ofIndices(child(path, name), level.node, axis);
      return ofCoordinates(data, child(path, name), child(parentOf(path), name), found[1], axis);
    }),
  );
}

