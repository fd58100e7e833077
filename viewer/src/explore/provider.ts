/** Answers what H5Web asks: entities, attributes, values, files to download. */

import {
  type AttributeValues,
  type BuiltInExporter,
  type ChildEntity,
  DataProviderApi,
  type Dataset,
  type Entity,
  type ExportFormat,
  type ExportURL,
  type ProvidedEntity,
  type ValuesStoreParams,
} from "@h5web/app";

import { attributesOf } from "./attributes";
import type { Data } from "./data";
import { dataset, group, isOurs, type Shown, unavailable, unresolved, withChildren } from "./entities";
import { exported } from "./exports";
import { arePlaced, coordinates, defaultOf, isColour, isLargePlane, isLongLine, named, type Nodes } from "./hints";
import { Along } from "./line/along";
import { Extremes } from "./line/extremes";
import type { ArrayNode, GroupNode, ZarrNode } from "./nodes";
import { child, MORE, nameOf, parentOf } from "./tree";
import { isNumeric } from "./types";
import { partsOf, values } from "./values";
import { isVirtual, virtual } from "./virtual";

/** The class of groups of NeXus with a plot; they name their arrays, which stay datasets. */
const NX_DATA = "NXdata";

export class Provider extends DataProviderApi {
  constructor(readonly data: Data) {
    super(location.host);
  }

  override async getEntity(path: string): Promise<ProvidedEntity> {
    const above = path === "/" ? null : await this.data.tree.node(parentOf(path));
    if (above?.node_type === "array") return this.partOf(parentOf(path), above, nameOf(path));
    const node = await this.data.tree.node(path);
    return node.node_type === "group" ? this.group(path, node) : this.array(path, node, above);
  }

  override async getValue({ dataset, selection }: ValuesStoreParams, signal?: AbortSignal): Promise<unknown> {
    const { dims } = dataset.shape;
    if (dims.some((length) => length === 0)) throw new Error(`There are no values: the shape is ${dims.join(" × ")}.`);
    return (dataset as Shown).read(partsOf(selection, dims), signal);
  }

  override async getAttrValues(entity: Entity): Promise<AttributeValues> {
    return isOurs(entity) ? entity.values : {};
  }

  override getExportURL(format: ExportFormat, dataset: Dataset, selection?: string, builtIn?: BuiltInExporter): ExportURL | undefined {
    return exported(format, dataset as Shown, selection, builtIn);
  }

  override getSearchablePaths(): Promise<string[]> {
    return this.data.tree.paths();
  }

  private async group(path: string, node: GroupNode): Promise<ProvidedEntity> {
    const { nodes, left } = await this.data.tree.children(path);
    const large = await this.largeSignal(path, node);
    const attributes = large ? { default: large } : attributesOf(node);
    const lacksSignal = isWithoutSignal(node, nodes);
    const hasDefault = "default" in attributes || ("NX_class" in attributes && !lacksSignal);
    const first = hasDefault ? null : defaultOf(node, nodes);
    const plot = node.attributes.NX_class === NX_DATA && !large && !lacksSignal ? node : null;
    const children = [...nodes].map(([name, below]) => this.child(child(path, name), named(name, below, node), plot, nodes));
    const missing = Object.entries(unavailable(node)).map(([name, reason]) => unresolved(child(path, name), { reason }));
    const more = left > 0 ? [unresolved(child(path, `${MORE} ${left.toLocaleString("en")} more: see the page of this group`), {})] : [];
    const said = first ? { ...attributes, default: first } : attributes;
    return withChildren(path, said, [...children, ...missing, ...more], lacksSignal);
  }

  /** A child of a group; `plot` is that group if NeXus has it plotted as it is. */
  private child(path: string, node: ZarrNode, plot: GroupNode | null, beside: Nodes): ChildEntity {
    if (node.node_type === "group" || (!plot && hasPlot(path, node, beside))) return group(path, attributesOf(node));
    return this.dataset(path, node, plot ? namesAxes(plot) : arePlaced(coordinates(nameOf(path), node, beside)));
  }

  private async array(path: string, unnamed: ArrayNode, above: ZarrNode | null): Promise<ProvidedEntity> {
    const node = named(nameOf(path), unnamed, above);
    const shown = this.dataset(path, node, false);
    shown.line?.prepare();
    const beside = await this.beside(path, node);
    const isWhole = above?.attributes.NX_class === NX_DATA && !(await this.largeSignal(parentOf(path), above as GroupNode));
    return !isWhole && hasPlot(path, node, beside) ? virtual(this.data, path, node, beside) : shown;
  }

  /** The signal or an axis of the group that stands for an array. */
  private async partOf(path: string, unnamed: ArrayNode, name: string): Promise<ProvidedEntity> {
    const node = named(nameOf(path), unnamed, await this.data.tree.node(parentOf(path)));
    const { children } = await virtual(this.data, path, node, await this.beside(path, node));
    const found = children.find((entity) => entity.name === name);
    if (!found) throw new Error(`There is no ${child(path, name)}: ${path} is an array.`);
    return found as ProvidedEntity;
  }

  /** The signal of a group of NeXus, if it is too large to be drawn whole: then the array is shown by itself. */
  private async largeSignal(path: string, { attributes }: GroupNode): Promise<string | null> {
    const { NX_class, signal } = attributes;
    if (NX_class !== NX_DATA || typeof signal !== "string") return null;
    const found = (await this.data.tree.some(path, [signal])).get(signal);
    return found?.node_type === "array" && (isLongLine(found) || isLargePlane(found)) ? signal : null;
  }

  private beside(path: string, node: ArrayNode): Promise<Nodes> {
    return this.data.tree.some(parentOf(path), node.dimension_names ?? []);
  }

  /** The coordinates of a long line, if there are any. */
  private async along(path: string, node: ArrayNode): Promise<Along | null> {
    const [found] = coordinates(nameOf(path), node, await this.beside(path, node));
    return found ? new Along(this.data, child(parentOf(path), found[0]), ...found) : null;
  }

  private dataset(path: string, node: ArrayNode, isPlaced: boolean): Shown {
    const shown = dataset(path, node, (parts, signal) => values(this.data.arrays, path, node, parts, signal), isPlaced);
    return isLongLine(node) && isNumeric(node.data_type) ? { ...shown, line: new Extremes(this.data, path, node, () => this.along(path, node)) } : shown;
  }
}

/** Whether a group of NeXus names a signal that is no array in it. Older files name none, but mark the array. */
function isWithoutSignal({ attributes: { NX_class, signal } }: GroupNode, nodes: Nodes): boolean {
  return NX_class === NX_DATA && typeof signal === "string" && nodes.get(signal)?.node_type !== "array";
}

/** Whether a group of NeXus names an axis of its signal; "." stands for none. */
function namesAxes({ attributes: { axes } }: GroupNode): boolean {
  return [axes].flat().some((name) => typeof name === "string" && name !== ".");
}

/** Whether an array is shown as a group. */
function hasPlot(path: string, node: ArrayNode, beside: Nodes): boolean {
  return !isColour(node) && isVirtual(nameOf(path), node, beside);
}
