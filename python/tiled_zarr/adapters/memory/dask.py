"""Dask arrays."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import dask
import numpy as np
from dask.array import Array as DaskArray

from ...nodes import Array, Dense, Region, Unavailable
from ...revisions import launch_nonce
from ..common.blocks import fill_of, settle
from ..common.chunk_sizes import regular, unit


def adapt_array(source: DaskArray) -> Array:
    """A dask array; reading a region runs only the tasks behind it.

    We assume, as dask does, that a graph always gives the same values. Masked items are filled as
    in numpy's masked arrays. If a graph yields masked items without declaring them, these become
    NaN or NaT, or the read fails. Raises Unavailable if a size is unknown, and for objects other
    than `str` (we compute the first item to see).
    """
    if any(math.isnan(n) for n in source.shape):
        raise Unavailable(f"a dask array of unknown size {source.shape}; call compute_chunk_sizes() on it")
    if source.dtype.hasobject and not _is_text(source):
        raise Unavailable(f"a dask array of {source.dtype} that holds other objects than text; convert it to numbers or str")
    chunks = regular(source.chunks)
    fill = fill_of(source._meta) if isinstance(source._meta, np.ma.MaskedArray) else None
    return Array(
        shape=tuple(int(n) for n in source.shape),
        dtype=source.dtype,
        source=Dense(partial(_read, source, fill), unit=unit(chunks, source.dtype.itemsize), recomputes=True),
        chunks=chunks,
        attributes={} if fill is None else {"tiled_zarr": {"masked": fill}},
        revision=launch_nonce,
    )


def _read(source: DaskArray, fill: Any, region: Region) -> np.ndarray[Any, Any]:
    """Compute a region in the calling thread, unless dask is configured to compute elsewhere.

    That may be a cluster or a pool.
    """
    scheduler = None if dask.base.get_scheduler() else "synchronous"  # type: ignore[no-untyped-call]  # dask is typed in part
    return settle(source[region].compute(scheduler=scheduler), source.dtype, region, fill)


def _is_text(source: DaskArray) -> bool:
    first = _read(source, None, tuple(slice(0, min(n, 1)) for n in source.shape))
    return source.dtype.kind == "O" and all(isinstance(item, str) for item in first.flat)
