"""The boxes in which an array is written: shards of whole chunks, and the stripes of a shard.

One task writes one box. Its stripes are read one after the other, so that a task holds a few MiB of
the source and not a whole shard. They run along the first axis on which a box has several chunks,
and are as long as the box on all later ones. So chunks are written in C order however they are read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..grid import Grid
from ..nodes import Region

SHARD = 32 * 1024 * 1024
"""Decoded bytes of a shard, at most and roughly: an image of two bytes a pixel gets 4096 x 4096."""
LARGEST_SHARD = 2 * SHARD
"""The same if the source is read once only in longer shards, as an image in strips is."""
STRIPE = 4 * 1024 * 1024
"""Decoded bytes of the source that a task reads at once, at least if its shard has as many."""

Shape = tuple[int, ...]


def shard_shape(grid: Grid, itemsize: int, unit: Shape | None, wanted: Shape | None, *, is_plane: bool) -> Shape:
    """The shape of the shards of an array, in elements: whole chunks, at most all of them.

    `wanted` has the edges along the last axes, and is rounded up to whole chunks. Without it, a
    shard covers `unit`, the box that the source decodes at once, and then grows to about SHARD
    bytes: on y and x alike, and after that on the other axes unless it `is_plane`.

    >>> shard_shape(Grid((9000, 9000), (512, 512)), 2, None, None, is_plane=True)
    (4096, 4096)
    >>> shard_shape(Grid((16384, 16384), (512, 512)), 2, (1, 16384), None, is_plane=True)
    (1024, 16384)
    >>> shard_shape(Grid((3, 900, 900), (1, 256, 256)), 1, None, (500, 2000), is_plane=True)
    (1, 512, 1024)
    """
    counts, chunk = grid.counts, grid.chunk_shape
    if wanted is not None:
        edges = (*(0,) * (len(chunk) - len(wanted)), *wanted[-len(chunk) :]) if chunk else ()
        return _elements(grid, [-(-edge // size) for edge, size in zip(edges, chunk, strict=True)])
    shard = [1] * len(chunk)
    nbytes = math.prod(chunk) * itemsize
    for axis in reversed(range(len(chunk))):
        if unit is not None and not (is_plane and axis < len(chunk) - 2):
            covering = min(-(-unit[axis] // chunk[axis]), counts[axis])
            if covering * math.prod(shard) * nbytes <= LARGEST_SHARD:
                shard[axis] = max(1, covering)
    while 2 * math.prod(shard) * nbytes <= SHARD:
        growing = [axis for axis in range(len(chunk)) if shard[axis] < counts[axis]]
        planes = [axis for axis in growing if axis >= len(chunk) - 2]
        if not planes and (is_plane or not growing):
            break
        axis = min(planes, key=lambda axis: shard[axis] * chunk[axis]) if planes else growing[-1]
        shard[axis] *= 2
    return _elements(grid, shard)


def _elements(grid: Grid, shard: list[int]) -> Shape:
    """Chunks along each axis as elements: at least one chunk, at most all."""
    return tuple(max(1, min(count, most)) * size for count, most, size in zip(shard, grid.counts, grid.chunk_shape, strict=True))


def stripes(region: Region, chunk: Shape, itemsize: int, unit: Shape | None) -> Iterator[Region]:
    """The parts of a box to read one after the other; each holds whole chunks.

    A stripe covers `unit` if the box does, so that the source decodes it once for the box.

    >>> list(stripes((slice(0, 3000), slice(0, 4096)), (1024, 1024), 2, None))[-1]
    (slice(2048, 3000, None), slice(0, 4096, None))
    """
    axis = next((axis for axis, part in enumerate(region) if part.stop - part.start > chunk[axis]), None)
    if axis is None:
        yield region
        return
    part, size = region[axis], chunk[axis]
    row = math.prod(other.stop - other.start for number, other in enumerate(region) if number != axis) * size * itemsize
    count = max(1, STRIPE // max(row, 1), 1 if unit is None else -(-unit[axis] // size))
    for start in range(part.start, part.stop, count * size):
        yield (*region[:axis], slice(start, min(start + count * size, part.stop)), *region[axis + 1 :])


def chunks(region: Region, chunk: Shape) -> list[Shape]:
    """The indices of the chunks in a region that begins with a whole chunk, in C order.

    >>> chunks((slice(512, 1500), slice(0, 512)), (512, 512))
    [(1, 0), (2, 0)]
    """
    start = tuple(part.start // size for part, size in zip(region, chunk, strict=True))
    inside = Grid(tuple(part.stop - part.start for part in region), chunk)
    return [tuple(first + place for first, place in zip(start, index, strict=True)) for index in inside]


def within(region: Region, outer: Region) -> Region:
    """A region counted from where another one begins.

    >>> within((slice(512, 700),), (slice(500, 1000),))
    (slice(12, 200, None),)
    """
    return tuple(slice(part.start - first.start, part.stop - first.start) for part, first in zip(region, outer, strict=True))


def shape_of(region: Region) -> Shape:
    """The shape of a region."""
    return tuple(part.stop - part.start for part in region)
