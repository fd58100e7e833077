"""Missing-value marks: the item of an array that means "no value here".

CF calls it `_FillValue`, Zarr v2 `fill_value`.
https://cfconventions.org/cf-conventions/cf-conventions.html#missing-data,
https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html#fill-value-encoding,
https://docs.xarray.dev/en/stable/internals/zarr-encoding-spec.html
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from .attributes import OURS, Json, Late, merged, to_json

ATTRIBUTE = "_FillValue"
"""The attribute in which netCDF and xarray store the mark."""
OLDER = "missing_value"
"""CF's older attribute, which may have several marks."""
MOST = 16
"""Marks of an array that count, at most: comparing with each takes a pass over the values."""
PLAIN = "biu"
"""Kinds of types whose mark is a plain JSON value in Zarr v3 attributes."""
NOTHING: Mapping[str, Any] = MappingProxyType({})

Mark: TypeAlias = "np.generic | str"


def of(value: object, dtype: np.dtype[Any]) -> Mark | None:
    """The mark as an item of `dtype`.

    None if no item of that type equals it, so that it marks nothing.

    >>> of(-999.0, np.dtype("<i2")), of([7], np.dtype("u1")), of(-1, np.dtype("u1")), of(0.5, np.dtype("i4"))
    (np.int16(-999), np.uint8(7), None, None)
    """
    try:
        array = np.asarray(value)
        item: Any = array.reshape(())[()] if array.size == 1 else None
        if dtype.hasobject or item is None:
            return _text(item)
        if dtype.kind == "S" and isinstance(item, str):  # as HDF5 attributes are read
            item = item.encode()
        cast: Any = np.asarray(item).astype(dtype)[()]
        is_same = bool(cast == item) or (_is_missing(cast) and _is_missing(item))
    except Exception:  # noqa: BLE001 - rows of several lengths, text that is none, or whatever an object raises
        return None
    return cast if is_same else None


def in_v2(mark: Mark) -> Json:
    """The mark as the `fill_value` of a Zarr v2 document.

    >>> in_v2(np.float32("nan")), in_v2(np.int16(-9)), in_v2(np.complex64(1j)), in_v2(np.bytes_(b"a"))
    ('NaN', -9, [0.0, 1.0], 'YQ==')
    """
    if isinstance(mark, np.complexfloating):
        return [_v2_number(float(mark.real)), _v2_number(float(mark.imag))]
    if isinstance(mark, np.floating):
        return _v2_number(float(mark))
    if isinstance(mark, np.datetime64 | np.timedelta64):
        return "NaT" if np.isnat(mark) else int(mark.view(np.int64))
    if isinstance(mark, np.bytes_ | np.void):
        return base64.standard_b64encode(mark.tobytes()).decode("ascii")
    return to_json(mark)


def in_v3(mark: Mark, attributes: Mapping[str, Any] = NOTHING) -> Json:
    """The mark as xarray writes it to the attribute `_FillValue` of a Zarr v3 array.

    None for types that xarray cannot write. If the other attributes say that unsigned items are
    signed, xarray makes the mark a signed item too, and refuses 255.

    >>> in_v3(np.float32(0.0)), in_v3(np.int16(-9)), in_v3(np.datetime64("NaT")), in_v3(np.uint8(255), {"_Unsigned": "false"})
    ('AAAAAAAAAAA=', -9, None, -1)
    """
    if isinstance(mark, np.unsignedinteger) and _is_made_signed(mark.dtype, attributes):
        return int(mark.view(_signed(mark.dtype)))
    if isinstance(mark, np.generic) and mark.dtype.kind in PLAIN:
        return to_json(mark)
    if isinstance(mark, np.complexfloating):
        return [_v3_number(float(mark.real)), _v3_number(float(mark.imag))]
    return _v3_number(float(mark)) if isinstance(mark, np.floating) else None


def from_v3(value: object, dtype: np.dtype[Any], attributes: Mapping[str, Any] = NOTHING) -> Mark | None:
    """The mark in the attribute `_FillValue` of a Zarr v3 array, or None.

    Plain numbers, which other writers use, are accepted too.
    """
    try:
        if dtype.kind == "f" and isinstance(value, str):
            return of(_v3_float(value), dtype)
        if dtype.kind == "c" and isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value):
            return of(complex(*map(_v3_float, value)), dtype)
    except (binascii.Error, struct.error, ValueError):
        return None
    if _is_made_signed(dtype, attributes):
        signed = of(value, _signed(dtype))
        return signed.view(dtype) if isinstance(signed, np.generic) else None
    return of(value, dtype)


def taken(attributes: Mapping[str, Any], dtype: np.dtype[Any]) -> tuple[Mark | None, Mapping[str, Any]]:
    """The mark among a source's attributes, and the other attributes.

    A value that marks nothing is moved under our key.
    """
    if ATTRIBUTE not in attributes:
        return None, attributes
    others = {name: value for name, value in attributes.items() if name != ATTRIBUTE}
    mark = of(attributes[ATTRIBUTE], dtype)
    return mark, others if mark is not None else merged(others, {OURS: {ATTRIBUTE: attributes[ATTRIBUTE]}})


def declared(mark: Mark | None, attributes: Mapping[str, Any], dtype: np.dtype[Any]) -> tuple[np.generic, ...]:
    """All items of `dtype` that mean "no value here", each once, at most MOST (16).

    They are the node's mark, the null of a column, and those in CF's `missing_value`. Times have
    NaT alone, and booleans none. Attributes that are computed for each document do not count.

    >>> declared(np.int16(-9), {"missing_value": [-9, 0.5, 7]}, np.dtype("i2"))
    (np.int16(-9), np.int16(7))
    """
    if dtype.kind in "mM":
        nat: Any = np.array("NaT", dtype)
        return (nat[()],)
    if dtype.kind == "b":
        return ()
    said = {} if isinstance(attributes, Late) else attributes
    older = said.get(OLDER)
    given = [mark, _null(said), *(older if isinstance(older, list | tuple | np.ndarray) else [older])]
    items = (of(one, dtype) for one in given[:MOST] if one is not None)
    return tuple({item.tobytes(): item for item in items if isinstance(item, np.generic)}.values())


def nulls(items: np.ndarray[Any, Any], attributes: Mapping[str, Any]) -> np.ndarray[Any, Any] | None:
    """Which items of a column are its null, as its attributes name it; None if it has none.

    >>> nulls(np.array([1, 255], "u1"), {"tiled_zarr": {"null": 255}}), nulls(np.zeros(1), {})
    (array([False,  True]), None)
    """
    named = _null(attributes)
    if named is None:
        return None
    if items.dtype.kind in "fcmM":
        return np.asarray(items != items)  # noqa: PLR0124 - only NaN and NaT differ from themselves
    null = of(named, items.dtype)
    return None if null is None else np.asarray(items == null)


def _null(attributes: Mapping[str, Any]) -> Any:
    """The null of a column, as its attributes name it; None if they do not."""
    ours = attributes.get(OURS)
    return ours.get("null") if isinstance(ours, Mapping) else None


def _is_made_signed(dtype: np.dtype[Any], attributes: Mapping[str, Any]) -> bool:
    """Whether xarray reads unsigned items as signed ones.

    OPeNDAP needs this, since its bytes are unsigned.
    """
    return dtype.kind == "u" and attributes.get("_Unsigned") == "false"


def _signed(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"{dtype.byteorder}i{dtype.itemsize}")


def _text(item: Any) -> str | None:
    if isinstance(item, bytes):
        return item.decode("utf-8", "replace")
    return str(item) if isinstance(item, str) else None


def _is_missing(item: Any) -> bool:
    """Whether an item is NaN or NaT, which equals nothing."""
    return bool(item != item)  # noqa: PLR0124 - only NaN and NaT differ from themselves


def _v2_number(value: float) -> Json:
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def _v3_number(value: float) -> str:
    return base64.standard_b64encode(struct.pack("<d", value)).decode("ascii")


def _v3_float(text: str) -> float:
    number: float = struct.unpack("<d", base64.b64decode(text, validate=True))[0]
    return number
