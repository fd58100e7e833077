"""Whether values that came over the wire are those that a library reads from the file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas
import zarr

WHOLE = 8 * 1024 * 1024
SIDE = 64


def boxes(array: Any) -> list[tuple[slice, ...]]:
    """Where to compare: everywhere, or at both ends of all axes and in the middle."""
    shape: tuple[int, ...] = array.shape
    if math.prod(shape) * array.dtype.itemsize <= WHOLE:
        return [tuple(slice(0, size) for size in shape)]
    starts = [(0, max(0, (size - SIDE) // 2), max(0, size - SIDE)) for size in shape]
    return [tuple(slice(at, min(at + SIDE, size)) for at, size in zip(corner, shape, strict=True)) for corner in zip(*starts, strict=True)]


def block(source: Any, box: tuple[slice, ...]) -> np.ndarray[Any, Any]:
    """A part of an array, with its own type.

    Without axes both libraries return an item, whose type numpy would guess.
    """
    return np.asarray(source[box], None if source.shape else source.dtype)


def plain(values: Any) -> np.ndarray[Any, Any]:
    """Values as we send them.

    Text is text, opaque items are bytes, and numbers of more than 64 bits are float64.
    """
    array = np.asarray(values)
    if array.dtype.kind in "OTU":
        texts = np.empty(array.shape, object)
        for place, text in np.ndenumerate(array):
            texts[place] = decoded(text)
        return texts
    if array.dtype.char in "gG":
        return array.astype("f8" if array.dtype.char == "g" else "c16")
    if array.dtype.kind == "V" and not array.dtype.names:
        return np.ascontiguousarray(array).view("u1").reshape(*array.shape, array.dtype.itemsize)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def decoded(text: Any) -> str:
    if not isinstance(text, bytes):
        return str(text)
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def difference(expected: Any, got: Any) -> str:
    """What differs between two blocks.

    Of records we compare only the fields that are served, whether packed or padded.
    """
    fields = np.asarray(expected).dtype.names
    if fields:
        served = got.dtype.names if isinstance(got, np.ndarray | np.generic) else tuple(got)
        lost = [name for name in fields if name not in (served or ()) and not (isinstance(got, zarr.Group) and name in reasons(got))]
        found = [(name, difference(expected[name], got[name])) for name in fields if name not in lost and name in (served or ())]
        return "; ".join([*(f"{name}: lost" for name in lost), *(f"{name}: {why}" for name, why in found if why)])
    mine, theirs = plain(expected), plain(got[...] if isinstance(got, zarr.Array) else got)
    if (mine.shape, mine.dtype) != (theirs.shape, theirs.dtype):
        return f"expected {mine.shape} {mine.dtype}, got {theirs.shape} {theirs.dtype}"
    same = mine.tolist() == theirs.tolist() if mine.dtype == object else mine.tobytes() == theirs.tobytes()
    return "" if same else f"values: expected {mine.ravel()[:4]}, got {theirs.ravel()[:4]}"


def of_column(expected: pandas.Series[Any], got: np.ndarray[Any, Any]) -> str:
    """What differs in a column: the values of numbers, whatever their type; else the spelling."""
    if len(expected) != len(got):
        return f"expected {len(expected)} rows, got {len(got)}"
    if expected.dtype.kind in "biufc" and got.dtype.kind in "biufc":
        return "" if np.array_equal(expected, got, equal_nan=True) else f"values: expected {expected[:4].tolist()}, got {got[:4]}"
    unlike = [(mine, theirs) for mine, theirs in zip(expected, got, strict=True) if not pandas.isna(mine) and str(mine) != decoded(theirs)]
    return f"values: expected {unlike[0][0]!r}, got {unlike[0][1]!r}" if unlike and got.dtype.kind in "OTUS" else ""


def reasons(node: Any) -> dict[str, str]:
    """Why members of a group, or fields of a record, are missing, by their names in the source."""
    found: dict[str, str] = dict(node.attrs).get("tiled_zarr", {}).get("unavailable", {})
    return found
