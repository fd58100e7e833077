"""One pass over a plane of a source, from which all its upper levels are made."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...nodes import Changed
from .base import Base
from .drafts import Draft, Unkept
from .layouts import Layout
from .nodata import NoData
from .planes import Planes
from .shapes import Shape
from .source import Index, region_of

Block: TypeAlias = np.ndarray[Any, Any]

STEP = 8 * 1024 * 1024
"""What is read in one step is at most about so many bytes of the source, and one of its chunks."""
MANY = 4


class Plane(NamedTuple):
    """A plane of an image at a revision, to be kept under a name; `marks()` gives its marks, and blocks."""

    name: str
    layout: Layout
    place: Index
    revision: str
    marks: Callable[[], NoData]


def run(base: Base, planes: Planes, plane: Plane) -> Iterator[None]:
    """Make the levels of a plane, block by block, and keep them in `planes`.

    Gives up when the source changes or nothing can be kept.
    """
    name, layout = plane.name, plane.layout
    draft = None if planes.has(name, layout) else planes.draft(layout)
    if draft is None:
        return
    try:
        for _ in _fill(base, layout, plane.place, draft, plane.marks()):
            if base.revision() != plane.revision:
                return
            yield
        planes.keep(name, draft)
    except Unkept as error:
        planes.pause(error)
    except Changed:
        return
    finally:
        draft.drop()


def _fill(base: Base, layout: Layout, place: Index, draft: Draft, no_data: NoData) -> Iterator[None]:
    """Write the first level block by block, then each further one out of the tiles of the one before."""
    source, rule = base.source, base.display.rule
    halvings = layout.first - base.number
    rows, columns = shape = source.array.shape[-2:]
    largest = source.reader.largest // source.reader.display.itemsize
    box = block_shape(shape, source.array.chunks and source.array.chunks[-2:], source.reader.display.weight, 1 << halvings, largest)
    for top in range(0, rows, box[0]):
        for left in range(0, columns, box[1]):
            inside = region_of((top // box[0], left // box[1]), box, shape)
            block = no_data.joined(source.read((*(slice(i, i + 1) for i in place), *inside)))
            for _ in range(halvings):
                block = no_data.halved(block, rule)
            draft.put(layout.first, top >> halvings, left >> halvings, block.reshape(block.shape[-2:]))
            yield
    last = layout.first + len(layout.shapes) - 1
    done = 0
    for tile in layout.tiles():
        block = draft.sealed(tile)
        if tile.level < last:
            draft.put(tile.level + 1, tile.row * layout.tile // 2, tile.column * layout.tile // 2, no_data.halved(block, rule))
        done += block.nbytes
        if done >= STEP:
            done = 0
            yield


def block_shape(shape: Shape, chunks: Shape | None, weight: int, unit: int, largest: int) -> Shape:
    """Rows and columns to read at once: whole chunks where that is possible, multiples of `unit`, about STEP bytes of the source.

    Chunks that do not end where a multiple of `unit` does are read a few at a time, as far as that is no more than `largest` pixels.

    >>> block_shape((100_000, 100_000), (1, 100_000), 2, 16, 1 << 25), block_shape((100_000, 100_000), (512, 512), 2, 16, 1 << 25)
    ((32, 100000), (2048, 2048))
    >>> block_shape((100_000, 100_000), (4097, 4097), 2, 16, 1 << 25)
    (4112, 4112)
    """
    grain = [_grain(unit, *sizes) for sizes in zip(chunks or (unit, unit), shape, strict=True)]
    box = [min(-(-one // unit), -(-size // unit)) * unit for one, size in zip(grain, shape, strict=True)]
    while (axis := _growing(box, shape)) is not None and 2 * math.prod(box) * weight <= STEP:
        box[axis] *= 2
    while math.prod(box) > largest and max(box) > unit:
        axis = 0 if box[0] >= box[1] else 1
        box[axis] = -(-box[axis] // (2 * unit)) * unit
    return box[0], box[1]


def _grain(unit: int, chunk: int, size: int) -> int:
    """How long a box is at least: a few whole chunks, if they end where a multiple of `unit` does, else many."""
    common = math.lcm(unit, chunk)
    return min(size, common, MANY * chunk)


def _growing(box: list[int], shape: Shape) -> int | None:
    """The axis along which a box is to grow: columns first, until it is as wide as the image or twice as wide as high."""
    can = [length < size for length, size in zip(box, shape, strict=True)]
    if can[1] and (box[1] <= box[0] or not can[0]):
        return 1
    return 0 if can[0] else None
