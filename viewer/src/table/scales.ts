/** Values as places on an axis: numbers, for a time the seconds since 1970. */

import type uPlot from "uplot";

import type { Facts, Item } from "./column";
import { isoOf } from "./values";

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
const TIME_WIDTH = 150;
const WIDTH = 80;

/** The place of a value; null for one that is missing or infinite. */
export function numberOf(facts: Facts, item: Item): number | null {
  if (facts.missing(item)) return null;
  const number = Number(item);
  if (!Number.isFinite(number)) return null;
  if (facts.kind !== "time") return number;
  const seconds = SECONDS[facts.counts] ?? 1;
  return seconds < 1 ? number / Math.round(1 / seconds) : number * seconds;
}

/** An axis in the colours of the page; times on it are in ISO 8601, unless uPlot writes them. */
export function axisOf(color: (name: string) => string, unit: string, facts: Facts | undefined): uPlot.Axis {
  const isTime = facts?.kind === "time";
  return {
    stroke: color("--text"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { stroke: color("--line"), width: 1 },
    ...(unit && { label: unit }),
    ...(facts && { size: isTime ? TIME_WIDTH : WIDTH }),
    ...(facts && { values: (_: uPlot, values: number[]) => values.map((value) => (isTime ? isoOf(BigInt(Math.round(value * 1000)), "milliseconds") : short(value))) }),
  };
}

function short(value: number): string {
  return Number(value.toPrecision(12)).toString();
}
