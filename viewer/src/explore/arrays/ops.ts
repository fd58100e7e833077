/** The one function of the package `ndarray-ops` that H5Web uses; the package compiles code too. */

import type { NdArray } from "./ndarray";

/** Set the items of `target`, which is in C order, to those of a view of the same shape. */
export function assign(target: NdArray, view: NdArray): void {
  let to = target.offset;
  const copy = (axis: number, from: number): void => {
    if (axis === view.shape.length) target.data[to++] = view.data[from];
    else for (let i = 0; i < (view.shape[axis] as number); i++) copy(axis + 1, from + i * (view.stride[axis] as number));
  };
  copy(0, view.offset);
}
