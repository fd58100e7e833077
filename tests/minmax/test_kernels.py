"""The border of the kernel; Rust's tests and the twin test its arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from minmax.twins import extremes
from tiled_zarr import _native
from tiled_zarr.minmax.kernels import coarser, minmax

DTYPES = ["|b1", "|u1", "<u2", ">u2", "<u4", "<u8", "|i1", ">i2", "<i4", ">i8", "<f2", ">f2", ">f4", "<f8", "<M8[ns]", ">M8[D]", "<m8[s]"]


def numbers(dtype: str, count: int = 1001) -> np.ndarray:
    """Few different values, so that bins hold marks, ends of the type, and nothing else."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        chosen = np.array([False, True])
    elif kind.kind == "f":
        chosen = np.array([np.nan, -np.inf, np.inf, 0, -0.0, 1.5, -3, 7], dtype)
    else:
        integer = np.dtype(f"{kind.byteorder}i8") if kind.kind in "mM" else kind
        chosen = np.array([np.iinfo(integer).min, 1, 2, 7, np.iinfo(integer).max], integer).view(kind)
    return chosen[np.random.default_rng(3).integers(0, len(chosen), count)]


@pytest.mark.parametrize("factor", [1, 2, 64, 1000, 5000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_memory(dtype: str, factor: int) -> None:
    values = numbers(dtype)
    nat = np.array("NaT", dtype)[()] if values.dtype.kind in "mM" else None
    for line in (values, values[::-1], values[3::7], values[:0]):
        np.testing.assert_array_equal(minmax(line, factor, nat), extremes(line, factor))


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES if dtype[1] in "uif"])
def test_marks_are_skipped(dtype: str) -> None:
    values = numbers(dtype)
    values[64:192] = values[0]
    for mark in {values[0], values[1], values[2]}:
        found = minmax(values, 64, mark)
        np.testing.assert_array_equal(found, extremes(values, 64, mark))
        np.testing.assert_array_equal(coarser(found, 2, mark), extremes(values, 128, mark))


@pytest.mark.parametrize(
    ("line", "dtype", "factor", "mark"),
    [
        (np.zeros((2, 2), "V2"), "<u2", 2, None),
        (np.zeros(4, "V2"), "<u4", 2, None),
        (np.zeros(4, "V8"), "<c8", 2, None),
        (np.zeros(4, "V2"), "<u2", 0, None),
        (np.zeros(4, "V2"), "<u2", 2, b"\0"),
    ],
    ids=["two axes", "another size", "no real numbers", "no factor", "a mark of another size"],
)
def test_refusals_say_why(line: np.ndarray, dtype: str, factor: int, mark: bytes | None) -> None:
    with pytest.raises(ValueError, match=r"axes|bytes|expected integers|factor 0"):
        _native.minmax(line, dtype, factor, mark)
