/**
 * The dimensions of an image whose coordinates lie beside it, in 1-d arrays as CF and xarray have them.
 *
 * The server names these arrays in the page; each takes one request for its metadata and one for its values.
 */

import * as zarr from "zarrita";

import { HttpStore } from "../common/store";
import { type Dimension, isPlaced } from "./coordinates";
import type { Axis, Multiscale } from "./multiscale";
import { instantsOf } from "./instants";
import { numberText, scaledText, short } from "./numbers";
import { key, page } from "./page";

/** Digits of a 64-bit coordinate under the cursor: a tenth of a millimetre, in metres around the earth. */
const DIGITS = 12;

/**
 * Give the rows and the columns of an image the dimensions that the page names.
 *
 * An axis that OME-NGFF's transformations place keeps their coordinates. An array that cannot be
 * read, or neither ascends nor descends, counts as none.
 */
export async function locate(image: Multiscale, cache: RequestCache = "default"): Promise<void> {
  const named = (page.root.dataset.coordinates ?? "").split(" ").map((each) => each.split(/=(.*)/) as [string, string?]);
  const found = named.map(async ([letter, link]) => {
    const axis = image.axes.slice(-2).find(({ name }) => name === letter);
    if (axis && link && !isPlaced(axis)) axis.dimension = await read(new URL(link, location.href), axis, cache).catch(() => null);
  });
  await Promise.all(found);
}

async function read(url: URL, axis: Axis, cache: RequestCache): Promise<Dimension | null> {
  const store = new HttpStore(url.href, key);
  const array = await zarr.open.v3(zarr.root({ get: (name, options) => store.get(name, { ...options, cache }) }), { kind: "array" });
  const { data } = (await array.getChunk([0])) as unknown as { data: ArrayLike<number | bigint> };
  const numbers = Array.from(data).slice(0, array.shape[0]);
  if (axis.isFlipped) numbers.reverse();
  const { units, calendar, scale_factor: scale = 1, add_offset: offset = 0 } = array.attrs as Record<string, unknown>;
  if (typeof scale !== "number" || typeof offset !== "number") return null;
  const isScaled = scale !== 1 || offset !== 0;
  const scaled = Float64Array.from(numbers, (number) => Number(number) * scale + offset);
  const times = instantsOf(isScaled ? scaled : numbers, units, calendar);
  const values = times?.values ?? scaled;
  if (values.length !== axis.size || !isMonotonic(values)) return null;
  const name = decodeURIComponent(url.pathname.split("/").at(-1) ?? "");
  if (times) return { name, unit: "", values, text: (pixel) => times.text(pixel), marks: (low, high, step) => times.marks(low, high, step) };
  return {
    name,
    unit: typeof units === "string" ? units : "",
    values,
    text: (pixel) => {
      const number = numbers[pixel] ?? 0;
      const stored = numberText(number, array.dtype);
      if (isScaled) return scaledText(stored, array.dtype, scale, offset);
      return array.dtype === "float64" ? short(Number(number), DIGITS) : stored;
    },
  };
}

function isMonotonic(values: Float64Array): boolean {
  const sign = Math.sign((values[1] ?? 0) - (values[0] ?? 0));
  return sign !== 0 && values.every((value, i) => Number.isFinite(value) && (i === 0 || sign * (value - (values[i - 1] as number)) > 0));
}
