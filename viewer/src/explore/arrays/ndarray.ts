/**
 * The part of the package `ndarray` that H5Web uses, as plain code.
 *
 * The package compiles its classes from text at run time, which the page's content security policy
 * forbids. An array is a view of `data`: the item at an index is at `offset` plus the sum of index
 * times stride over all axes.
 */

export type Data = ArrayLike<unknown> & { [index: number]: unknown };

/** What the package calls the types of `data`. */
const NAMES: Record<string, string> = { Uint8ClampedArray: "uint8_clamped", BigInt64Array: "bigint64", BigUint64Array: "biguint64" };

export class NdArray {
  constructor(
    readonly data: Data,
    readonly shape: number[],
    readonly stride: number[],
    readonly offset: number,
  ) {}

  get size(): number {
    return this.shape.reduce((size, length) => size * length, 1);
  }

  get dimension(): number {
    return this.shape.length;
  }

  get dtype(): string {
    return typeName(this.data);
  }

  index(...index: number[]): number {
    return this.stride.reduce((sum, stride, axis) => sum + stride * (index[axis] ?? 0), this.offset);
  }

  get(...index: number[]): unknown {
    return this.data[this.index(...index)];
  }

  set(...indexAndValue: unknown[]): void {
    this.data[this.index(...(indexAndValue.slice(0, -1) as number[]))] = indexAndValue.at(-1);
  }

  /** The view at the given indices; an axis whose index is null stays. */
  pick(...index: (number | null)[]): NdArray {
    const kept = this.shape.flatMap((_, axis) => (typeof index[axis] === "number" ? [] : [axis]));
    return this.along(kept, this.index(...index.map((at) => at ?? 0)));
  }

  transpose(...axes: number[]): NdArray {
    return this.along(axes, this.offset);
  }

  private along(axes: number[], offset: number): NdArray {
    const of = (sizes: number[]): number[] => axes.map((axis) => sizes[axis] as number);
    return new NdArray(this.data, of(this.shape), of(this.stride), offset);
  }
}

/** Items in C order have their last axis closest together. */
function dense(shape: number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((step, length) => step * length, 1));
}

function typeName(data: Data): string {
  if (Array.isArray(data)) return "array";
  const { name } = data.constructor;
  return NAMES[name] ?? name.replace("Array", "").toLowerCase();
}

export default function ndarray(data: Data, shape: number[] = [data.length], stride: number[] = dense(shape), offset = 0): NdArray {
  return new NdArray(data, [...shape], [...stride], offset);
}
