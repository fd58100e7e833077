"""Makes a tile from samples, if the pixels behind it are too many to read for one request.

A coarse tile of a large image stands for gigabytes of the source, and a viewer waits for it. So we
read a part of the source, at most `budget` bytes, and show that until the exact level is ready
(exact.py).

The simple way is to take every n-th pixel. Some sources can read these cheaply: then `_stepped`
does so. Most cannot: they decode a whole chunk for one pixel, so every n-th pixel of a tile would
decode the whole image.

So `_mosaic` decodes a few chunks and uses all their pixels:

1. We divide the tile into cells. There are at most as many as the budget allows patches, at most
   one for each patch of the source, and at most one for each pixel of the tile.
2. For each cell we read one *patch*, a chunk or about as much, at a random place inside the part of
   the source that the cell stands for. If possible it starts where a chunk starts, so that it
   touches only one.
3. We reduce the patch as much as this level reduces the source, and stretch the result over the
   cell. So the detail is as coarse as it will be in the exact level.

The seed of the random numbers is SEED with the level and the index of the tile. So a tile has the
same pixels at each request and in each worker process.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

from ...nodes import Array, Region
from .base import Base
from .kernels import Rule
from .nodata import NoData
from .reads import Reader
from .shapes import Shape
from .source import Index

Block: TypeAlias = np.ndarray[Any, Any]

SEED = 20
"""Start of the random numbers, together with the level and the index of the tile."""
PATCH = 64
"""Edge in pixels of a patch of a source without chunks; patches of small chunks are as large."""
LARGEST_PATCH = 4 * 1024 * 1024
"""Pixels of a patch at most; we read only a part of a larger chunk."""
FINE = 16
"""Pixels of the source for one of a tile: if the budget allows this many, we read four."""


def tile(base: Base, level: int, index: Index, no_data: NoData) -> Block:
    """The part of a tile that lies inside its level, from samples, with marks joined.

    Each call with the same level and index reads the same samples. Blocks; raises what the source
    raises.
    """
    array, halvings = base.source.array, level - base.number
    inside = base.region(level, index)
    rows, columns = (
        slice(part.start << halvings, min(part.stop << halvings, size)) for part, size in zip(inside[-2:], array.shape[-2:], strict=True)
    )
    region = (*inside[:-2], rows, columns)
    if array.source.read_stepped is not None:
        return _stepped(region, halvings, base, no_data)
    shape = tuple(part.stop - part.start for part in inside[-2:])
    rng = np.random.default_rng([SEED, level, *index])
    mosaic = _mosaic(region, shape, base, rng, no_data)
    return mosaic.reshape((1,) * len(inside[:-2]) + mosaic.shape)


def _stepped(region: Region, halvings: int, base: Base, no_data: NoData) -> Block:
    """A tile of every 2^halvings-th pixel, or of the mean of four if four for one are cheap."""
    is_cheap = FINE * base.tile * base.tile * base.display.weight <= base.budget
    step = 1 << (halvings - 1 if is_cheap else halvings)
    block = no_data.joined(base.source.reader.read_stepped(region, (1,) * len(region[:-2]) + (step, step)))
    return no_data.halved(block, base.display.rule) if is_cheap else block


def patch_shape(array: Array) -> Shape:
    """Rows and columns that are cheap to read together.

    That is a chunk, a part of a chunk of more than LARGEST_PATCH pixels, or as many small
    neighbouring chunks as have PATCH * PATCH pixels.
    """
    sizes = array.shape[-2:]
    patch = [min(chunk, size) for chunk, size in zip(array.chunks[-2:] if array.chunks else (PATCH, PATCH), sizes, strict=True)]
    while math.prod(patch) < PATCH * PATCH:
        short = [axis for axis in (0, 1) if patch[axis] < sizes[axis]]
        if not short:
            break
        axis = min(short, key=patch.__getitem__)
        patch[axis] = min(2 * patch[axis], sizes[axis])
    while math.prod(patch) > LARGEST_PATCH:
        axis = 0 if patch[0] >= patch[1] else 1
        patch[axis] //= 2
    return patch[0], patch[1]


def patch_cost(reader: Reader) -> int:
    """Bytes of the source that we decode for a patch: at least those of a chunk."""
    return max(math.prod(patch_shape(reader.array)) * reader.display.weight, reader.display.chunk_nbytes)


def _mosaic(region: Region, shape: Shape, base: Base, rng: np.random.Generator, no_data: NoData) -> Block:
    """The region of the source as a block of `shape`, in cells that show one patch each."""
    reader = base.source.reader
    array = reader.array
    patch = patch_shape(array)
    most = max(1, base.budget // patch_cost(reader))
    counts = _cells(region[-2:], patch, shape, most)
    out = np.empty(shape, array.dtype.newbyteorder("<"))
    for cell in np.ndindex(*counts):
        target = tuple(_part(slice(0, size), place, count) for size, place, count in zip(shape, cell, counts, strict=True))
        within = tuple(_part(part, place, count) for part, place, count in zip(region[-2:], cell, counts, strict=True))
        chosen = tuple(random_run(part, size, rng) for part, size in zip(within, patch, strict=True))
        block = no_data.joined(reader.read((*region[:-2], *chosen)))
        room = tuple(part.stop - part.start for part in target)
        # Reduce the patch as much as this level reduces the source, then stretch it over the cell.
        bins = tuple(
            max(1, min(cells, cells * (got.stop - got.start) // (part.stop - part.start)))
            for cells, got, part in zip(room, chosen, within, strict=True)
        )
        out[target] = _stretched(_binned(block.reshape(block.shape[-2:]), bins, base.display.rule, no_data), room)
    return out


def _cells(region: Region, patch: Shape, shape: Shape, most: int) -> Shape:
    """The number of cells along rows and along columns.

    There is at most one for each patch, one for each pixel of the tile, and `most` altogether.
    """
    counts = [min(-(-(part.stop - part.start) // size), pixels) for part, size, pixels in zip(region, patch, shape, strict=True)]
    while math.prod(counts) > most:
        axis = counts.index(max(counts))
        counts[axis] = -(-counts[axis] // 2)
    return tuple(counts)


def _part(whole: slice, place: int, count: int) -> slice:
    """Part number `place` of the `count` parts of a span, which are about equally long."""
    size = whole.stop - whole.start
    return slice(whole.start + place * size // count, whole.start + (place + 1) * size // count)


def random_run(part: slice, size: int, rng: np.random.Generator) -> slice:
    """A random run of at most `size` items in `part`; it starts at a chunk if possible."""
    spare = part.stop - part.start - size
    if spare <= 0:
        return part
    start = int(rng.integers(spare + 1)) + part.start
    start = max(part.start, start // size * size)
    return slice(start, min(start + size, part.stop))


def _binned(block: Block, bins: Shape, rule: Rule, no_data: NoData) -> Block:
    """A block reduced to `bins` rows and columns, which are at most its own.

    We halve it as often as possible, and then take evenly spaced pixels.
    """
    while all(size >= 2 * count for size, count in zip(block.shape, bins, strict=True)):
        block = no_data.halved(block, rule)
    return block[np.ix_(*((2 * np.arange(count) + 1) * size // (2 * count) for size, count in zip(block.shape, bins, strict=True)))]


def _stretched(block: Block, room: Shape) -> Block:
    """A block enlarged to `room` rows and columns by repeating its pixels."""
    return block[np.ix_(*(np.arange(size) * count // size for size, count in zip(room, block.shape, strict=True)))]
