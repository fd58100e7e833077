"""Chunk sizes as dask, xarray and Tiled give them: a tuple of sizes for each axis."""

from __future__ import annotations

from collections.abc import Sequence


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
