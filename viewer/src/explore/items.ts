/** Items of Zarr's data types out of bytes, where zarrita has no such type or none that is exact. */

import { instant, span, type Unit } from "./times";
import type { DataType } from "./nodes";

/** One item at a place of little-endian bytes. */
type Read = (bytes: DataView, at: number) => unknown;

export interface Item {
  size: number;
  read: Read;
}

const NUMBERS: Record<string, Item> = {
  bool: { size: 1, read: (bytes, at) => bytes.getUint8(at) !== 0 },
  int8: { size: 1, read: (bytes, at) => bytes.getInt8(at) },
  uint8: { size: 1, read: (bytes, at) => bytes.getUint8(at) },
  int16: { size: 2, read: (bytes, at) => bytes.getInt16(at, true) },
  uint16: { size: 2, read: (bytes, at) => bytes.getUint16(at, true) },
  int32: { size: 4, read: (bytes, at) => bytes.getInt32(at, true) },
  uint32: { size: 4, read: (bytes, at) => bytes.getUint32(at, true) },
  int64: { size: 8, read: (bytes, at) => bytes.getBigInt64(at, true) },
  uint64: { size: 8, read: (bytes, at) => bytes.getBigUint64(at, true) },
  float16: { size: 2, read: (bytes, at) => half(bytes.getUint16(at, true)) },
  float32: { size: 4, read: (bytes, at) => bytes.getFloat32(at, true) },
  float64: { size: 8, read: (bytes, at) => bytes.getFloat64(at, true) },
  complex64: { size: 8, read: (bytes, at) => [bytes.getFloat32(at, true), bytes.getFloat32(at + 4, true)] },
  complex128: { size: 16, read: (bytes, at) => [bytes.getFloat64(at, true), bytes.getFloat64(at + 8, true)] },
};

/** How items of a type are read; null if they have no fixed size. */
export function itemOf(type: DataType): Item | null {
  if (typeof type === "string") return NUMBERS[type] ?? null;
  const { length_bytes: size = 0, ...unit } = type.configuration as unknown as Unit & { length_bytes?: number };
  switch (type.name) {
    case "fixed_length_utf32":
      return { size, read: (bytes, at) => letters(bytes, at, size) };
    case "null_terminated_bytes":
      return { size, read: (bytes, at) => characters(new Uint8Array(bytes.buffer, bytes.byteOffset + at, size)) };
    case "numpy.datetime64":
      return { size: 8, read: (bytes, at) => instant(bytes.getBigInt64(at, true), unit) };
    case "numpy.timedelta64":
      return { size: 8, read: (bytes, at) => span(bytes.getBigInt64(at, true), unit) };
    case "structured":
    case "struct":
      return record(fieldsOf(type).map(([, field]) => itemOf(field)));
    default:
      return null;
  }
}

/** The fields of a record, those of records inside it among them as "outer.inner". */
export function fieldsOf(type: DataType): [string, DataType][] {
  const fields = (typeof type === "string" ? [] : type.configuration.fields) as unknown[];
  return fields.map(spelled).flatMap(([name, field]) => {
    const inner = isRecord(field) ? fieldsOf(field) : null;
    return inner ? inner.map(([below, kind]): [string, DataType] => [`${name}.${below}`, kind]) : [[name, field] as [string, DataType]];
  });
}

export function isRecord(type: DataType): boolean {
  return typeof type !== "string" && (type.name === "structured" || type.name === "struct");
}

/** All items of C-contiguous bytes. */
export function items({ size, read }: Item, bytes: Uint8Array): unknown[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: size ? bytes.byteLength / size : 0 }, (_, at) => read(view, at * size));
}

/** A field as `["name", type]` or, in the newer spelling `struct`, as an object. */
function spelled(field: unknown): [string, DataType] {
  if (Array.isArray(field)) return field as [string, DataType];
  const { name, data_type } = field as { name: string; data_type: DataType };
  return [name, data_type];
}

/** Fields follow each other without gaps. */
function record(fields: (Item | null)[]): Item | null {
  if (!fields.every((field): field is Item => field !== null)) return null;
  const starts = fields.map((_, at) => fields.slice(0, at).reduce((sum, { size }) => sum + size, 0));
  const size = fields.reduce((sum, field) => sum + field.size, 0);
  return { size, read: (bytes, at) => fields.map((field, i) => field.read(bytes, at + (starts[i] as number))) };
}

function letters(bytes: DataView, at: number, size: number): string {
  const codes = Array.from({ length: size / 4 }, (_, i) => bytes.getUint32(at + 4 * i, true));
  return String.fromCodePoint(...codes).replace(/\0+$/, "");
}

/** UTF-8, or each byte that is not as an escape, as Python shows it. */
function characters(bytes: Uint8Array): string {
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const text = bytes.subarray(0, end);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(text);
  } catch {
    return Array.from(text, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`)).join("");
  }
}

/** A number of IEEE 754 binary16. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (0x400 + fraction) * 2 ** (exponent - 25);
}
