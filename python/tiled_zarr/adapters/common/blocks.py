"""Blocks from the code of others, made plain numpy and checked against what was promised."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np

from ...nodes import Region

MISSING = MappingProxyType({"f": "nan", "c": "nan", "m": "NaT", "M": "NaT"})
"""numpy's missing item of each kind of type that has one."""


def settle(result: Any, dtype: np.dtype[Any], region: Region, fill: Any = None) -> np.ndarray[Any, Any]:
    """The numpy array in a dask, sparse or array-like result, of this dtype and the region's shape.

    Masked items become `fill`; None means NaN or NaT. Raises ValueError if the shape differs, if a
    cast to the dtype would change values, or if items are masked and there is neither a `fill` nor
    a NaN or NaT.
    """
    if hasattr(result, "compute"):
        result = result.compute(scheduler="synchronous")
    if hasattr(result, "todense"):
        result = result.todense()
    if result is np.ma.masked:  # it has no axes and no type
        result = np.ma.MaskedArray(np.zeros((), dtype), mask=True)
    block = filled(result, fill) if isinstance(result, np.ma.MaskedArray) else np.asarray(result)
    shape = tuple(part.stop - part.start for part in region)
    if block.shape != shape:
        raise ValueError(f"the source returned a block of shape {block.shape}, but {shape} was requested")
    if not np.can_cast(block.dtype, dtype, "safe") or (dtype.hasobject and not block.dtype.hasobject):
        raise ValueError(f"the source returned a block of {block.dtype}, but {dtype} was promised")
    return block.astype(dtype, copy=False)


def fill_of(masked: np.ma.MaskedArray[Any, Any]) -> Any:
    """The item for masked items: NaN or NaT if the type has one, else the array's own fill value.

    >>> fill_of(np.ma.array([1, 2], fill_value=-9)), fill_of(np.ma.array([1.5, 2]))
    (np.int64(-9), np.float64(nan))
    """
    dtype = masked.dtype
    if dtype.names is None:
        if dtype.kind in MISSING:
            return dtype.type(MISSING[dtype.kind])
        return np.asarray(masked.fill_value).astype(dtype)[()]  # cast as `filled` does: 999999 becomes 63 in bytes
    fill = np.array(masked.fill_value, dtype)
    for name in dtype.names:
        fill[name] = fill_of(masked[name])
    return fill[()]


def filled(masked: np.ma.MaskedArray[Any, Any], fill: Any = None) -> np.ndarray[Any, Any]:
    """A masked array with `fill` for masked items; None means NaN or NaT.

    Raises ValueError if items are masked and the type has neither.
    """
    if fill is None and is_masked(np.ma.getmaskarray(masked)):
        if masked.dtype.kind not in MISSING:
            raise ValueError(f"a block of {masked.dtype} has masked items, and its source did not say so; fill them at the source")
        fill = fill_of(masked)
    return np.asarray(masked.data if fill is None else masked.filled(fill))


def is_masked(mask: np.ndarray[Any, Any]) -> bool:
    """Whether a mask, possibly one of records, masks anything."""
    if mask.dtype.names is None:
        return bool(mask.any())
    return any(is_masked(mask[name]) for name in mask.dtype.names)
