"""Boxes of a source that several served chunks are cut from, kept for the chunks beside the first.

A dask array computes a chunk of 4096 x 4096 for each of the 64 tiles of 512 x 512 in it. So the
first tile that asks has the whole box computed, those that ask meanwhile wait for it, and the box
is kept: by what it cost to make (`tiles`) or, if that pool is too small, for as long as it is in
use (`decoded`). A box is kept under its array's revision. Of an array that has none and is not
declared frozen, or if the box is larger than both pools, the source reads only what a tile needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, NamedTuple, TypeAlias
from weakref import ref

import numpy as np

from ..caches.cost import Cache
from ..caches.recent import Recent
from ..hierarchy.keyspace import Chunk
from ..hierarchy.tokens import FROZEN
from ..nodes import Region
from ..resources import Resources, default

Block: TypeAlias = np.ndarray[Any, Any]


class Boxes(NamedTuple):
    """The boxes that an array of a shape is cut in, all of the shape `box`, and the array's name.

    The name contains the revision: it is part of the keys in the pools.
    """

    box: Sequence[int]
    shape: Sequence[int]
    itemsize: int
    name: tuple[Hashable, ...]


def read(chunk: Chunk, kept: Sequence[int], make: Callable[[Region], Block], resources: Resources | None = None) -> Block:
    """The region of a chunk, cut out of boxes of the shape `kept`, which `make` reads.

    Blocks. Raises what `make` raises.
    """
    node, revision = chunk.node, chunk.revision() or (FROZEN if chunk.recipe.is_frozen else None)
    if revision is None:
        return make(chunk.region)
    return cut(chunk.region, Boxes(kept, node.shape, node.dtype.itemsize, (ref(node), revision)), make, resources or default())


def cut(region: Region, boxes: Boxes, make: Callable[[Region], Block], resources: Resources) -> Block:
    """A region, cut out of the boxes that it touches, which `make` reads.

    Blocks. Raises what `make` raises.
    """
    pool = _pool(resources, math.prod(boxes.box) * boxes.itemsize)
    if pool is None:
        return make(region)
    parts = []
    for index, box in _boxes(region, boxes.box, boxes.shape):
        parts.append((box, pool.get((*boxes.name, index), partial(_made, make, box))))
    return _cut(region, parts)


def _pool(resources: Resources, nbytes: int) -> Cache[Any] | Recent[Any, Any] | None:
    """The pool for boxes of `nbytes`, None if both are smaller."""
    if nbytes <= resources.tiles.max_bytes:
        return resources.tiles
    return resources.decoded if nbytes <= resources.decoded.most else None


def _boxes(region: Region, kept: Sequence[int], shape: Sequence[int]) -> Iterator[tuple[tuple[int, ...], Region]]:
    """The boxes that a region touches, each by its index in their grid."""
    spans = [range(part.start // size, -(-part.stop // size)) for part, size in zip(region, kept, strict=True)]
    for index in product(*spans):
        yield index, tuple(slice(i * size, min((i + 1) * size, end)) for i, size, end in zip(index, kept, shape, strict=True))


def _made(make: Callable[[Region], Block], box: Region) -> Block:
    """A box, read-only; a copy if it is a view of more, all of which it would keep in memory."""
    block = make(box)
    is_part = block.base is not None and getattr(block.base, "nbytes", block.nbytes + 1) > block.nbytes
    made = block.copy() if is_part else block.view()
    made.flags.writeable = False
    return made


def _cut(region: Region, parts: Sequence[tuple[Region, Block]]) -> Block:
    """A region out of the boxes that it touches; a view if it touches one."""
    if len(parts) == 1:
        box, block = parts[0]
        return block[_inside(region, box)]
    whole = np.empty([part.stop - part.start for part in region], parts[0][1].dtype)
    for box, block in parts:
        common = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(region, box, strict=True))
        whole[_inside(common, region)] = block[_inside(common, box)]
    return whole


def _inside(part: Region, box: Region) -> Region:
    """A part of a box, in elements from where the box begins."""
    return tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, box, strict=True))
