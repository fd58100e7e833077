"""Chunk sizes as dask, xarray and Tiled give them: a tuple of sizes for each axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ...nodes import Array, MaxShape, Node

LARGEST_UNIT = 256 * 1024 * 1024
"""Decoded bytes of a chunk up to which we assume that a library makes it as a whole.

Larger chunks usually stand for data that the library can read in parts: an array in memory, or a
file without chunks.
"""


def regular(sizes: Sequence[Sequence[int]]) -> tuple[int, ...] | None:
    """The chunk shape if the chunks are regular, else None.

    They are not if an axis is empty, has chunks of different sizes before its last one, or has a
    larger one there.

    >>> regular(((4, 4, 2), (3,)))
    (4, 3)
    >>> regular(((4, 2, 4),)) is None
    True
    """
    for axis in sizes:
        if not axis or any(size != axis[0] for size in axis[:-1]) or not 0 < axis[-1] <= axis[0]:
            return None
    return tuple(int(axis[0]) for axis in sizes)


def unit(chunks: Sequence[int] | None, itemsize: int) -> tuple[int, ...] | None:
    """The boxes that a library which computes chunks makes whole, as `Dense.unit` has it.

    >>> unit((1000, 1000), 8) is None, unit((10**6, 1000), 8)
    (True, (1, 1))
    """
    if chunks is None or math.prod(chunks) * itemsize <= LARGEST_UNIT:
        return None
    return (1,) * len(chunks)


def lasting(chunks: tuple[int, ...] | None, sizes: Sequence[Sequence[int]] | None) -> tuple[int, ...] | None:
    """The chunk shape of an array that may grow along its first axis.

    A single chunk on that axis tells only how long the array is now, so the chunk size there
    becomes 1.

    >>> lasting((10, 64), ((10,), (64,))), lasting((4, 64), ((4, 4, 2), (64,)))
    ((1, 64), (4, 64))
    """
    return (1, *chunks[1:]) if chunks and sizes and len(sizes[0]) == 1 else chunks


class Chunking(NamedTuple):
    """How an array that may grow is cut, and how we recognize it after it has grown."""

    dtype: np.dtype[Any]
    maxshape: MaxShape
    chunks: tuple[int, ...] | None

    @classmethod
    def of(cls, node: Node) -> Chunking | None:
        """The chunking of a node; None if it is no array that may grow."""
        if not isinstance(node, Array) or node.maxshape is None:
            return None
        return cls(node.dtype, node.maxshape, node.chunks)


N = TypeVar("N", bound=Node)


def regrown(node: N, former: Chunking | None) -> N:
    """A node made again from a changed source.

    It keeps the former chunks if it is the same array, grown.

    The source may have known less about its chunks when a client got the former document.
    """
    if former is None or not isinstance(node, Array) or (node.dtype, node.maxshape) != former[:2]:
        return node
    return replace(node, chunks=former.chunks)
