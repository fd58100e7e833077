"""Row indexes over the entries of sparse arrays: built once while the entries stand, by one thread at a time."""

from __future__ import annotations

from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from .. import _native, budgets, dtypes
from ..nodes import Region, Sparse

COPIES = 2
"""Of the entries while an index is built: in the form that the builder takes, and in that of the index."""


class RowIndexes:
    """The row index of each sparse array that was asked for, kept while its revision stands; without one it is built each time."""

    def __init__(self) -> None:
        self._built: WeakKeyDictionary[Sparse, tuple[str, _native.Coo]] = WeakKeyDictionary()
        self._locks: WeakKeyDictionary[Sparse, Lock] = WeakKeyDictionary()

    def has(self, node: Sparse) -> bool:
        """Whether the row index of an array is there, and stands."""
        known = self._built.get(node)
        return known is not None and known[0] == node.revision()

    def of(self, node: Sparse) -> _native.Coo:
        """The row index of an array. Blocks while it is built; raises what the source raises."""
        with self._locks.setdefault(node, Lock()):
            revision = node.revision()
            known = self._built.get(node)
            if known is not None and known[0] == revision:
                return known[1]
            index = _build(node)
            if revision is not None and revision == node.revision():
                self._built[node] = (revision, index)
            return index


shared = RowIndexes()
"""The row indexes of all arrays that this process serves."""


def dense(node: Sparse, region: Region) -> np.ndarray[Any, Any]:
    """A region of a sparse array, dense. Blocks; raises what the source raises."""
    start, shape = tuple(part.start for part in region), tuple(part.stop - part.start for part in region)
    block = shared.of(node).encode(start, shape, _native.Codec("none"))
    return np.frombuffer(block, dtype=dtypes.wire(node.dtype)).reshape(shape)


def _build(node: Sparse) -> _native.Coo:
    coords, data = node.entries()
    dtype = dtypes.wire(node.dtype)
    with budgets.hold(COPIES * (np.size(coords) * 8 + np.size(data) * dtype.itemsize), alone=True):
        return _native.Coo(
            np.ascontiguousarray(coords, dtype=np.int64).reshape(len(node.shape), -1),
            np.ascontiguousarray(data, dtype=dtype).view("u1"),
            node.shape,
            dtype.str,
            None if node.fill is None else np.asarray(node.fill, dtype=dtype).tobytes(),
        )
