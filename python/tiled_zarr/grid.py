"""Regular chunk grids: how an array is cut into chunks, and which part of the array a chunk holds.

https://zarr-specs.readthedocs.io/en/latest/v3/chunk-grids/regular-grid/index.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from .nodes import MaxShape, Region

WHOLE = 64 * 1024
"""An array of fewer decoded bytes than this is one chunk."""
LARGEST_OWN = 4 * 1024 * 1024
"""A source's own chunks are kept if they have at most this many decoded bytes."""
TARGET = 1024 * 1024
"""Decoded bytes of a chunk, at most and roughly, for arrays that are no images."""
TILE = 512
"""Edge of an image's chunks in pixels: a tile of a viewer is one chunk."""
LEAST_IMAGE = 256
"""Pixels of both of an image's last two axes, at least."""
MOST_KEPT = 4096
"""Chunk shapes that `choose` and `choose_growing` remember."""
LARGEST = 8 * 1024 * 1024
"""Decoded bytes of a chunk at most, unless one item has more."""


@dataclass(frozen=True, slots=True)
class Grid:
    """An array's shape and its chunk shape, both in elements; no chunk axis is 0."""

    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of chunks along each axis.

        >>> Grid((100, 30), (40, 30)).counts
        (3, 1)
        """
        return tuple(-(-size // chunk) for size, chunk in zip(self.shape, self.chunk_shape, strict=True))

    def __contains__(self, index: tuple[int, ...]) -> bool:
        return len(index) == len(self.shape) and all(0 <= i < n for i, n in zip(index, self.counts, strict=True))

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        return product(*map(range, self.counts))

    def start(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """The index of a chunk's first element."""
        return tuple(i * chunk for i, chunk in zip(index, self.chunk_shape, strict=True))

    def is_whole(self, index: tuple[int, ...]) -> bool:
        """Whether chunk `index` lies completely inside the array.

        >>> Grid((100, 30), (40, 30)).is_whole((1, 0)), Grid((100, 30), (40, 30)).is_whole((2, 0))
        (True, False)
        """
        return all((i + 1) * chunk <= size for i, chunk, size in zip(index, self.chunk_shape, self.shape, strict=True))

    def region(self, index: tuple[int, ...]) -> Region:
        """The part of chunk `index` that lies inside the array, in elements.

        >>> Grid((100, 30), (40, 30)).region((2, 0))
        (slice(80, 100, None), slice(0, 30, None))
        """
        return tuple(
            slice(i * chunk, min((i + 1) * chunk, size)) for i, chunk, size in zip(index, self.chunk_shape, self.shape, strict=True)
        )


@lru_cache(MOST_KEPT)
def choose(
    shape: tuple[int, ...], itemsize: int, *, own: tuple[int, ...] | None = None, wanted: tuple[int, ...] | None = None
) -> tuple[int, ...]:
    """The chunk shape in which an array is served.

    It is the `wanted` one if that has the right number of axes; else the whole array if it is
    small; else the source's `own` if its size is suitable; else a new one. A shape that holds more
    than LARGEST bytes is halved until it does not.

    >>> choose((10000, 10000), 8), choose((50,) * 5, 8), choose((100, 100), 4)
    ((512, 512), (1, 1, 50, 50, 50), (100, 100))
    """
    largest = max(1, LARGEST // itemsize)
    if wanted is not None and len(wanted) == len(shape):
        return _shrink(_clip(wanted, shape), largest)
    if math.prod(shape) * itemsize < WHOLE:
        return _shrink(_clip(shape, shape), largest)
    if own is not None and WHOLE <= math.prod(own) * itemsize <= LARGEST_OWN:
        return tuple(max(1, size) for size in own)
    if len(shape) >= 2 and min(shape[-2:]) >= LEAST_IMAGE:
        return _shrink((1,) * (len(shape) - 2) + (TILE, TILE), largest)
    return _shrink_leading(_clip(shape, shape), max(1, TARGET // itemsize))


@lru_cache(MOST_KEPT)
def choose_growing(
    maxshape: MaxShape, itemsize: int, *, own: tuple[int, ...] | None = None, wanted: tuple[int, ...] | None = None
) -> tuple[int, ...]:
    """The chunk shape of an array that grows up to `maxshape`; None means an axis without a limit.

    It does not depend on how long the array is now, so an older document still names the same
    chunks. If all axes are limited, the array gets the chunks of its final shape. Else the source's
    `own` chunks are kept as in `choose`; smaller ones are merged, along the limited axes first,
    until they hold WHOLE bytes, so that reading a short array costs little.

    >>> choose_growing((None,), 8, own=(10,)), choose_growing((None, 64, 64), 2, own=(1, 64, 64))
    ((10240,), (8, 64, 64))
    >>> choose_growing((None, 2048, 2048), 2), choose_growing((1000, 50), 8)
    ((1, 512, 512), (1000, 50))
    """
    sizes = [size for size in maxshape if size is not None]
    if len(sizes) == len(maxshape):
        return choose(tuple(sizes), itemsize, own=own, wanted=wanted)
    largest = max(1, LARGEST // itemsize)
    if wanted is not None and len(wanted) == len(maxshape):
        return _shrink(_clip(wanted, maxshape), largest)
    start = tuple(max(1, size) for size in own or (1,) * len(maxshape))
    nbytes = math.prod(start) * itemsize
    if WHOLE <= nbytes <= LARGEST_OWN:
        return start
    if _may_be_image(maxshape, start):
        return _shrink((1,) * (len(maxshape) - 2) + (TILE, TILE), largest)
    if nbytes > LARGEST_OWN:
        return _shrink_leading(start, max(1, TARGET // itemsize))
    return _merge(_clip(start, maxshape), maxshape, itemsize)


def _may_be_image(maxshape: MaxShape, own: tuple[int, ...]) -> bool:
    """Whether the last two axes are as long as an image's.

    An axis without a limit counts as long as the source's chunks if these are longer than 1.
    """
    ends = [(chunk if chunk > 1 else None) if size is None else size for size, chunk in zip(maxshape[-2:], own[-2:], strict=True)]
    return len(ends) == 2 and any(ends) and all(size is None or size >= LEAST_IMAGE for size in ends)


def _merge(own: tuple[int, ...], maxshape: MaxShape, itemsize: int) -> tuple[int, ...]:
    """A multiple of a source's chunks.

    Along the limited axes it is as much as TARGET bytes hold, along the others as much as makes
    WHOLE bytes.
    """
    sizes = list(own)
    for axis in reversed(range(len(sizes))):
        end = maxshape[axis]
        if end:
            room = TARGET // (itemsize * math.prod(sizes)) * sizes[axis]
            sizes[axis] = end if end <= room else max(room, sizes[axis])
    endless = [axis for axis, end in enumerate(maxshape) if end is None]
    while math.prod(sizes) * itemsize < WHOLE:
        shortest = min(endless, key=lambda axis: sizes[axis])
        sizes[shortest] *= 2
    return tuple(sizes)


def _clip(chunk_shape: tuple[int, ...], shape: MaxShape) -> tuple[int, ...]:
    return tuple(max(1, chunk if size is None else min(chunk, size)) for chunk, size in zip(chunk_shape, shape, strict=True))


def _shrink(chunk_shape: tuple[int, ...], most: int) -> tuple[int, ...]:
    """Halve the longest axis, the first of equals, until at most `most` elements are left."""
    sizes = list(chunk_shape)
    while math.prod(sizes) > most:
        longest = sizes.index(max(sizes))
        sizes[longest] = -(-sizes[longest] // 2)
    return tuple(sizes)


def _shrink_leading(chunk_shape: tuple[int, ...], most: int) -> tuple[int, ...]:
    """Cut the leading axes first, so that a chunk is a contiguous run of the C-order array."""
    sizes = list(chunk_shape)
    for axis in range(len(sizes)):
        rest = math.prod(sizes[axis + 1 :])
        sizes[axis] = min(sizes[axis], max(1, most // rest))
    return tuple(sizes)
