"""A tile of a level that would need too much of the source, made of samples of it."""

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
PATCH = 64
"""Edge in pixels of a sample of a source without chunks."""
LARGEST_PATCH = 4 * 1024 * 1024
"""Pixels of a sample at most; of a larger chunk a part stands for the whole."""
FINE = 16
"""Four pixels are read for one where so many would be within the budget."""


def tile(base: Base, level: int, index: Index, no_data: NoData) -> Block:
    """A tile's part inside the image with marks joined, the same whenever it is asked for. Blocks; raises what the source raises."""
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
    """Every so many pixels; where four for one are cheap, the mean of four."""
    is_cheap = FINE * base.tile * base.tile * base.display.weight <= base.budget
    step = 1 << (halvings - 1 if is_cheap else halvings)
    block = no_data.joined(base.source.reader.read_stepped(region, (1,) * len(region[:-2]) + (step, step)))
    return no_data.halved(block, base.display.rule) if is_cheap else block


def patch_shape(array: Array) -> Shape:
    """Rows and columns that are cheap to read together: a chunk, a part of one that is very large, or small neighbouring ones."""
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
    """Bytes of the source that are decoded for a patch: those of a chunk at least."""
    return max(math.prod(patch_shape(reader.array)) * reader.display.weight, reader.display.chunk_nbytes)


def _mosaic(region: Region, shape: Shape, base: Base, rng: np.random.Generator, no_data: NoData) -> Block:
    """The region in cells, each shown by one patch of the source that lies in it."""
    reader = base.source.reader
    array = reader.array
    patch = patch_shape(array)
    most = max(1, base.budget // patch_cost(reader))
    counts = _cells(region[-2:], patch, shape, most)
    out = np.empty(shape, array.dtype.newbyteorder("<"))
    for cell in np.ndindex(*counts):
        target = tuple(_part(slice(0, size), place, count) for size, place, count in zip(shape, cell, counts, strict=True))
        within = tuple(_part(part, place, count) for part, place, count in zip(region[-2:], cell, counts, strict=True))
        chosen = tuple(_chosen(part, size, rng) for part, size in zip(within, patch, strict=True))
        block = no_data.joined(reader.read((*region[:-2], *chosen)))
        room = tuple(part.stop - part.start for part in target)
        # A patch smaller than its cell stands for all of it: it is drawn as coarse as it would be seen.
        bins = tuple(
            max(1, min(cells, cells * (got.stop - got.start) // (part.stop - part.start)))
            for cells, got, part in zip(room, chosen, within, strict=True)
        )
        out[target] = _stretched(_binned(block.reshape(block.shape[-2:]), bins, base.display.rule, no_data), room)
    return out


def _cells(region: Region, patch: Shape, shape: Shape, most: int) -> Shape:
    """How many cells there are along rows and columns: at most one a patch, one a pixel, `most` altogether."""
    counts = [min(-(-(part.stop - part.start) // size), pixels) for part, size, pixels in zip(region, patch, shape, strict=True)]
    while math.prod(counts) > most:
        axis = counts.index(max(counts))
        counts[axis] = -(-counts[axis] // 2)
    return tuple(counts)


def _part(whole: slice, place: int, count: int) -> slice:
    """One of `count` parts of a span."""
    size = whole.stop - whole.start
    return slice(whole.start + place * size // count, whole.start + (place + 1) * size // count)


def _chosen(part: slice, size: int, rng: np.random.Generator) -> slice:
    """A run of at most `size` in a span, beginning where a chunk does if there is such a place."""
    spare = part.stop - part.start - size
    if spare <= 0:
        return part
    start = int(rng.integers(spare + 1)) + part.start
    start = max(part.start, start // size * size)
    return slice(start, min(start + size, part.stop))


def _binned(block: Block, bins: Shape, rule: Rule, no_data: NoData) -> Block:
    """A block in so many rows and columns, at most its own: halved as often as that goes, then every so many pixels."""
    while all(size >= 2 * count for size, count in zip(block.shape, bins, strict=True)):
        block = no_data.halved(block, rule)
    return block[np.ix_(*((2 * np.arange(count) + 1) * size // (2 * count) for size, count in zip(block.shape, bins, strict=True)))]


def _stretched(block: Block, room: Shape) -> Block:
    """A block drawn over more pixels."""
    return block[np.ix_(*(np.arange(size) * count // size for size, count in zip(room, block.shape, strict=True)))]
