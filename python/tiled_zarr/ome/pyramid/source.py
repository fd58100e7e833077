"""Reads the pixels from which we make levels, in units of several tiles.

A chunk of the source may be larger than a tile, or a strip across the image. If we read it for each
tile alone, we would decode it once for every tile that it touches. So we read a box that covers
whole chunks (the unit), keep it, and cut tiles out of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ...budgets import Budget
from ...caches.cost import Cache
from ...nodes import Region
from ..display.display import Display
from .reads import Reader
from .shapes import Shape

Block: TypeAlias = np.ndarray[Any, Any]
Index: TypeAlias = tuple[int, ...]

LARGEST_UNIT = 48 * 1024 * 1024
"""Decoded bytes of one unit at most. Half of the tile cache is another limit."""


def unit_shape(shape: Shape, chunks: Shape | None, tile_shape: Shape, itemsize: int, largest: int = LARGEST_UNIT) -> Shape:
    """The box to read for a tile, in pixels: the tile, or as many tiles as cover a longer chunk.

    If chunks do not end where tiles end, the box is two chunks long, so that few chunks lie across
    two units. It never takes more than `largest` bytes, unless one tile does.

    >>> unit_shape((9000, 9000), (1, 9000), (512, 512), 2), unit_shape((9000, 9000), (2000, 2000), (512, 512), 2)
    ((512, 9216), (4096, 4096))
    """
    if chunks is None:
        return tile_shape
    unit = [_covered(*sizes) for sizes in zip(shape, chunks, tile_shape, strict=True)]
    while math.prod(unit) * itemsize > largest and unit != list(tile_shape):
        axis = max(range(len(unit)), key=lambda axis: unit[axis] // tile_shape[axis])
        unit[axis] = -(-unit[axis] // (2 * tile_shape[axis])) * tile_shape[axis]
    return tuple(unit)


def _covered(size: int, chunk: int, tile: int) -> int:
    """The length of a unit along an axis in pixels, a whole number of tiles."""
    if chunk <= tile:
        return tile
    wanted = min(chunk if chunk % tile == 0 else 2 * chunk, size)
    return -(-wanted // tile) * tile


class Source:
    """Reads one image, or one of its stored levels, tile by tile; `cache` keeps its units."""

    def __init__(self, display: Display, tile: int, cache: Cache[Block], budget: Budget) -> None:
        self.reader = Reader(display, budget)
        self.array = array = display.array
        self.cache = cache
        self.tile_shape = (1,) * (len(array.shape) - 2) + (tile, tile)
        largest = min(LARGEST_UNIT, cache.max_bytes // 2, self.reader.largest)
        self.unit_shape = unit_shape(array.shape, array.chunks, self.tile_shape, display.itemsize, largest)

    def tile(self, index: Index, key: str | None) -> Block:
        """The part of a tile that lies inside the array. Blocks; raises what the source raises.

        `key` names the image and its revision in the cache of units. If it is None, we read the
        tile alone and keep nothing.
        """
        region = region_of(index, self.tile_shape, self.array.shape)
        if self.unit_shape == self.tile_shape or key is None:
            return self.read(region)
        unit = tuple(part.start // size for part, size in zip(region, self.unit_shape, strict=True))
        around = region_of(unit, self.unit_shape, self.array.shape)
        block = self.cache.get(f"{key}|unit|{unit}", lambda: _owned(self.read(around)))
        return block[tuple(slice(part.start - outer.start, part.stop - outer.start) for part, outer in zip(region, around, strict=True))]

    def read(self, region: Region) -> Block:
        """The pixels of any region. Blocks; raises what the source raises, Busy and TooLarge."""
        return self.reader.read(region)

    def cost(self, edge: int) -> int:
        """Bytes of all chunks of the source that a square of `edge` pixels in one plane touches."""
        chunks = self.array.chunks[-2:] if self.array.chunks and self.reader.display.chunk_nbytes else (1, 1)
        sizes = self.array.shape[-2:]
        return math.prod(_touched(edge, *one) for one in zip(chunks, sizes, strict=True)) * self.reader.display.weight


def _owned(block: Block) -> Block:
    """The block, or a copy if it is a view of a larger one.

    A view of a decoded chunk would keep the whole chunk in memory.
    """
    owner = block.base
    return block.copy() if owner is not None and getattr(owner, "nbytes", 2 * block.nbytes) > block.nbytes else block


def _touched(edge: int, chunk: int, size: int) -> int:
    """The length in pixels of all chunks that a run of `edge` pixels touches along an axis.

    The run begins at a multiple of its own length. If chunks do not align with it, we assume the
    worst.

    >>> _touched(512, 512, 9000), _touched(512, 4096, 9000), _touched(512, 300, 9000), _touched(512, 4000, 9000)
    (512, 4096, 900, 8000)
    """
    is_aligned = edge % chunk == 0 or chunk % edge == 0
    return min(size, (-(-edge // chunk) + (not is_aligned)) * chunk)


def region_of(index: Index, tile_shape: Shape, shape: Shape) -> Region:
    """The part of the tile at `index` that lies inside an array of `shape`, in pixels."""
    return tuple(slice(place * size, min((place + 1) * size, whole)) for place, size, whole in zip(index, tile_shape, shape, strict=True))


def assemble(region: Region, tile_shape: Shape, dtype: np.dtype[Any], tile: Callable[[Index], Block]) -> Block:
    """A region assembled from tiles, which `tile` returns by index.

    If the region lies inside one tile, the result is a view of that tile.
    """
    spans = [range(part.start // size, -(-part.stop // size)) for part, size in zip(region, tile_shape, strict=True)]
    if math.prod(map(len, spans)) == 1:
        index = tuple(span[0] for span in spans)
        start = tuple(place * size for place, size in zip(index, tile_shape, strict=True))
        return tile(index)[tuple(slice(part.start - first, part.stop - first) for part, first in zip(region, start, strict=True))]
    out = np.empty(tuple(part.stop - part.start for part in region), dtype)
    for offset in np.ndindex(*map(len, spans)):
        index = tuple(span[place] for span, place in zip(spans, offset, strict=True))
        target, inside = _overlap(region, index, tile_shape)
        out[target] = tile(index)[inside]
    return out


def _overlap(region: Region, index: Index, tile_shape: Shape) -> tuple[Region, Region]:
    """Where a tile lies in the block of a region, and which part of the tile lies there."""
    target, inside = [], []
    for part, place, size in zip(region, index, tile_shape, strict=True):
        low, high = max(part.start, place * size), min(part.stop, (place + 1) * size)
        target.append(slice(low - part.start, high - part.start))
        inside.append(slice(low - place * size, high - place * size))
    return tuple(target), tuple(inside)
