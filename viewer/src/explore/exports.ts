/** Files to download: CSV as H5Web writes it but with exact integers, JSON, and NPY. */

import { type BuiltInExporter, DTypeClass, type ExportFormat, type ExportURL, isIntegerType } from "@h5web/app";

import type { Shown } from "./entities";
import { npy } from "./npy";
import { partsOf } from "./values";

type Numbers = Exclude<ArrayBufferView, DataView>;

/** What makes the file; undefined if the format is not offered. */
export function exported(format: ExportFormat, dataset: Shown, selection: string | undefined, builtIn?: BuiltInExporter): ExportURL | undefined {
  if (format === "npy") return canBeNpy(dataset) ? () => asNpy(dataset, selection) : undefined;
  if (!builtIn) return undefined;
  const isLine = keptAxes(dataset, selection).length === 1;
  if (format === "csv" && isLine && isIntegerType(dataset.type) && dataset.type.size === 64) return () => asColumn(dataset, selection);
  return async () => new Blob([builtIn()]);
}

/** H5Web makes floats of integers before it plots them, and writes those. */
async function asColumn(dataset: Shown, selection: string | undefined): Promise<Blob> {
  const values = (await read(dataset, selection)) as BigInt64Array;
  return new Blob([[dataset.name, ...values].join("\n")]);
}

async function asNpy(dataset: Shown, selection: string | undefined): Promise<Blob> {
  return npy((await read(dataset, selection)) as Numbers, keptAxes(dataset, selection));
}

function canBeNpy({ type }: Shown): boolean {
  return type.class === DTypeClass.Integer || (type.class === DTypeClass.Float && type.size >= 32);
}

function read(dataset: Shown, selection: string | undefined): Promise<unknown> {
  return dataset.read(partsOf(selection, dims(dataset)));
}

/** The lengths of the axes that a selection leaves. */
function keptAxes(dataset: Shown, selection: string | undefined): number[] {
  const parts = partsOf(selection, dims(dataset));
  return dims(dataset).filter((_, axis) => parts[axis] === null);
}

function dims({ shape }: Shown): number[] {
  return "dims" in shape ? shape.dims : [];
}
