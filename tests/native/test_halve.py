"""The border of the halving kernel; Rust's tests and the twin in tests/ome test its arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from ome.twins import assert_same, halved
from tiled_zarr import _native


@pytest.mark.parametrize("rule", ["mean", "mode"])
@pytest.mark.parametrize("dtype", ["|u1", "<u2", ">u2", "<u4", "<u8", "|i1", ">i2", "<i4", ">i8", "<f2", ">f4", "<f8"])
def test_any_memory_is_halved(dtype: str, rule: str) -> None:
    values = np.random.default_rng(0).integers(0, 5, (3, 9, 14)).astype(dtype)
    for block in (values, values.transpose(0, 2, 1), values[:, ::-1, ::2], values[1]):
        body = _native.halve(block.view(f"V{block.itemsize}"), dtype, rule)
        expected = halved(block, rule)
        assert_same(np.frombuffer(body, expected.dtype).reshape(expected.shape), expected)


@pytest.mark.parametrize(
    ("block", "dtype", "rule"),
    [
        (np.zeros(4, "V2"), "<u2", "mean"),
        (np.zeros((4, 4), "V2"), "<u4", "mean"),
        (np.zeros((4, 4), "V8"), "<c8", "mean"),
        (np.zeros((4, 4), "V2"), "<u2", "median"),
    ],
    ids=["one axis", "another size", "no real numbers", "no rule"],
)
def test_refusals_say_why(block: np.ndarray, dtype: str, rule: str) -> None:
    with pytest.raises(ValueError, match=r"two|numbers have|expected integers|choose one of"):
        _native.halve(block, dtype, rule)
