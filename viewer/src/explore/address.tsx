/**
 * What is selected, in the page's address: /explore/PATH?vis=NAME&slice=0,y,x&x=FIRST,END.
 *
 * A change of the path is a step of the browser's history, so that Back undoes it; one of the rest
 * replaces the address. `part` names the signal or an axis inside an array that is shown as a group.
 */

import type { DimensionMapping } from "@h5web/lib";
import { createContext, useContext, useEffect, useMemo, useState } from "react";

import type { Tree } from "./tree";
import { nameOf, parentOf } from "./tree";

const PAGE = "explore";
/** The characters that Zarr v2, which pages are named after, forbids in names and v3 does not. */
const FORBIDDEN_IN_V2 = /[[\]*]/g;
const OURS = ["vis", "slice", "part", "x"];

export class Address {
  constructor(
    private readonly root: string,
    private readonly tree: Tree,
    private readonly start: string,
  ) {
    history.replaceState({ path: this.start }, "");
  }

  /** The path of the node in Zarr v3, with the part inside it. */
  get path(): string {
    const path = (history.state as { path?: string } | null)?.path ?? this.start;
    const part = this.get("part");
    return part === null ? path : `${path}/${part}`;
  }

  get(name: string): string | null {
    return new URLSearchParams(location.search).get(name);
  }

  keep(name: string, value: string | null): void {
    history.replaceState(history.state, "", this.changed(location.href, { [name]: value }));
  }

  select(path: string): void {
    const above = parentOf(path);
    const isPart = path !== "/" && this.tree.isArray(above);
    const node = isPart ? above : path;
    const cleared = Object.fromEntries(OURS.map((name) => [name, null]));
    history.pushState({ path: node }, "", this.changed(this.page(node), { ...cleared, part: isPart ? nameOf(path) : null }));
  }

  /** The address of a page of a node: `explore`, `view`, or "" for the browse page of a group. */
  page(path: string, page = PAGE): string {
    const spelled = path.replace(FORBIDDEN_IN_V2, (letter) => `~${letter.charCodeAt(0).toString(16)}`);
    const url = new URL(`${page}${spelled.split("/").map(encodeURIComponent).join("/")}`, this.root);
    url.search = location.search;
    return url.href;
  }

  /** Call when the browser goes back or forth; returns what ends that. */
  follow(then: (path: string) => void): () => void {
    const go = (): void => then(this.path);
    addEventListener("popstate", go);
    return () => removeEventListener("popstate", go);
  }

  private changed(href: string, values: Record<string, string | null>): string {
    const url = new URL(href);
    for (const [name, value] of Object.entries(values)) {
      if (value === null) url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    }
    return url.href.replaceAll("%2C", ",");
  }
}

const Context = createContext<Address | null>(null);
export const AddressProvider = Context.Provider;

export function useAddress(): Address {
  return useContext(Context) as Address;
}

/** H5Web's state of the selected path. */
export function useSelectedPath(): [string, (path: string) => void] {
  const address = useAddress();
  const [path, setPath] = useState(address.path);
  useEffect(() => address.follow(setPath), [address]);
  const select = (to: string): void => {
    if (to !== path) address.select(to);
    setPath(to);
  };
  return [path, select];
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
  const keep = (next: DimensionMapping): void => {
    const spelled = next.map((part) => part ?? ":").join(",");
    address.keep("slice", spelled === first.map((part) => part ?? ":").join(",") ? null : spelled);
    setShown(spelled);
  };
  return [mapping, keep];
}

/** Null if the text names other axes than those of the plot. */
function mappingOf(text: string | null, dims: number[], axes: number): DimensionMapping | null {
  const parts = (text ?? "").split(",").map((part) => (part === ":" ? null : part === "x" || part === "y" ? part : Number(part)));
  const isRight = parts.length === dims.length && parts.filter((part) => part === "x" || part === "y").length === Math.min(axes, dims.length);
  const isInside = parts.every((part, axis) => typeof part !== "number" || (part >= 0 && part < (dims[axis] as number) && Number.isInteger(part)));
  return text !== null && isRight && isInside && (axes === 0 || parts.includes("x")) ? (parts as DimensionMapping) : null;
}
