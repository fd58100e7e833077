/** Values as text, with all their digits. */

import { type DType, isComplexType, isCompoundType, isEnumType } from "@h5web/app";

import type { Shown } from "./entities";

/** What a row of the array has: the fields of a record, or one value. */
export function columns({ name, type }: Shown): string[] {
  return isCompoundType(type) ? [...type.fields.keys()] : [name];
}

/** The texts of the columns of a value. */
export function formatted(type: DType, value: unknown): string[] {
  if (!isCompoundType(type)) return [text(type, value)];
  return [...type.fields.values()].map((field, i) => text(field, (value as unknown[])[i]));
}

/** All digits of a number; its sign, too, if it is zero. */
export function digits(value: unknown): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function text(type: DType, value: unknown): string {
  if (isEnumType(type)) return type.mapping[Number(value)] ?? String(value);
  if (!isComplexType(type)) return digits(value);
  const [real, imaginary] = value as [number, number];
  return `${real} ${imaginary < 0 ? "−" : "+"} ${Math.abs(imaginary)} i`;
}
