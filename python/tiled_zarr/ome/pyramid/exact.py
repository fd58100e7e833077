"""Makes all kept levels of a plane in one pass over the source.

A plane is the rows and columns at one place on the axes before y and x. Its coarse levels are made
of every pixel of the source. If we made them level by level, or tile by tile, we would read and
decode the same chunks again and again. So we go over the source once:

1. We read the plane in blocks of whole chunks, about STEP (8 MiB) each, so that we decode each
   chunk once or only a few times. The edges of a block are multiples of 2^h pixels, where h is the
   number of halvings from the base to the first kept level. So each pixel of that level lies in one
   block, and halving the blocks one by one gives the same pixels as halving the whole plane.
2. We halve the block h times and write it to the first kept level of the draft.
3. When that level is complete, we go over its tiles, row by row. We seal each tile (with a folder,
   it is encoded into a store), halve it and write the result to the next level. The rows come from
   the finest level first, so a level is complete before we read its first tile.
4. `Planes.keep` takes the finished draft and shows it to all requests.

The pass is a generator: each `next` does one step (one block, or STEP bytes of tiles), so that the
background thread can pause between steps while requests are being served (background.py). After
each row of blocks a draft on disk notes how far we are (drafts.py). At each block we compare
revisions. If the source has changed, we drop the draft, so no plane mixes two
revisions. In memory we hold one block and what we make of it, besides the draft.

The pixels equal those that levels.py merges on demand: both halve level by level from the base.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...codecs import Codec
from ...nodes import Changed
from .base import Base
from .drafts import Draft
from .files import Unkept
from .layouts import Layout
from .nodata import NoData
from .planes import Planes
from .shapes import Shape
from .source import Index, region_of

Block: TypeAlias = np.ndarray[Any, Any]

STEP = 8 * 1024 * 1024
"""Bytes of the source that one step reads, about; more if one of its chunks is larger."""
MANY = 4
"""Chunks along an axis that a block covers at least, if few end at multiples of its unit."""


class Plane(NamedTuple):
    """A plane to make: of an image at a revision, at `place` on the axes before y and x.

    It will be kept under `name`. `marks()` returns the marks of the image, and blocks. Its tiles are
    sent with `codec`.
    """

    name: str
    layout: Layout
    place: Index
    revision: str
    marks: Callable[[], NoData]
    codec: Codec


def run(base: Base, planes: Planes, plane: Plane) -> Iterator[int]:
    """Make the levels of a plane step by step, and keep them in `planes`.

    Yields after each step how many bytes of the source it has read. Stops early if the plane is
    kept already, if another process makes it, if there is no room for it, if the source changes, or
    if the disk fails; then `planes` leaves its folder alone for a while. Raises what the source
    raises. What was done before an error, or before the end of the process, is not read again.
    """
    name, layout = plane.name, plane.layout
    draft = None if planes.has(name, layout) else planes.draft(name, layout, plane.codec)
    if draft is None:
        return
    try:
        for nbytes in _fill(base, layout, plane.place, draft, plane.marks()):
            if base.revision() != plane.revision:
                draft.drop()
                return
            yield nbytes
        planes.keep(name, draft)
    except Unkept as error:
        draft.drop()
        planes.pause(error)
    except Changed:
        draft.drop()
    finally:
        draft.leave()


def _fill(base: Base, layout: Layout, place: Index, draft: Draft, no_data: NoData) -> Iterator[int]:
    """Write the first level block by block, then each further level from the tiles before.

    Yields the bytes of the source that each step has read.
    """
    source, rule = base.source, base.display.rule
    halvings = layout.first - base.number
    rows, columns = shape = source.array.shape[-2:]
    weight, largest = source.reader.display.weight, source.reader.largest // source.reader.display.itemsize
    box = block_shape(shape, source.array.chunks and source.array.chunks[-2:], weight, 1 << halvings, largest)
    for top in range(draft.rows // box[0] * box[0], rows, box[0]):
        for left in range(0, columns, box[1]):
            inside = region_of((top // box[0], left // box[1]), box, shape)
            block = no_data.joined(source.read((*(slice(i, i + 1) for i in place), *inside)))
            nbytes = block.size * weight
            for _ in range(halvings):
                block = no_data.halved(block, rule)
            draft.put(layout.first, top >> halvings, left >> halvings, block.reshape(block.shape[-2:]))
            yield nbytes
        draft.checkpoint(min(top + box[0], rows))
    last = layout.first + len(layout.shapes) - 1
    done = 0
    for row in draft.left():
        with draft.sealing(*row) as sealed:
            for tile in layout.row(*row):
                block = sealed(tile)
                if tile.level < last:
                    draft.put(tile.level + 1, tile.row * layout.tile // 2, tile.column * layout.tile // 2, no_data.halved(block, rule))
                done += block.nbytes
                if done >= STEP:
                    done = 0
                    yield 0


def block_shape(shape: Shape, chunks: Shape | None, weight: int, unit: int, largest: int) -> Shape:
    """Rows and columns of the blocks in which to read a plane.

    They are multiples of `unit`, of whole chunks if possible, and take about STEP bytes of the
    source at `weight` bytes a pixel. If chunks do not end where multiples of `unit` do, a block
    covers a few of them, as long as it has at most `largest` pixels.

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
    """The least length of a block along an axis, in pixels.

    It is the fewest whole chunks that end at a multiple of `unit`, but at most MANY (4) chunks.
    """
    common = math.lcm(unit, chunk)
    return min(size, common, MANY * chunk)


def _growing(box: list[int], shape: Shape) -> int | None:
    """The axis along which to double a block, or None if it covers the plane.

    Columns come first, until the block is as wide as the image or wider than it is high.
    """
    can = [length < size for length, size in zip(box, shape, strict=True)]
    if can[1] and (box[1] <= box[0] or not can[0]):
        return 1
    return 0 if can[0] else None
