"""Row indexes over the entries of sparse arrays: built once a revision, kept within a pool.

An index is kept under a weak reference to its node, so that it goes with the node. One that is
larger than its pool is built, used by all who wait for it, and let go.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from weakref import ref

import numpy as np

from .. import _native, budgets, dtypes
from ..caches.recent import Recent
from ..nodes import Array, Coordinates, Region
from ..resources import Resources, default

COPIES = 2
"""Of the entries while an index is built: in the form that the builder takes, and in that of the index."""


class Built:
    """A row index, and the revision of the entries that it was built of."""

    __slots__ = ("index", "nbytes", "revision")

    def __init__(self, index: _native.Coo, revision: str) -> None:
        self.index = index
        self.revision = revision
        self.nbytes = index.nbytes


def has(node: Array, resources: Resources | None = None) -> bool:
    """True if the row index of an array is there, and is of its revision."""
    known = (resources or default()).row_indexes.peek(ref(node))
    return known is not None and known.revision == node.revision()


def of(node: Array, resources: Resources | None = None) -> _native.Coo:
    """The row index of an array, built each time if that has no revision. Blocks; raises what the source raises."""
    revision, pool = node.revision(), (resources or default()).row_indexes
    if revision is None:
        return _build(node)
    known: Built | None = pool.peek(ref(node))
    if known is None or known.revision != revision:
        known = pool.flights.of((ref(node), revision), partial(_built, node, revision, pool))
    assert known is not None
    return known.index


def dense(node: Array, region: Region, resources: Resources | None = None) -> np.ndarray[Any, Any]:
    """A region of a sparse array, dense. Blocks; raises what the source raises."""
    start, shape = tuple(part.start for part in region), tuple(part.stop - part.start for part in region)
    block = of(node, resources).encode(start, shape, _native.Codec("none"))
    return np.frombuffer(block, dtype=dtypes.wire(node.dtype)).reshape(shape)


def _built(node: Array, revision: str, pool: Recent[Any, Any]) -> Built:
    """The index of a revision, kept if the revision is still the same afterwards."""
    known: Built | None = pool.peek(ref(node))
    if known is not None and known.revision == revision:
        return known
    built = Built(_build(node), revision)
    if node.revision() == revision:
        pool.keep(ref(node, pool.drop), built)
    return built


def _build(node: Array) -> _native.Coo:
    source = node.source
    assert isinstance(source, Coordinates)
    coords, data = source.entries()
    dtype = dtypes.wire(node.dtype)
    with budgets.hold(COPIES * (np.size(coords) * 8 + np.size(data) * dtype.itemsize), alone=True):
        return _native.Coo(
            np.ascontiguousarray(coords, dtype=np.int64).reshape(len(node.shape), -1),
            np.ascontiguousarray(data, dtype=dtype).view("u1"),
            node.shape,
            dtype.str,
            None if source.fill is None else np.asarray(source.fill, dtype=dtype).tobytes(),
        )
