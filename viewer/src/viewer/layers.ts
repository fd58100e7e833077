/**
 * The layers that deck.gl draws.
 *
 * The coarsest level is at the bottom; above it are the tiles of the level that fits the zoom.
 */

import { TileLayer } from "@deck.gl/geo-layers";
import { XRLayer } from "@vivjs/layers";

import type { Color, Multiscale } from "./multiscale";
import { Shading } from "./shading";
import { type Box, depthOf, type Pixels, type Plane, type Tile, type Tiles } from "./tiles";

/** The contrast limits and the colour in which a channel is drawn. */
export interface Shade {
  limits: [low: number, high: number];
  color: Color;
}

/** What the page shows: up to six planes, and a shade for each channel of the image. */
export interface Scene {
  planes: Plane[];
  shades: Shade[];
  /** Whether the zoom shows single pixels; if so, they are drawn as squares. */
  isClose: boolean;
  /** A number that increases when tiles that were read are out of date. */
  generation: number;
}

const MOST_REQUESTS = 10;
const TILE_BYTES = 512 * 2 ** 20;
const shading = [new Shading()];

export function layers(tiles: Tiles, scene: Scene, onError: (error: Error) => void): TileLayer<Tile>[] {
  if (scene.planes.length === 0) return [];
  const depth = depthOf(tiles.image.levels);
  const detail = tileLayer("detail", tiles, scene, onError, [-depth, 0]);
  return depth === 0 ? [detail] : [tileLayer("overview", tiles, scene, onError, [-depth, -depth]), detail];
}

function tileLayer(id: string, tiles: Tiles, scene: Scene, onError: (error: Error) => void, zooms: [number, number]): TileLayer<Tile> {
  const { levels, axes, isLabels } = tiles.image;
  const [height = 1, width = 1] = axes.slice(-2).map((axis) => axis.size);
  const { planes, shades, isClose, generation } = scene;
  const interpolation = isLabels || isClose ? "nearest" : "linear";
  return new TileLayer<Tile>({
    id,
    extent: [0, 0, width, height],
    tileSize: tileSizeOf(levels[0]?.array.chunks ?? []),
    minZoom: zooms[0],
    maxZoom: zooms[1],
    maxRequests: MOST_REQUESTS,
    maxCacheByteSize: TILE_BYTES,
    refinementStrategy: "best-available",
    getTileData: ({ index, bbox, signal }) => tiles.read(planes, bbox as Box, -index.z, signal),
    onTileError: onError,
    updateTriggers: { getTileData: [planes.join(" "), generation], renderSubLayers: [JSON.stringify(shades), interpolation] },
    renderSubLayers: ({ id, data }) => {
      if (!data) return null;
      const shown = data.planes.map((plane) => shades[channelOf(tiles.image, plane)] as Shade);
      return new XRLayer({
        id,
        channelData: data,
        bounds: data.bounds,
        dtype: dtypeOf(data.data[0] as Pixels),
        selections: data.planes,
        contrastLimits: shown.map(({ limits }) => limits),
        channelsVisible: shown.map(() => true),
        colors: shown.map(({ color }) => color),
        isLabels,
        interpolation,
        pickable: false,
        extensions: shading,
      });
    },
  });
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
