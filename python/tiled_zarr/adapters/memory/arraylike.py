"""Anything that says it is an array: by DLPack, by numpy's protocols, or by shape and type.

https://dmlc.github.io/dlpack/latest/python_spec.html,
https://numpy.org/doc/stable/reference/arrays.interface.html
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...nodes import Array, Dense, Region, Unavailable
from ..common.blocks import settle
from ..common.chunk_sizes import unit
from .numpy import adapt_array

HOST = frozenset({1, 3, 11})
"""DLPack's numbers of the devices whose memory the processor can read: CPU, and pinned by a GPU."""


def adapt_arraylike(source: Any) -> Array:
    """Views of the memory of an array, such as a torch tensor, or regions that the source reads.

    An array that is in memory must not change while it is served. One that only has a shape, a type
    and indexing is read by regions, and has no revision. Raises Unavailable for arrays on a GPU,
    and for types that numpy does not have.
    """
    if hasattr(source, "__dlpack__") and hasattr(source, "__dlpack_device__"):
        return adapt_array(_shared(source))
    if hasattr(source, "__cuda_array_interface__"):
        raise Unavailable(_elsewhere(source, "a GPU"))
    if not hasattr(source, "__array_interface__") and all(hasattr(source, name) for name in ("shape", "dtype", "__getitem__")):
        return _read_by_regions(source)
    return adapt_array(_copied(source))


def _shared(source: Any) -> np.ndarray[Any, Any]:
    """The memory of an array that speaks DLPack, else what the array gives numpy."""
    device = int(source.__dlpack_device__()[0])
    if device not in HOST:
        raise Unavailable(_elsewhere(source, f"a device of the kind {device}"))
    plain = source.detach() if hasattr(source, "detach") else source  # torch refuses what has a gradient
    try:
        return np.from_dlpack(plain)
    except (BufferError, RuntimeError, TypeError, ValueError):  # a type, or flags, that DLPack or numpy lacks
        return _copied(plain)


def _copied(source: Any) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(source)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise Unavailable(f"a {type(source).__name__} that numpy cannot read ({error}); convert it to a type of numpy's") from error


def _read_by_regions(source: Any) -> Array:
    try:
        dtype, shape = np.dtype(source.dtype), tuple(map(int, source.shape))
    except (TypeError, ValueError) as error:
        raise Unavailable(f"a {type(source).__name__} without a shape and a type of numpy's: {error}") from error
    if dtype.hasobject:
        return adapt_array(_copied(source))
    chunks = _chunks(getattr(source, "chunks", None), len(shape))
    return Array(
        shape=shape,
        dtype=dtype,
        source=Dense(partial(_read, source, dtype), unit=unit(chunks, dtype.itemsize)),
        chunks=chunks,
    )


def _read(source: Any, dtype: np.dtype[Any], region: Region) -> np.ndarray[Any, Any]:
    return settle(source[region], dtype, region)


def _chunks(given: Any, ndim: int) -> tuple[int, ...] | None:
    """The chunk shape that an object gives as numpy-like ones do, one positive number per axis."""
    is_shape = isinstance(given, tuple) and len(given) == ndim and all(isinstance(size, int) and size > 0 for size in given)
    return given if is_shape else None


def _elsewhere(source: Any, where: str) -> str:
    return f"a {type(source).__name__} in the memory of {where}, which a server cannot read; copy it to the CPU, as .cpu() does"
