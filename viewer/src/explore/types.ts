/** Zarr's data types as those of H5Web. */

import { type DType, DTypeClass, type NumericType } from "@h5web/app";

import { fieldsOf, isRecord } from "./items";
import type { ArrayNode, Attributes, DataType } from "./nodes";

const NUMBER = /^(u?)(int|float)(8|16|32|64)$/;
/** Characters of a time in nanoseconds, by which H5Web chooses the width of a cell. */
const LONGEST_TIME = 30;
const ENDIAN = { endianness: "little-endian" } as const;

/** Times are text, since H5Web shows none of its own type. */
export function typeOf(node: ArrayNode): DType {
  const type = plain(node.data_type);
  const names = enumeration(node.attributes);
  return names && type.class === DTypeClass.Integer ? { class: DTypeClass.Enum, base: type, mapping: names } : type;
}

export function isText(type: DataType): boolean {
  return plain(type).class === DTypeClass.String;
}

export function isNumeric(type: DataType): boolean {
  return typeof type === "string" && (NUMBER.test(type) || type === "bool");
}

function plain(type: DataType): DType {
  if (isRecord(type)) return { class: DTypeClass.Compound, fields: new Map(fieldsOf(type).map(([name, field]) => [name, plain(field)])) };
  if (typeof type !== "string") return named(type);
  if (type === "bool") return { class: DTypeClass.Bool, base: number("uint8") as NumericType };
  if (type === "string") return text();
  const part = /^complex(64|128)$/.exec(type);
  return part ? complex(number(`float${Number(part[1]) / 2}`) as NumericType) : number(type);
}

function named({ name, configuration }: Exclude<DataType, string>): DType {
  const size = configuration.length_bytes as number;
  if (name === "fixed_length_utf32") return text(size / 4);
  if (name === "null_terminated_bytes") return text(size);
  return name.startsWith("numpy.") ? text(LONGEST_TIME) : unknown();
}

// constants would be made before H5Web's names exist, since H5Web imports us

function text(length?: number): DType {
  return { class: DTypeClass.String, charSet: "UTF-8", strPad: undefined, ...(length !== undefined && { length }) };
}

function unknown(): DType {
  return { class: DTypeClass.Unknown };
}

function number(name: string): DType {
  const found = NUMBER.exec(name);
  if (!found) return unknown();
  const size = Number(found[3]);
  if (found[2] === "float") return { class: DTypeClass.Float, size, ...ENDIAN };
  return { class: DTypeClass.Integer, signed: !found[1], size, ...ENDIAN };
}

function complex(part: NumericType): DType {
  return { class: DTypeClass.Complex, realType: part, imagType: part };
}

/** The name of each number: of an enumeration of HDF5, or by the flags of the CF conventions. */
function enumeration({ tiled_zarr, flag_values: values, flag_meanings: meanings }: Attributes): Record<number, string> | null {
  const numbers = (tiled_zarr as { enum?: Record<string, number> } | undefined)?.enum;
  if (numbers) return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [value, name]));
  if (!Array.isArray(values) || typeof meanings !== "string") return null;
  const names = meanings.split(/\s+/);
  return names.length === values.length ? Object.fromEntries(values.map((value, at) => [value, names[at]])) : null;
}
