/** Axes of plots: coordinates as numbers, with a label that has their unit. */

import type { Data } from "./data";
import { dataset, type Shown } from "./entities";
import { isInstant } from "./hints";
import type { ArrayNode, Attributes } from "./nodes";
import { instant, secondsOf, type Unit } from "./times";
import { values } from "./values";

/** The items of a level along an axis: `start` and `step` are indices at full resolution. */
export interface Axis {
  start: number;
  step: number;
  count: number;
}

const SPANS: [name: string, seconds: number][] = [
  ["days", 86_400],
  ["hours", 3600],
  ["minutes", 60],
  ["seconds", 1],
];

/** The calendars of CF in which days are those of ISO 8601, from 1583 on. */
const GREGORIAN = new Set(["standard", "gregorian", "proleptic_gregorian"]);

/** The coordinates of the array at `from`, as the child at `path`; those of a level's items if `axis` is given. */
export async function ofCoordinates(data: Data, path: string, from: string, node: ArrayNode, axis: Axis | null): Promise<Shown> {
  const whole = (): Promise<unknown> => values(data.arrays, from, node, [null]);
  if (isInstant(node.data_type)) return ofTimes(path, node, await counts(data, from, node), axis);
  if (!axis) return dataset(path, { ...node, attributes: labelled(node.attributes) }, whole);
  return numbers(path, node, axis.count, node.attributes, async () => between(Float64Array.from((await whole()) as number[], Number), axis));
}

export async function ofIndices(path: string, node: ArrayNode, axis: Axis): Promise<Shown> {
  const at = Float64Array.from({ length: axis.count }, (_, i) => axis.start + i * axis.step);
  return numbers(path, node, axis.count, {}, async () => at);
}

/** Times as the time since the first, in a unit that suits their whole span. */
function ofTimes(path: string, node: ArrayNode, times: BigInt64Array, axis: Axis | null): Shown {
  const { configuration } = node.data_type as { configuration: unknown };
  const unit = configuration as Unit;
  const first = times[0] ?? 0n;
  const since = Float64Array.from(times, (time) => Number(time - first) * (secondsOf(unit) ?? 1));
  const [name, seconds] = SPANS.find(([, length]) => Math.abs(since.at(-1) ?? 0) >= 2 * length) ?? ["seconds", 1];
  const units = `${secondsOf(unit) === null ? unit.unit : name} since ${instant(first, unit)}`;
  const scaled = since.map((time) => time / seconds);
  const shown = axis ? between(scaled, axis) : scaled;
  return numbers(path, node, shown.length, { ...node.attributes, units }, async () => shown);
}

/** Times as the integers that they are stored as. */
async function counts(data: Data, from: string, node: ArrayNode): Promise<BigInt64Array> {
  return (await values(data.arrays, from, counted(node), [null])) as BigInt64Array;
}

/** An array of times as the array of integers that it is stored as; others as they are. */
export function counted(node: ArrayNode): ArrayNode {
  return isInstant(node.data_type) ? { ...node, data_type: "int64", fill_value: 0 } : node;
}

function numbers(path: string, node: ArrayNode, count: number, attributes: Attributes, read: () => Promise<Float64Array>): Shown {
  return dataset(path, { ...node, shape: [count], data_type: "float64", attributes: labelled(attributes) }, read);
}

/** What labels an axis: H5Web shows either the long name or the unit, and knows no calendars. */
export function labelled({ long_name, units, calendar }: Attributes): Attributes {
  const isOther = typeof calendar === "string" && !GREGORIAN.has(calendar.toLowerCase());
  const unit = isOther ? `${String(units)}, ${calendar} calendar` : units;
  const said = { long_name: typeof long_name === "string" && typeof units === "string" ? `${long_name} (${unit})` : long_name, units: unit };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => typeof value === "string"));
}

/** Coordinates at indices that may lie between two. */
function between(all: Float64Array, { start, step, count }: Axis): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const at = Math.min(Math.max(start + i * step, 0), all.length - 1);
    const low = Math.floor(at);
    const [a, b] = [all[low] ?? NaN, all[Math.min(low + 1, all.length - 1)] ?? NaN];
    return a + (b - a) * (at - low);
  });
}
