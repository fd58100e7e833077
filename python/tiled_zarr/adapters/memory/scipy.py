"""Sparse matrices and arrays of scipy."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import sparray, spmatrix

from ...nodes import Array, Sparse, Unavailable
from ...revisions import launch_nonce


def adapt_sparse(source: sparray | spmatrix) -> Array:
    """Matrices and arrays of every format. It is taken not to change while it is served."""
    if source.dtype.hasobject:
        raise Unavailable(f"a sparse array of {source.dtype}; convert it to numbers")
    return Sparse(
        shape=tuple(int(n) for n in source.shape),
        dtype=source.dtype,
        entries=partial(_entries, source),
        revision=launch_nonce,
    )


def _entries(source: sparray | spmatrix) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    coo = source.tocoo()
    return np.stack(coo.coords), coo.data
