"""Arrays of the package `sparse`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from sparse import SparseArray

from ...nodes import Array, Sparse, Unavailable
from ...revisions import launch_nonce


def adapt_sparse(source: SparseArray) -> Array:
    """COO, GCXS and DOK arrays. It is taken not to change while it is served."""
    if source.dtype.hasobject:
        raise Unavailable(f"a sparse array of {source.dtype}; convert it to numbers")
    return Sparse(
        shape=tuple(int(n) for n in source.shape),
        dtype=source.dtype,
        entries=partial(_entries, source),
        fill=source.fill_value,
        revision=launch_nonce,
    )


def _entries(source: SparseArray) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    coo = source.asformat("coo")
    return coo.coords, coo.data
