/** The line above H5Web: where the other pages of the selected node are. */

import { useEffect, useState } from "react";

import { useAddress } from "./address";
import type { Data } from "./data";
import { Follow } from "./follow";
import type { ZarrNode } from "./nodes";
import { nameOf, parentOf } from "./tree";
import { isNumeric } from "./types";

interface Props {
  data: Data;
  licences: string;
}

export function Bar({ data, licences }: Props): React.ReactNode {
  const address = useAddress();
  const path = address.useNode();
  const node = useNode(data, path);
  const isTable = useIsTable(data, node, path, address.page(path));
  useEffect(() => {
    document.title = nameOf(path) || location.host;
  }, [path]);
  const group = node?.node_type === "array" ? parentOf(path) : path;
  return (
    <header className="bar">
      <nav aria-label="Other pages">
        <a href={address.page("/", "")}>All data</a>
        {group !== "/" && <a href={address.page(group, "view")}>Page of {nameOf(group)}</a>}
        {isTable && <a href={address.page(path)}>Table {nameOf(path)}</a>}
        {node && isPicture(node) && <a href={address.page(path, "view")}>Open {nameOf(path)} in the viewer</a>}
      </nav>
      <Follow />
      <a href={licences}>Licences</a>
    </header>
  );
}

function useNode(data: Data, path: string): ZarrNode | null {
  const [node, setNode] = useState<ZarrNode | null>(null);
  useEffect(() => {
    let isStale = false;
    data.tree.node(path).then(
      (found) => isStale || setNode(found),
      () => isStale || setNode(null),
    );
    return () => void (isStale = true);
  }, [data, path]);
  return node;
}

/** Whether the server has a page with a grid for a group: it may be a table if its children are columns of one length. */
function useIsTable(data: Data, node: ZarrNode | null, path: string, page: string): boolean {
  const [table, setTable] = useState("");
  useEffect(() => {
    let isStale = false;
    const look = async (): Promise<boolean> => {
      const { nodes } = await data.tree.children(path);
      const lengths = new Set([...nodes.values()].map((each) => each.node_type === "array" && each.shape.length === 1 && each.shape[0]));
      return lengths.size === 1 && !lengths.has(false) && (await (await fetch(page)).text()).includes('<main id="table"');
    };
    if (node?.node_type === "group")
      look().then(
        (isTable) => isStale || setTable(isTable ? path : ""),
        () => {},
      );
    return () => void (isStale = true);
  }, [data, node, path, page]);
  return table === path;
}

function isPicture(node: ZarrNode): boolean {
  return node.node_type === "array" && node.shape.filter((length) => length > 1).length >= 2 && isNumeric(node.data_type);
}
