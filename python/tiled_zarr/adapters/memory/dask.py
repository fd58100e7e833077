"""Dask arrays."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from dask.array import Array as DaskArray

from ...clusters.executor import Executor
from ...nodes import Array, Dense, Region, Unavailable
from ...resources import Resources, default
from ...revisions import launch_nonce
from ..common.blocks import fill_of, settle
from ..common.chunk_sizes import regular, unit
from .clustered import ClusteredArray


def adapt_array(source: DaskArray, resources: Resources | None = None) -> Array:
    """A dask array; reading a region runs only the tasks behind it.

    On a cluster these are the tasks behind the blocks that the region touches; the blocks stay there
    for a while, and only the region comes here.

    We assume, as dask does, that a graph always gives the same values. Masked items are filled as
    in numpy's masked arrays. If a graph yields masked items without declaring them, these become
    NaN or NaT, or the read fails. Raises Unavailable if a size is unknown, and for objects other
    than `str` (we compute the first item to see).
    """
    if any(math.isnan(n) for n in source.shape):
        raise Unavailable(f"a dask array of unknown size {source.shape}; call compute_chunk_sizes() on it")
    fill = fill_of(source._meta) if isinstance(source._meta, np.ma.MaskedArray) else None
    dense = _dense(source, fill, (resources or default()).dask)
    if source.dtype.hasobject and not _is_text(source, dense):
        raise Unavailable(f"a dask array of {source.dtype} that holds other objects than text; convert it to numbers or str")
    return Array(
        shape=tuple(int(n) for n in source.shape),
        dtype=source.dtype,
        source=dense,
        chunks=regular(source.chunks),
        attributes={} if fill is None else {"tiled_zarr": {"masked": fill}},
        revision=launch_nonce,
    )


def _dense(source: DaskArray, fill: Any, executor: Executor) -> Dense:
    """What reads the array: the cluster that there is now, or this process."""
    cluster = executor.cluster()
    if cluster is not None:
        return ClusteredArray(cluster, source, fill).dense
    return Dense(partial(_read, source, fill, executor), unit=unit(regular(source.chunks), source.dtype.itemsize), recomputes=True)


def _read(source: DaskArray, fill: Any, executor: Executor, region: Region) -> np.ndarray[Any, Any]:
    """Compute a region in this process, unless dask was configured since to compute elsewhere."""
    return settle(source[region].compute(scheduler=executor.local()), source.dtype, region, fill)


def _is_text(source: DaskArray, dense: Dense) -> bool:
    first = dense.read(tuple(slice(0, min(n, 1)) for n in source.shape))
    return source.dtype.kind == "O" and all(isinstance(item, str) for item in first.flat)
