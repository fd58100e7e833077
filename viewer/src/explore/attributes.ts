/** Attributes of nodes as H5Web knows them: each with a type and a shape. */

import { type Attribute, type DType, DTypeClass, type Shape, ShapeClass } from "@h5web/app";

import type { ArrayNode, Attributes, ZarrNode } from "./nodes";

const MARK = "_FillValue";

/** The attributes of a node; the mark of missing values as a number, as H5Web wants it. */
export function attributesOf(node: ZarrNode): Attributes {
  const { [MARK]: mark, ...others } = node.attributes;
  const number = node.node_type === "array" && mark !== undefined ? markOf(node, mark) : mark;
  return number === undefined ? others : { ...others, [MARK]: number };
}

export function described(attributes: Attributes): Attribute[] {
  return Object.entries(attributes).map(([name, value]) => ({ name, shape: shapeOf(value), type: typeOf(value) }));
}

/** xarray writes the mark of floats as the base64 of a little-endian float64. */
function markOf({ data_type }: ArrayNode, mark: unknown): unknown {
  if (typeof mark !== "string" || !/^float/.test(String(data_type))) return mark;
  const bytes = Uint8Array.from(atob(mark), (letter) => letter.charCodeAt(0));
  const number = new DataView(bytes.buffer).getFloat64(0, true);
  return Number.isNaN(number) ? undefined : number;
}

function shapeOf(value: unknown): Shape {
  return Array.isArray(value) ? { class: ShapeClass.Array, dims: [value.length] } : { class: ShapeClass.Scalar, dims: [] };
}

function typeOf(value: unknown): DType {
  const items = Array.isArray(value) ? value : [value];
  const all = (type: string): boolean => items.every((item) => typeof item === type);
  if (all("string")) return { class: DTypeClass.String, charSet: "UTF-8", strPad: undefined };
  if (all("number")) return { class: DTypeClass.Float, size: 64, endianness: "little-endian" };
  if (all("boolean")) return { class: DTypeClass.Bool, base: { class: DTypeClass.Integer, signed: false, size: 8, endianness: "little-endian" } };
  return { class: DTypeClass.Unknown };
}
