"""Reading the pixels from which levels are made: in units, so that a large or strip-shaped chunk of the source is decoded once."""

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
"""What is read at once for the sake of neighbouring tiles is at most so many decoded bytes, and half of what is kept of tiles."""


def unit_shape(shape: Shape, chunks: Shape | None, tile_shape: Shape, itemsize: int, largest: int = LARGEST_UNIT) -> Shape:
    """The box to read for a tile: the tile, or where the source's chunks are longer, as many tiles as cover one.

    Chunks that do not end where tiles end are covered twice over, so that few of them lie across two units.

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
    """How long a unit is along an axis: a whole number of tiles."""
    if chunk <= tile:
        return tile
    wanted = min(chunk if chunk % tile == 0 else 2 * chunk, size)
    return -(-wanted // tile) * tile


class Source:
    """An image read tile by tile; `key` names it and its revision in the cache that holds units of several tiles."""

    def __init__(self, display: Display, tile: int, cache: Cache[Block], budget: Budget) -> None:
        self.reader = Reader(display, budget)
        self.array = array = display.array
        self.cache = cache
        self.tile_shape = (1,) * (len(array.shape) - 2) + (tile, tile)
        largest = min(LARGEST_UNIT, cache.max_bytes // 2, self.reader.largest)
        self.unit_shape = unit_shape(array.shape, array.chunks, self.tile_shape, display.itemsize, largest)

    def tile(self, index: Index, key: str | None) -> Block:
        """The part of a tile that lies inside the array. Blocks; raises what the source raises."""
        region = region_of(index, self.tile_shape, self.array.shape)
        if self.unit_shape == self.tile_shape or key is None:
            return self.read(region)
        unit = tuple(part.start // size for part, size in zip(region, self.unit_shape, strict=True))
        around = region_of(unit, self.unit_shape, self.array.shape)
        block = self.cache.get(f"{key}|unit|{unit}", lambda: _owned(self.read(around)))
        return block[tuple(slice(part.start - outer.start, part.stop - outer.start) for part, outer in zip(region, around, strict=True))]

    def read(self, region: Region) -> Block:
        """Any region. Blocks; raises what the source raises, and TooLarge."""
        return self.reader.read(region)

    def cost(self, edge: int) -> int:
        """Bytes of the source behind a square of one plane: of all chunks that it touches."""
        chunks = self.array.chunks[-2:] if self.array.chunks and self.reader.display.chunk_nbytes else (1, 1)
        sizes = self.array.shape[-2:]
        return math.prod(_touched(edge, *one) for one in zip(chunks, sizes, strict=True)) * self.reader.display.weight


def _owned(block: Block) -> Block:
    """The block, copied where it is a view of something larger (a decoded chunk), which would stay in memory with it."""
    owner = block.base
    return block.copy() if owner is not None and getattr(owner, "nbytes", 2 * block.nbytes) > block.nbytes else block


def _touched(edge: int, chunk: int, size: int) -> int:
    """How long the chunks are that a run of `edge` pixels touches which begins at a multiple of its own length.

    >>> _touched(512, 512, 9000), _touched(512, 4096, 9000), _touched(512, 300, 9000), _touched(512, 4000, 9000)
    (512, 4096, 900, 8000)
    """
    is_aligned = edge % chunk == 0 or chunk % edge == 0
    return min(size, (-(-edge // chunk) + (not is_aligned)) * chunk)


def region_of(index: Index, tile_shape: Shape, shape: Shape) -> Region:
    """The part of a tile that lies inside an array."""
    return tuple(slice(place * size, min((place + 1) * size, whole)) for place, size, whole in zip(index, tile_shape, shape, strict=True))


def assemble(region: Region, tile_shape: Shape, dtype: np.dtype[Any], tile: Callable[[Index], Block]) -> Block:
    """A region put together out of tiles; one that is a part of a single tile is a view of it."""
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
    """Where a tile lies in a region's block, and which part of the tile that is."""
    target, inside = [], []
    for part, place, size in zip(region, index, tile_shape, strict=True):
        low, high = max(part.start, place * size), min(part.stop, (place + 1) * size)
        target.append(slice(low - part.start, high - part.start))
        inside.append(slice(low - place * size, high - place * size))
    return tuple(target), tuple(inside)
