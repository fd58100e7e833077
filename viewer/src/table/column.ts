/**
 * A column of a table: a 1-d array that is read in the types of the profile `~dtype=web`.
 *
 * There, times are int64 with the attributes of the CF conventions, booleans are u1, texts are
 * `string`, and the parts of bytes and of complex numbers are a second axis. Nobody but the server
 * knows the types that JavaScript lacks.
 */

import * as zarr from "zarrita";

export type Kind = "integer" | "float" | "boolean" | "time" | "span" | "text" | "bytes" | "complex";
export type Item = number | bigint | string;

/** Rows of a column, from `start`; each row has `width` items in `data`, one after the other. */
export interface Block {
  start: number;
  data: ArrayLike<Item>;
  width: number;
}

interface Attributes {
  dtype?: string;
  units?: string;
  calendar?: string;
  long_name?: string;
  _FillValue?: number | string | boolean | null;
  tiled_zarr?: { source_type?: string; null?: unknown; time_zone?: string };
}

const UNITS = ["days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds", "picoseconds", "femtoseconds", "attoseconds"];
const NOT_A_TIME = -(2n ** 63n);
const TIME = /^([a-z]+) since 1970-01-01$/;

/** What the metadata of a column say, and its array. */
export class Facts {
  readonly kind: Kind;
  /** The unit that the values of a time or span count. */
  readonly counts: string;
  /** The unit of measurement that the source names; empty if it names none. */
  readonly unit: string;
  /** The type, as people know it. */
  readonly type: string;
  /** The time zone of the source, whose times are here in UTC; empty if it names none. */
  readonly zone: string;
  /** Whether the source's own null is one of the values. */
  private readonly hasNull: boolean;
  private readonly mark: Item | null;

  constructor(readonly array: zarr.Array<zarr.DataType>) {
    const attributes = array.attrs as Attributes;
    const ours = attributes.tiled_zarr ?? {};
    const units = attributes.units ?? "";
    const isMarked = Number(attributes._FillValue) === Number(NOT_A_TIME);
    const time = attributes.calendar !== undefined && array.dtype === "int64" ? (TIME.exec(units)?.[1] ?? "") : "";
    this.counts = UNITS.includes(time) ? time : isMarked && UNITS.includes(units) ? units : "";
    this.kind = this.counts ? (time ? "time" : "span") : kindOf(array, attributes);
    this.unit = this.counts ? "" : units;
    this.zone = ours.time_zone ?? "";
    this.type = nameOf(this, ours.source_type ?? "");
    this.hasNull = "null" in ours;
    const isNull = typeof ours.null === "number" || (this.kind === "text" && typeof ours.null === "string");
    this.mark = isNull ? (ours.null as Item) : markOf(attributes._FillValue, array.dtype);
  }

  get rows(): number {
    return this.array.shape[0] ?? 0;
  }

  get chunkRows(): number {
    return Math.max(1, this.array.chunks[0] ?? 1);
  }

  /** Whether its values have places on a line: those of text and complex numbers have none. */
  get isPlotted(): boolean {
    return !["text", "bytes", "complex"].includes(this.kind);
  }

  /** Whether its values can be put in order. */
  get isOrdered(): boolean {
    return this.kind !== "complex";
  }

  /** What stands for a missing value of this column; empty if `item` is a value. */
  missing(item: Item): string {
    if (item === NOT_A_TIME && this.counts) return "NaT";
    if (item !== item) return this.hasNull ? "null" : "NaN";
    // the document has numbers of 53 bits, and the columns of 64 bits compare as these
    if (this.mark === null || (typeof item === "bigint" ? Number(item) : item) !== this.mark) return "";
    return this.hasNull ? "null" : String(item);
  }

  /** The rows from `start` up to `stop`. Throws HttpError. */
  async read(start: number, stop: number, signal?: AbortSignal): Promise<Block> {
    const [, ...inner] = this.array.shape;
    const width = inner.reduce((product, size) => product * size, 1);
    if (start >= stop) return { start, data: [], width };
    const { data } = await zarr.get(this.array, [zarr.slice(start, stop), ...inner.map(() => null)], signal ? { signal } : {});
    return { start, data: data as ArrayLike<Item>, width };
  }

  /** All rows of one chunk, and maybe more that the table does not have. Throws HttpError. */
  async chunk(index: number, signal: AbortSignal): Promise<Block> {
    const start = index * this.chunkRows;
    if (this.array.shape.length > 1) return this.read(start, Math.min(this.rows, start + this.chunkRows), signal);
    const { data } = await this.array.getChunk([index], { signal });
    return { start, data: data as ArrayLike<Item>, width: 1 };
  }
}

function kindOf(array: zarr.Array<zarr.DataType>, attributes: Attributes): Kind {
  const isFloat = array.dtype.startsWith("float");
  if (array.dtype === "string") return "text";
  if (array.shape.length > 1) return isFloat ? "complex" : "bytes";
  if (attributes.dtype === "bool" || array.dtype === "bool" || attributes.tiled_zarr?.source_type === "bool") return "boolean";
  return isFloat && !/^u?int/.test(attributes.tiled_zarr?.source_type ?? "") ? "float" : "integer";
}

function nameOf({ kind, counts, array }: Facts, source: string): string {
  if (source) return source.startsWith("dictionary") ? "categories" : source;
  if (kind === "time" || kind === "span") return `${kind} in ${counts}`;
  return kind === "integer" || kind === "float" ? array.dtype : kind;
}

/** The value that the source has for "missing"; floats are spelled as base64 of eight bytes in Zarr v3. */
function markOf(fill: Attributes["_FillValue"], dtype: string): Item | null {
  if (typeof fill === "number") return fill;
  if (typeof fill !== "string") return null;
  if (!dtype.startsWith("float")) return fill;
  const bytes = Uint8Array.from(atob(fill), (letter) => letter.charCodeAt(0));
  return new DataView(bytes.buffer).getFloat64(0, true);
}

/** A column by its name; its metadata are read when they are first needed. `width` is that of its cells in pixels. */
export class Column {
  facts: Facts | null = null;
  private opening: Promise<Facts> | null = null;

  constructor(
    readonly name: string,
    readonly key: string,
    readonly width: number,
    private location: zarr.Location<zarr.AsyncReadable>,
  ) {}

  /** Read the metadata. Throws HttpError. */
  open(): Promise<Facts> {
    this.opening ??= zarr.open.v3(this.location.resolve(this.key), { kind: "array" }).then((array) => (this.facts = new Facts(array)));
    return this.opening;
  }

  /** Be as another state of the same column is. Throws HttpError. */
  async renew(fresh: Column): Promise<void> {
    this.location = fresh.location;
    this.facts &&= await fresh.open();
    this.opening = this.facts && Promise.resolve(this.facts);
  }
}
