/** The coordinates along a long line, which are a long line themselves: as many as its samples. */

import { axisText, axisUnit } from "../clock";
import type { Data } from "../data";
import { isInstant } from "../hints";
import type { ArrayNode } from "../nodes";
import { secondsOf, type Unit } from "../times";
import { type Band, Extremes, type Range } from "./extremes";

/** Parts of a range that the text of a tick tells apart. */
const PARTS = 60;

export class Along {
  readonly line: Extremes;
  /** The name of the axis, with the unit of its coordinates. */
  readonly label: string;
  /** Times are integers; we count seconds. */
  private readonly scale: number;

  constructor(data: Data, path: string, name: string, node: ArrayNode) {
    this.line = new Extremes(data, path, node);
    const seconds = isInstant(node.data_type) ? secondsOf((node.data_type as { configuration: unknown }).configuration as Unit) : null;
    const { long_name = name, units } = node.attributes;
    const unit = seconds === null ? units : "seconds since 1970-01-01";
    this.label = typeof unit === "string" ? `${long_name} (${axisUnit(unit, node.attributes.calendar)})` : String(long_name);
    this.scale = seconds ?? 1;
  }

  /** The coordinate at a sample as text, with the digits that the range needs; empty outside of the bands. */
  tick(bands: (Band | null)[], index: number, range: Range): string {
    const at = (place: number): number => this.at(bands, place);
    const last = Math.min(range.stop, this.line.length) - 1;
    return axisText(this.label, at(index), Math.abs(at(last) - at(Math.max(0, range.start))) / PARTS);
  }

  /** The coordinates of `count` samples from one on, all their digits: one, or the first and the last. */
  place(bands: (Band | null)[], index: number, count: number): string {
    const ends = count > 1 ? [index, Math.min(index + count, this.line.length) - 1] : [index];
    return ends.map((end) => axisText(this.label, this.at(bands, end), 0)).join(" to ");
  }

  private at(bands: (Band | null)[], index: number): number {
    const band = bands.find((each) => each && index >= each.start && index < each.start + each.low.length * each.factor);
    if (!band) return NaN;
    const { start, factor, low, high } = band;
    const bin = Math.floor((index - start) / factor);
    const first = start + bin * factor;
    const count = Math.min(factor, this.line.length - first);
    const part = count > 1 ? (index - first) / (count - 1) : 0;
    const [from, to] = (low[0] as number) <= (low.at(-1) as number) ? [low, high] : [high, low];
    return this.scale * ((from[bin] as number) + ((to[bin] as number) - (from[bin] as number)) * part);
  }
}
