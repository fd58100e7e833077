/** A table: the names and the rows of its columns, from the consolidated metadata of its group. */

import * as zarr from "zarrita";

import { HttpError, HttpStore } from "../common/store";
import { Column } from "./column";

const PROFILE = "zarr/v3/~dtype=web";

export interface Table {
  rows: number;
  columns: Column[];
  /** The names of the columns that cannot be shown, each with the reason. */
  unavailable: [name: string, reason: string][];
}

interface GroupDocument {
  attributes?: { tiled_zarr?: { unavailable?: Record<string, string> } };
  consolidated_metadata?: { metadata: Record<string, Member> };
}

interface Member {
  node_type: string;
  data_type?: unknown;
  attributes?: { units?: string; calendar?: string };
}

/** Pixels that hold the longest number of a type, or a time with nine digits of its second. */
const WIDTHS: Record<string, number> = { int64: 172, uint64: 172, float64: 172, string: 160 };
const [WIDTH, TIME_WIDTH] = [120, 236];

/** Open the table at a path below the URL of the server. Throws HttpError. */
export async function openTable(server: string, path: string, key: string | null): Promise<Table> {
  const store = new HttpStore([`${server}${PROFILE}`, ...path.split("/").filter(Boolean).map(encodeURIComponent)].join("/"), key);
  const body = await store.get("/zarr.json", { cache: "no-cache" });
  if (!body) throw new Error(`There is no table at ${path}.`);
  const group = JSON.parse(new TextDecoder().decode(body)) as GroupDocument;
  const members = group.consolidated_metadata?.metadata;
  const keys = members ? Object.keys(members).filter((name) => members[name]?.node_type === "array") : await listed(store, key);
  const location = zarr.root(withDocuments(store, members ?? {}));
  const columns = keys.map((name) => new Column(spelled(name), name, widthOf(members?.[name]), location));
  const first = await columns[0]?.open();
  return { rows: first?.rows ?? 0, columns, unavailable: Object.entries(group.attributes?.tiled_zarr?.unavailable ?? {}) };
}

/** The names of the columns of a table that has more of them than one document describes; the kind of a child that the server has not opened is null. */
async function listed(store: HttpStore, key: string | null): Promise<string[]> {
  const reply = await fetch(store.url, { headers: { Accept: "application/json", ...(key === null ? {} : { Authorization: `Apikey ${key}` }) } });
  if (!reply.ok) throw new HttpError(reply.status, new URL(store.url).pathname);
  const listing = (await reply.json()) as { children: { name: string; kind: string | null }[] };
  return listing.children.filter(({ kind }) => kind !== "group").map(({ name }) => name);
}

/** A store that has the metadata documents of the columns already. */
function withDocuments(store: HttpStore, members: Record<string, Member>): zarr.AsyncReadable {
  return {
    async get(key, options) {
      const member = key.endsWith("/zarr.json") ? members[key.slice(1, -"/zarr.json".length)] : undefined;
      return member ? new TextEncoder().encode(JSON.stringify(member)) : store.get(key, options ?? {});
    },
  };
}

function widthOf(member: Member | undefined): number {
  return member?.attributes?.calendar ? TIME_WIDTH : (WIDTHS[String(member?.data_type)] ?? WIDTH);
}

/** A name as its source has it: `~` and two hex digits stand for a byte that Zarr forbids in names. */
function spelled(name: string): string {
  try {
    return decodeURIComponent(name.replace(/~([0-9a-f]{2})/g, "%$1"));
  } catch {
    return name;
  }
}
