"""Chunk sizes as dask, xarray and Tiled give them: a tuple of sizes for each axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

LARGEST_UNIT = 256 * 1024 * 1024
"""Decoded bytes of a chunk that a library is believed to make whole. Larger ones stand over data of which it can read a part: an array in
memory, a file without chunks."""


def regular(sizes: Sequence[Sequence[int]]) -> tuple[int, ...] | None:
    """The chunk shape, or None where an axis is empty or has chunks of more than one size before its last, or the last is larger.

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
    """The boxes that a library which computes chunks makes whole, as `Array.unit` has it.

    >>> unit((1000, 1000), 8) is None, unit((10**6, 1000), 8)
    (True, (1, 1))
    """
    if chunks is None or math.prod(chunks) * itemsize <= LARGEST_UNIT:
        return None
    return (1,) * len(chunks)
