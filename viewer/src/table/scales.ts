/** Values as places on an axis: numbers, for a time the seconds since 1970. */

import type uPlot from "uplot";

import type { Facts, Item } from "./column";
import { isoOf } from "../common/times";

const SECONDS: Record<string, number> = {
  days: 86_400,
  hours: 3600,
  minutes: 60,
  seconds: 1,
  milliseconds: 1e-3,
  microseconds: 1e-6,
  nanoseconds: 1e-9,
  picoseconds: 1e-12,
  femtoseconds: 1e-15,
  attoseconds: 1e-18,
};
const TIME_WIDTH = 100;
const WIDTH = 80;
/** Pixels between two labels below an axis. */
const SPACE = 90;

/** The place of a value; null for one that is missing or infinite. */
export function numberOf(facts: Facts, item: Item): number | null {
  if (facts.missing(item)) return null;
  const number = Number(item);
  if (!Number.isFinite(number)) return null;
  if (facts.kind !== "time") return number;
  const seconds = SECONDS[facts.counts] ?? 1;
  return seconds < 1 ? number / Math.round(1 / seconds) : number * seconds;
}

/** An axis in the colours of the page; times on it are in ISO 8601. `isBelow` says that it is the x axis. */
export function axisOf(color: (name: string) => string, label: string, facts: Facts | undefined, isBelow: boolean): uPlot.Axis {
  const isTime = facts?.kind === "time";
  return {
    stroke: color("--text"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { stroke: color("--line"), width: 1 },
    ...(isBelow ? { space: SPACE } : { size: isTime ? TIME_WIDTH : WIDTH }),
    ...(label && { label }),
    values: (_: uPlot, values: number[], __: number, ___: number, step: number) => values.map((value, i) => (isTime ? clock(value, step, isBelow && i > 0) : short(value))),
  };
}

/** A time with the digits that tell it from those `step` seconds away; all but the first label leave out the date. */
function clock(seconds: number, step: number, isShort: boolean): string {
  const text = isoOf(BigInt(Math.round(seconds * 1e6)), "microseconds");
  const [date = "", time = ""] = text.split("T");
  if (step >= 86_400) return date;
  const digits = step >= 60 ? 5 : step >= 1 ? 8 : step >= 1e-3 ? 12 : 15;
  const shown = time.slice(0, digits);
  return isShort && !/^[0:.]+$/.test(time) ? shown : `${shown}\n${date}`;
}

function short(value: number): string {
  const rounded = Number(value.toPrecision(12));
  return Math.abs(rounded) >= 1e4 && Math.abs(rounded) < 1e15 ? rounded.toLocaleString("en") : String(rounded);
}
