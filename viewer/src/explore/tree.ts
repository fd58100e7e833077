/** The nodes below /zarr/v3, by the paths that H5Web uses: "/" is the tree's root, "/a/b" a node in it. */

import type { AbsolutePath } from "zarrita";

import { HttpStore } from "../common/store";
import type { GroupNode, ZarrNode } from "./nodes";

/** Children of a group that the tree shows; the browse page has them all. */
export const MOST_CHILDREN = 1000;
/** How the name of what stands for all further children begins. */
export const MORE = "…";
const AT_ONCE = 8;

export interface Children {
  /** The first MOST_CHILDREN, with their nodes. */
  nodes: Map<string, ZarrNode>;
  /** How many more there are. */
  left: number;
}

export class Tree {
  private readonly documents = new Map<string, Promise<ZarrNode>>();
  private readonly arrays = new Set<string>();
  private readonly listings = new Map<string, Promise<string[]>>();

  constructor(readonly store: HttpStore) {}

  /** The metadata of a node. Throws if there is none, or if they cannot be read. */
  node(path: string): Promise<ZarrNode> {
    const known = this.documents.get(path) ?? this.read(path);
    this.documents.set(path, known);
    known.catch(() => this.documents.delete(path));
    return known;
  }

  /** Whether a node that was read is an array. */
  isArray(path: string): boolean {
    return this.arrays.has(path);
  }

  async children(path: string): Promise<Children> {
    const names = await this.names(path);
    const shown = names.slice(0, MOST_CHILDREN);
    const found = await inTurns(shown, (name) => this.node(child(path, name)).catch(() => null));
    const nodes = shown.flatMap((name, at) => (found[at] ? [[name, found[at]] as const] : []));
    return { nodes: new Map(nodes), left: names.length - shown.length };
  }

  /** The nodes of a group that bear one of the names; others are not looked for. */
  async some(path: string, names: (string | null)[]): Promise<Map<string, ZarrNode>> {
    const all = new Set(await this.names(path));
    const wanted = names.filter((name) => name !== null && all.has(name)) as string[];
    return new Map(await Promise.all(wanted.map(async (name) => [name, await this.node(child(path, name))] as const)));
  }

  /** The paths of all nodes that are known: all of a tree whose root has consolidated metadata. */
  async paths(): Promise<string[]> {
    await this.node("/");
    return [...this.documents.keys()].filter((path) => path !== "/");
  }

  private async names(path: string): Promise<string[]> {
    const node = await this.node(path);
    if (node.node_type === "array") return [];
    return node.consolidated_metadata ? own(node.consolidated_metadata.metadata) : this.listing(path);
  }

  private listing(path: string): Promise<string[]> {
    const known = this.listings.get(path) ?? this.listed(path);
    this.listings.set(path, known);
    return known;
  }

  private async read(path: string): Promise<ZarrNode> {
    const node = (await this.json(`${path === "/" ? "" : path}/zarr.json`)) as ZarrNode | undefined;
    if (!node) throw new Error(`There is no ${path}: it was removed or renamed.`);
    if (node.node_type === "group") this.spread(path, node);
    else this.arrays.add(path);
    return node;
  }

  /** Keep the documents of all that is below a group, if the group's own has them. */
  private spread(path: string, { consolidated_metadata: all }: GroupNode): void {
    for (const [key, below] of Object.entries(all?.metadata ?? {})) {
      if (below.node_type === "array") this.arrays.add(child(path, key));
      const inner = below.node_type === "group" ? { ...below, consolidated_metadata: { metadata: under(all!.metadata, key) } } : below;
      this.documents.set(child(path, key), Promise.resolve(inner));
    }
  }

  private async listed(path: string): Promise<string[]> {
    const listing = (await this.json(`${path === "/" ? "" : path}/`)) as { children: { name: string }[] } | undefined;
    return (listing?.children ?? []).map(({ name }) => name);
  }

  private async json(key: string): Promise<unknown> {
    const body = await this.store.get(key as AbsolutePath, { accept: "application/json" });
    return body && JSON.parse(new TextDecoder().decode(body));
  }
}

export function child(path: string, name: string): string {
  return `${path === "/" ? "" : path}/${name}`;
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

function own(metadata: Record<string, ZarrNode>): string[] {
  return Object.keys(metadata).filter((key) => !key.includes("/"));
}

function under(metadata: Record<string, ZarrNode>, key: string): Record<string, ZarrNode> {
  const start = `${key}/`;
  return Object.fromEntries(Object.entries(metadata).flatMap(([path, node]) => (path.startsWith(start) ? [[path.slice(start.length), node]] : [])));
}

/** Map items, AT_ONCE at a time. */
async function inTurns<T, R>(items: T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) results[at] = await map(items[at] as T);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}
