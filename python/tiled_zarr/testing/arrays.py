"""Arrays of every type, memory layout and awkward shape, to be written into files or adapted."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

RECORD = np.dtype([("name", "<U10"), ("age", "<i4"), ("weight", ">f4")])
PADDED = np.dtype([("flag", "?"), ("place", "<f8", (2,)), ("when", "<M8[s]")], align=True)


def numbers(dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Numbers that count from 0, as far as the type has them."""
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


DTYPES = ("?", "i1", "<i2", ">i2", "<i4", ">i4", "<i8", "u1", "<u2", "<u4", ">u8", "<f2", "<f4", ">f4", "<f8", ">f8", "<c8", "<c16", ">c16")


def shapes() -> dict[str, np.ndarray[Any, Any]]:
    """Numbers in awkward shapes."""
    return {
        "zero_d": np.array(3.5),
        "one_item": np.array([[[7]]], "<i4"),
        "empty": np.zeros((0,), "<f8"),
        "empty_axis": np.zeros((3, 0, 2), "<u2"),
        "long": numbers("<i4", (1000,)),
        "five_d": numbers("<u2", (3, 2, 4, 3, 2)),
    }


def layouts() -> dict[str, np.ndarray[Any, Any]]:
    """Numbers that do not lie in memory in C order."""
    return {
        "fortran": np.asfortranarray(numbers("<i4", (6, 9))),
        "transposed": numbers("<f8", (3, 4, 5)).T,
        "reversed": numbers("<i2", (8, 9))[::-1, ::-1],
        "strided": numbers("<i4", (20, 21))[::3, 1::2],
        "broadcast": np.broadcast_to(np.arange(5, dtype="<i8"), (4, 5)),
        "read_only": np.frombuffer(bytes(range(24)), "u1").reshape(4, 6),
    }


def special() -> dict[str, np.ndarray[Any, Any]]:
    """Values and types that are no plain numbers."""
    return {
        "not_a_number": np.array([0.0, -0.0, np.nan, np.inf, -np.inf]),
        "bytes": np.array([[b"a", b"bcd"], [b"", b"\xff"]], "S3"),
        "text": np.array(["", "e", "naïve", "日本"], "<U5"),
        "text_big_endian": np.array(["a", "bc"], ">U5"),
        "times": np.array(["2026-11-23", "NaT", "1969-12-31"], "<M8[ns]"),
        "days": np.array(["2026-11-23", "NaT"], "<M8[D]"),
        "spans": np.array([0, -5, 7], ">m8[ms]"),
        "record": np.array([("Rex", 9, 81.0), ("Fido", 3, 27.5)], RECORD),
        "padded_record": np.array([(True, (1, 2), "2026-01-01"), (False, (3, 4), "NaT")], PADDED),
        "strings": np.array([["", "ä"], ["longer than the others", "\0"]], object),
        "strings_zero_d": np.array("text", object),
    }


ARRAYS: Mapping[str, np.ndarray[Any, Any]] = MappingProxyType(
    {f"numbers_{dtype}": numbers(dtype, (5, 7)) for dtype in DTYPES} | shapes() | layouts() | special()
)
"""Arrays of every type of the design, every memory layout and every awkward shape, by name."""
