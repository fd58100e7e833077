/**
 * What is selected, in the page's address: /explore/PATH?vis=NAME&slice=0,y,x&x=FIRST,END.
 *
 * A change of the path is a step of the browser's history, so that Back undoes it; one of the rest
 * replaces the address. `part` names the signal or an axis inside an array that is shown as a group.
 * `follow=on` stays when another node is selected.
 */

import type { DimensionMapping } from "@h5web/lib";
import { createContext, useContext, useEffect, useMemo, useState, useSyncExternalStore } from "react";

import { MORE, nameOf, parentOf, type Tree } from "./tree";

const PAGE = "explore";
/** The characters that Zarr v2, which pages are named after, forbids in names and v3 does not. */
const FORBIDDEN_IN_V2 = /[[\]*]/g;
const OURS = ["vis", "slice", "part", "x", "row"];

export class Address {
  private readonly listeners = new Set<() => void>();
  /** What each axis of the plot is now. */
  mapping: DimensionMapping = [];
  /** How often sliders were moved by `advance`: a slider of H5Web that is there already ignores another value. */
  advances = 0;

  constructor(
    private readonly root: string,
    private readonly tree: Tree,
    private readonly start: string,
  ) {
    history.replaceState({ path: this.start }, "");
    addEventListener("popstate", () => this.tell());
  }

  /** The path of the selected node, in Zarr v3. */
  get node(): string {
    return (history.state as { path?: string } | null)?.path ?? this.start;
  }

  /** The same, with the part inside it. */
  get path(): string {
    const part = this.get("part");
    return part === null ? this.node : `${this.node}/${part}`;
  }

  get(name: string): string | null {
    return new URLSearchParams(location.search).get(name);
  }

  keep(name: string, value: string | null): void {
    history.replaceState(history.state, "", changed(location.href, { [name]: value }));
  }

  /** Go to a node or a part of one; to the group's own page if the path is that of MORE children. */
  select(path: string): void {
    if (path === this.path) return;
    const above = parentOf(path);
    if (nameOf(path).startsWith(MORE)) return location.assign(this.page(above, "view"));
    const isPart = path !== "/" && this.tree.isArray(above);
    const node = isPart ? above : path;
    const cleared = Object.fromEntries(OURS.map((name) => [name, null]));
    const kept = { part: isPart ? nameOf(path) : null, follow: this.get("follow") };
    history.pushState({ path: node }, "", changed(this.page(node), { ...cleared, ...kept }));
    this.tell();
  }

  /** Move the sliders of the axes that have grown to the newest index. */
  advance(before: number[], now: number[]): void {
    if (this.mapping.length !== now.length || before.length !== now.length) return;
    const isGrown = (axis: number): boolean => typeof this.mapping[axis] === "number" && (now[axis] as number) > (before[axis] as number);
    if (now.some((_, axis) => isGrown(axis))) {
      this.advances++;
      this.keep("slice", spelled(this.mapping.map((part, axis) => (isGrown(axis) ? (now[axis] as number) - 1 : part))));
    }
  }

  /** The address of a page of a node: `explore`, `view`, `events`, or "" for the page of all data. */
  page(path: string, page = PAGE): string {
    const spelled = path.replace(FORBIDDEN_IN_V2, (letter) => `~${letter.charCodeAt(0).toString(16)}`);
    const url = new URL(`${page}${spelled.split("/").map(encodeURIComponent).join("/")}`.replace(/^\//, ""), this.root);
    const key = this.get("api_key");
    if (key !== null) url.searchParams.set("api_key", key);
    return url.href;
  }

  /** The path, as a state of React. */
  usePath(): string {
    return useSyncExternalStore(this.subscribe, () => this.path);
  }

  useNode(): string {
    return useSyncExternalStore(this.subscribe, () => this.node);
  }

  private readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

function changed(href: string, values: Record<string, string | null>): string {
  const url = new URL(href);
  for (const [name, value] of Object.entries(values)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url.href.replaceAll("%2C", ",");
}

const Context = createContext<Address | null>(null);
export const AddressProvider = Context.Provider;

export function useAddress(): Address {
  return useContext(Context) as Address;
}

/** H5Web's state of the selected path. */
export function useSelectedPath(): [string, (path: string) => void] {
  const address = useAddress();
  return [address.usePath(), (path) => address.select(path)];
}

/** H5Web's state of the kind of plot; it is kept for each address, not in the browser. */
export function usePreferredVis(): { value: string | null; set: (name: string) => void; remove: () => void } {
  const address = useAddress();
  return { value: address.get("vis"), set: (name) => address.keep("vis", name), remove: () => address.keep("vis", null) };
}

/** H5Web's state of what each axis is: "x", "y", or the index of a slice. `first` is what it proposes. */
export function useSlice(dims: number[], axes: number, first: DimensionMapping): [DimensionMapping, (mapping: DimensionMapping) => void] {
  const address = useAddress();
  const [, setShown] = useState("");
  const text = address.get("slice");
  const mapping = useMemo(() => mappingOf(text, dims, axes) ?? first, [text, dims.join(), axes, first.join()]);
  useEffect(() => void (address.mapping = mapping), [address, mapping]);
  const keep = (next: DimensionMapping): void => {
    address.keep("slice", spelled(next) === spelled(first) ? null : spelled(next));
    setShown(spelled(next));
  };
  return [mapping, keep];
}

function spelled(mapping: DimensionMapping): string {
  return mapping.map((part) => part ?? ":").join(",");
}

/** Null if the text names other axes than those of the plot. */
function mappingOf(text: string | null, dims: number[], axes: number): DimensionMapping | null {
  const parts = (text ?? "").split(",").map((part) => (part === ":" ? null : part === "x" || part === "y" ? part : Number(part)));
  const isRight = parts.length === dims.length && parts.filter((part) => part === "x" || part === "y").length === Math.min(axes, dims.length);
  const isInside = parts.every((part, axis) => typeof part !== "number" || (part >= 0 && part < (dims[axis] as number) && Number.isInteger(part)));
  return text !== null && isRight && isInside && (axes === 0 || parts.includes("x")) ? (parts as DimensionMapping) : null;
}
