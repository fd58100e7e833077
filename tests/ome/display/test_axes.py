"""Letters of axes."""

from __future__ import annotations

import pytest

from tiled_zarr.ome.display import axes

CASES = [
    ((10, 20), None, "yx"),
    ((10, 20), ("y", "x"), "yx"),
    ((10, 20), ("x", "y"), "xy"),
    ((10, 20), ("time", "energy"), "yx"),
    ((3, 10, 20), None, "cyx"),
    ((5, 10, 20), None, "zyx"),
    ((5, 10, 20), ("time", "y", "x"), "tyx"),
    ((5, 10, 20), ("time", "lat", "lon"), "tyx"),
    ((10, 20, 5), ("Y", "X", "C"), "yxc"),
    ((100, 200, 3), None, "yxc"),
    ((100, 200, 4), ("y", "x", "s"), "yxc"),
    ((10, 20, 3), None, "zyx"),
    ((2, 5, 10, 20), None, "czyx"),
    ((2, 5, 10, 20), ("t", None, None, None), "tzyx"),
    ((2, 5, 10, 20), ("c", "t", "y", "x"), "ctyx"),
    ((2, 3, 5, 10, 20), None, "tczyx"),
    ((50, 50, 50, 50, 50), ("light", "fog", "time", "y", "x"), "cztyx"),
    ((2, 10, 20), ("s", "c", "x"), "cyx"),
    ((10,), None, None),
    ((), None, None),
    ((0, 10), None, None),
    ((2, 2, 2, 2, 10, 20), None, None),
]


@pytest.mark.parametrize(("shape", "names", "expected"), CASES)
def test_letters(shape: tuple[int, ...], names: tuple[str | None, ...] | None, expected: str | None) -> None:
    assert axes.letters(shape, names) == expected


@pytest.mark.parametrize(
    ("hint", "expected"), [("tyx", "tyx"), ("yxt", "yxt"), ("yx", None), ("tyy", None), ("tcz", None), ("abc", None), ("", None)]
)
def test_hints(hint: str, expected: str | None) -> None:
    assert axes.given(hint, 3) == expected
