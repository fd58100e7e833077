"""Contrast windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ome.twins import node_of
from tiled_zarr.budgets import Budget
from tiled_zarr.nodes import Region
from tiled_zarr.ome.display.display import display
from tiled_zarr.ome.display.windows import Window
from tiled_zarr.ome.pyramid.looks import BUDGET, default_place, look
from tiled_zarr.ome.pyramid.reads import Reader

RNG = np.random.default_rng(0)


def of(values: np.ndarray, **fields: object) -> tuple[Window, ...]:
    shown = display(node_of(values, **fields))
    assert shown is not None
    return look(Reader(shown, Budget(2**28, 60)), default_place(shown)).windows


def with_pixel(values: np.ndarray, value: float) -> np.ndarray:
    values[3, 4] = value
    return values


@pytest.mark.parametrize("is_stepped", [True, False])
def test_hot_and_missing_pixels_count_for_nothing(is_stepped: bool) -> None:
    values = RNG.uniform(10, 20, (300, 300)).astype("f4")
    values[0, :10], values[5, 5], values[6, 6] = np.nan, 1e30, -np.inf
    [window] = of(values, blocking=not is_stepped)
    assert 9.9 < window.start < 10.2
    assert 19.8 < window.end < 20.1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.zeros((50, 50), "u2"), (0, 1)),
        (np.full((50, 50), 7, "u2"), (0, 7)),
        (np.full((50, 50), -7, "i2"), (-7, 0)),
        (np.full((50, 50), np.nan, "f4"), (0, 1)),
        (with_pixel(np.zeros((50, 50), "u2"), 9), (0, 9)),
        (np.array([[0, 1], [1, 0]], "?"), (0, 1)),
    ],
    ids=["zero", "constant", "negative", "missing", "one pixel", "mask"],
)
def test_dull_images(values: np.ndarray, expected: tuple[float, float]) -> None:
    [window] = of(values)
    assert (window.start, window.end) == expected
    assert window.least <= window.start < window.end <= window.largest


def test_a_photograph_is_shown_as_it_is() -> None:
    assert of(RNG.integers(50, 60, (40, 40, 3)).astype("u1")) == (Window(0, 255, 0, 255),) * 3


def test_colours_share_a_window() -> None:
    found = of(RNG.integers(100, 4000, (60, 60, 3)).astype("u2"))
    assert len(found) == 3
    assert len(set(found)) == 1
    assert found[0].start == 0


def test_each_channel_has_its_own_of_the_plane_in_the_middle() -> None:
    values = np.zeros((2, 9, 64, 64), "u2")
    values[0, 4], values[1, 4] = np.arange(64), 1000 + np.arange(64)
    first, second = of(values, dimension_names=tuple("czyx"))
    assert (first.start, first.end, second.start, second.end) == (0, 63, 1000, 1063)


def test_many_channels_share_one() -> None:
    values = np.broadcast_to(np.arange(40, dtype="u2")[:, None, None], (40, 20, 20))
    found = of(values, dimension_names=tuple("cyx"))
    assert len(found) == 40
    assert len(set(found)) == 1


@pytest.mark.parametrize("chunks", [None, (512, 512), (1, 20_000), (64, 64)])
def test_little_is_read(chunks: tuple[int, int] | None) -> None:
    nbytes = [0]

    def read(region: Region) -> np.ndarray:
        block = np.ones(tuple(part.stop - part.start for part in region), "u2")
        nbytes[0] += block.nbytes
        return block

    node = replace(node_of(np.broadcast_to(np.uint16(0), (20_000, 20_000)), chunks=chunks), read=read)
    shown = display(node)
    assert shown is not None
    look(Reader(shown, Budget(2**28, 60)), default_place(shown))
    assert 0 < nbytes[0] <= BUDGET


LEAST = np.float32(1e8)
THIN = {
    "a column": np.arange(3000, dtype="f4")[:, None],
    "a row": np.arange(3000, dtype="u2")[None],
    "one pixel": np.array([[5.0]]),
    "a long column of zeros": np.zeros((70_000, 1), "u1"),
    "a stack of columns": RNG.normal(size=(5, 3000, 1)),
    "infinite": np.where(np.eye(30) > 0, np.inf, -np.inf),
    "only marks": np.full((30, 40), 2**32 - 1, "u4"),
    "too large for 32 bits": np.full((30, 40), 1e300),
    "too small for 32 bits": RNG.random((30, 40)) * 1e-300,
    "neighbours in 32 bits": np.where(np.eye(30) > 0, LEAST, np.nextafter(LEAST, np.float32(2e8))),
    "neighbours in 64 bits": np.where(np.eye(30) > 0, 1e8, 1e8 + 1),
    "complex, missing": np.full((30, 40), np.nan + 0j),
    "the whole range": np.where(np.eye(30) > 0, 3e38, -3e38).astype("f4"),
}


@pytest.mark.parametrize("values", THIN.values(), ids=THIN)
def test_windows_are_never_empty(values: np.ndarray) -> None:
    """Viewers compute in 32 bits, and divide by the width of the window."""
    for window in of(values):
        least, start, end, largest = (np.float32(limit) for limit in (window.least, window.start, window.end, window.largest))
        assert least <= start < end <= largest < np.inf
