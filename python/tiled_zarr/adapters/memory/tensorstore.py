"""Arrays of tensorstore, of any of its drivers.

https://google.github.io/tensorstore/python/api/tensorstore.TensorStore.html
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...nodes import Array, Region, Unavailable
from ..common.blocks import settle


def adapt_tensorstore(source: Any) -> Array:
    """Regions that tensorstore reads; its domain, wherever it begins, becomes one from 0.

    It has no revision, since tensorstore does not say when the data change. Raises Unavailable for
    types that numpy does not have, and for strings.
    """
    dtype = np.dtype(source.dtype.numpy_dtype)
    if dtype.hasobject or dtype.kind == "V":
        raise Unavailable(f"a tensorstore array of {source.dtype.name}; numpy has no such type: convert it to numbers")
    domain = source.domain
    return Array(
        shape=tuple(domain.shape),
        dtype=dtype,
        read=partial(_read, source, tuple(domain.origin), dtype),
        chunks=_chunks(source),
        dimension_names=tuple(label or None for label in domain.labels),
    )


def _read(source: Any, origin: tuple[int, ...], dtype: np.dtype[Any], region: Region) -> np.ndarray[Any, Any]:
    placed = tuple(slice(part.start + first, part.stop + first) for part, first in zip(region, origin, strict=True))
    return settle(source[placed].read().result(), dtype, region)


def _chunks(source: Any) -> tuple[int, ...] | None:
    """The chunk shape in which the driver reads, if its chunks begin where the array does."""
    layout = source.chunk_layout
    sizes, starts = tuple(layout.read_chunk.shape or ()), tuple(layout.grid_origin or ())
    is_aligned = len(sizes) == source.rank and starts == tuple(source.domain.origin)
    return sizes if sizes and is_aligned and all(sizes) else None
