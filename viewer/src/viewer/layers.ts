/**
 * The layers that deck.gl draws.
 *
 * The coarsest level is at the bottom; above it are the tiles of the level that fits the zoom.
 */

import { TileLayer } from "@deck.gl/geo-layers";
import { XRLayer } from "@vivjs/layers";

import { LARGEST } from "./contrast";
import { limitsOf, type Look } from "./look";
import type { Color, Multiscale, Window } from "./multiscale";
import { Shading, type ShadingProps } from "./shading";
import { type Box, depthOf, type Pixels, type Plane, type Tile, type Tiles } from "./tiles";

/** The contrast limits and the colour in which a channel is drawn. */
export interface Shade {
  window: Pick<Window, "start" | "end">;
  color: Color;
}

/** A label image over the image, at the plane that is shown. */
export interface Overlay {
  tiles: Tiles;
  plane: Plane;
}

/** What the page shows: up to six planes, and a shade for each channel of the image. */
export interface Scene {
  planes: Plane[];
  shades: Shade[];
  look: Look;
  overlay: Overlay | null;
  /** Whether the zoom shows single pixels; if so, they are drawn as squares. */
  isClose: boolean;
  /** A number that increases when tiles that were read are out of date. */
  generation: number;
}

const MOST_REQUESTS = 10;
const TILE_BYTES = 512 * 2 ** 20;
const LABELS: Shade = { window: { start: 0, end: 1 }, color: [0, 0, 0] };
const shading = [new Shading()];

type OnError = (error: Error) => void;

export function layers(tiles: Tiles, scene: Scene, onError: OnError): TileLayer<Tile>[] {
  if (scene.planes.length === 0) return [];
  const depth = depthOf(tiles.image.levels);
  const { axes, isLabels } = tiles.image;
  const picture = { tiles, planes: scene.planes, kind: isLabels ? "labels" : "image", ratio: [1, 1] } satisfies Picture;
  const detail = tileLayer("detail", picture, scene, onError, [-depth, 0]);
  const shown = depth === 0 ? [detail] : [tileLayer("overview", picture, scene, onError, [-depth, -depth]), detail];
  if (!scene.overlay) return shown;
  const { tiles: labels, plane } = scene.overlay;
  const ratio = [-2, -1].map((axis) => (axes.at(axis)?.size ?? 1) / (labels.image.axes.at(axis)?.size ?? 1)) as [number, number];
  const over = { tiles: labels, planes: [plane], kind: "overlay", ratio } satisfies Picture;
  return [...shown, tileLayer("labels", over, scene, onError, [-depthOf(labels.image.levels), 0])];
}

/** Planes of an image; one of its pixels spans `ratio` pixels of level 0 of the image shown. */
interface Picture {
  tiles: Tiles;
  planes: Plane[];
  kind: ShadingProps["kind"];
  ratio: [y: number, x: number];
}

function tileLayer(id: string, picture: Picture, scene: Scene, onError: OnError, zooms: [number, number]): TileLayer<Tile> {
  const { tiles, planes, kind, ratio } = picture;
  const { levels, axes, isInteger, stretch } = tiles.image;
  const [height = 1, width = 1] = axes.slice(-2).map((axis) => axis.size);
  const { shades, look, isClose, generation } = scene;
  const interpolation = kind !== "image" || isClose ? "nearest" : "linear";
  const modelMatrix = scaling(ratio[1] * stretch[1], ratio[0] * stretch[0]);
  return new TileLayer<Tile>({
    id,
    extent: [0, 0, width, height],
    modelMatrix,
    tileSize: tileSizeOf(levels[0]?.array.chunks ?? []),
    minZoom: zooms[0],
    maxZoom: zooms[1],
    maxRequests: MOST_REQUESTS,
    maxCacheByteSize: TILE_BYTES,
    refinementStrategy: "best-available",
    getTileData: async ({ index, bbox, signal }) => bounded(await tiles.read(planes, bbox as Box, -index.z, signal)),
    onTileError: onError,
    updateTriggers: { getTileData: [planes.join(" "), generation], renderSubLayers: [JSON.stringify([shades, look]), interpolation] },
    renderSubLayers: ({ id, data }) => {
      if (!data) return null;
      const shown = kind === "image" ? data.planes.map((plane) => shades[channelOf(tiles.image, plane)] as Shade) : [LABELS];
      return new XRLayer({
        id,
        modelMatrix,
        channelData: data,
        bounds: data.bounds,
        dtype: dtypeOf(data.data[0] as Pixels),
        selections: data.planes,
        contrastLimits: shown.map(({ window }) => limitsOf(window, look.scale, isInteger)),
        channelsVisible: shown.map(() => true),
        colors: shown.map(({ color }) => color),
        kind,
        look,
        interpolation,
        pickable: false,
        extensions: shading,
      });
    },
  });
}

/**
 * The tile with plus and minus 2^126 in place of infinities.
 *
 * Between pixels the GPU computes 0 times each neighbour, and 0 times infinity is NaN: no data.
 */
function bounded(tile: Tile): Tile {
  const data = tile.data.map((pixels) => {
    if (!(pixels instanceof Float32Array && pixels.some((value) => Math.abs(value) === Infinity))) return pixels;
    return pixels.map((value) => (Math.abs(value) === Infinity ? Math.sign(value) * LARGEST : value));
  });
  return { ...tile, data };
}

/** The matrix, column by column, that makes everything `x` times as wide and `y` times as high. */
function scaling(x: number, y: number): Float64Array {
  return Float64Array.of(x, 0, 0, 0, 0, y, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
}

function channelOf(image: Multiscale, plane: Plane): number {
  return image.channelAxis === null ? 0 : (plane[image.channelAxis] ?? 0);
}

/**
 * The largest power of two that fits into a chunk, from 64 to 1024.
 *
 * If chunks are squares of such a size, a tile is exactly one chunk.
 */
function tileSizeOf(chunks: number[]): number {
  return 2 ** Math.floor(Math.log2(Math.min(Math.max(64, Math.min(...chunks.slice(-2))), 1024)));
}

function dtypeOf(pixels: Pixels): string {
  return pixels.constructor.name.replace("Array", "");
}
