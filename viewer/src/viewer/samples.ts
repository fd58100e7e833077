/** The values of an image along a line, from the finest level at which the line is not too long. */

import type { Point } from "./camera";
import type { Level } from "./multiscale";
import type { Plane, Pixels, Tiles } from "./tiles";

/** Pixels, at most, that a line has on the level from which its values are read. */
const MOST_SAMPLES = 2048;
const EDGE = 512;

export interface Samples {
  /** The level that was read; its number of pixels of level 0 along y and x. */
  level: number;
  factor: [y: number, x: number];
  /** For each plane the value of each sample; NaN where there is none. */
  values: Float64Array[];
  /** How far each sample is from the start, as a share of the line's length. */
  shares: Float64Array;
}

/**
 * The values of the nearest pixels along the line between the middles of two pixels of level 0.
 *
 * There is about one sample for each pixel that the line is long, the first and the last at its ends.
 */
export async function along(tiles: Tiles, planes: Plane[], from: Point, to: Point, signal: AbortSignal): Promise<Samples> {
  const { levels, noData } = tiles.image;
  const index = levelOf(levels, from, to);
  const { factor, array } = levels[index] as Level;
  const [start, end] = [from, to].map(([x, y]) => [(x + 0.5) / factor[1], (y + 0.5) / factor[0]]) as [Point, Point];
  const count = samplesOf(start, end);
  const shares = Float64Array.from({ length: count }, (_, i) => i / (count - 1));
  const place = (share: number, axis: 0 | 1) => {
    const size = array.shape.at(axis === 0 ? -1 : -2) ?? 1;
    return Math.min(size - 1, Math.max(0, Math.floor(start[axis] + share * (end[axis] - start[axis]))));
  };
  const pixels = Array.from(shares, (share): Point => [place(share, 0), place(share, 1)]);
  const read = await readTiles(tiles, planes, index, pixels, signal);
  const values = planes.map((_, p) => Float64Array.from(pixels, (pixel) => valued(read(p, pixel), noData)));
  return { level: index, factor, values, shares };
}

/** The finest level at which a line has at most `MOST_SAMPLES` samples, else the coarsest. */
function levelOf(levels: Level[], from: Point, to: Point): number {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  const fitting = levels.findIndex(({ factor }) => length / Math.min(...factor) <= MOST_SAMPLES);
  return fitting < 0 ? levels.length - 1 : fitting;
}

function samplesOf(start: Point, end: Point): number {
  return Math.max(2, Math.ceil(Math.hypot(end[0] - start[0], end[1] - start[1]) + 1 - 1e-9));
}

/** Reads the tiles with these pixels; returns the value of a pixel in one of the planes. */
async function readTiles(tiles: Tiles, planes: Plane[], index: number, pixels: Point[], signal: AbortSignal) {
  const [factorY, factorX] = (tiles.image.levels[index] as Level).factor;
  const depth = Math.log2(Math.max(factorY, factorX));
  const idOf = ([x, y]: Point) => `${Math.floor(y / EDGE)}/${Math.floor(x / EDGE)}`;
  const wanted = [...new Set(pixels.map(idOf))];
  const read = wanted.map((id) => {
    const [row = 0, column = 0] = id.split("/").map(Number);
    const box = { left: column * EDGE * factorX, top: row * EDGE * factorY, right: (column + 1) * EDGE * factorX, bottom: (row + 1) * EDGE * factorY };
    return tiles.read(planes, box, depth, signal);
  });
  const found = new Map((await Promise.all(read)).map((tile, i) => [wanted[i], tile]));
  return (plane: number, [x, y]: Point): number => {
    const tile = found.get(idOf([x, y]));
    return tile ? ((tile.data[plane] as Pixels)[(y % EDGE) * tile.width + (x % EDGE)] ?? Number.NaN) : Number.NaN;
  };
}

function valued(value: number, noData: number | null): number {
  return value === noData ? Number.NaN : value;
}
