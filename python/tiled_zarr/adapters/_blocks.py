"""Blocks that somebody else's code computed: made plain numpy, and held to what was promised."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..nodes import Region


def settle(result: Any, dtype: np.dtype[Any], region: Region) -> np.ndarray[Any, Any]:
    """The numpy array in a dask, sparse or array-like result, of this dtype and this region's shape.

    Raises ValueError where the shape is another one, or where values would have to change to fit the dtype.
    """
    if hasattr(result, "compute"):
        result = result.compute(scheduler="synchronous")
    if hasattr(result, "todense"):
        result = result.todense()
    if np.ma.is_masked(result):
        raise ValueError("a block has masked items, which Zarr cannot show; fill them at the source")
    block = np.asarray(result)
    shape = tuple(part.stop - part.start for part in region)
    if block.shape != shape:
        raise ValueError(f"the source gave a block of shape {block.shape} where {shape} was asked for")
    if not np.can_cast(block.dtype, dtype, "safe") or (dtype.hasobject and not block.dtype.hasobject):
        raise ValueError(f"the source gave a block of {block.dtype} where {dtype} was promised")
    return block.astype(dtype, copy=False)
