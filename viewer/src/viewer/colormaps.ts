/** Colour maps: tables of 256 colours, made by viewer/colormaps.py. */

import type { Color } from "./multiscale";
import tables from "./colormaps.json";

export const COLORMAPS = Object.keys(tables);
export const COLORS = 256;

/** The bytes red, green and blue of each colour; null if there is no map of this name. */
export function tableOf(name: string): Uint8Array | null {
  const text = (tables as Record<string, string>)[name];
  return text === undefined ? null : Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** The colour at a share from 0 to 1; without a map, `color` as bright as the share. */
export function colorAt(share: number, table: Uint8Array | null, isReversed: boolean, color: Color): Color {
  const at = isReversed ? 1 - share : share;
  if (!table) return color.map((part) => Math.round(part * at)) as Color;
  const i = 3 * Math.min(COLORS - 1, Math.floor(at * COLORS));
  return [table[i] ?? 0, table[i + 1] ?? 0, table[i + 2] ?? 0];
}
