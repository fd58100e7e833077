"""Samples: the same ones every time, within the budget, and near the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ome.twins import image, levels, node_of, stores, whole
from tiled_zarr.nodes import Array, Region

pytestmark = pytest.mark.slow

SIZE, TILE = 1024, 64


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiled_zarr.ome.pyramid.shapes.TILE", TILE)


@pytest.fixture
def slope() -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    return ((y + x) // 8).astype("u1")


class Counted:
    """A node whose reads are counted in bytes."""

    def __init__(self, values: np.ndarray, **fields: object) -> None:
        self.nbytes = 0
        self.values = values
        self.node: Array = replace(node_of(values, **fields), read=self.read)

    def read(self, region: Region) -> np.ndarray:
        block = self.values[region]
        self.nbytes += block.nbytes
        return block


@pytest.mark.parametrize("chunks", [(64, 64), (128, 128), (1, SIZE), (16, SIZE), None])
@pytest.mark.parametrize("level", [3, 4])
def test_a_sampled_tile_is_near_the_truth_and_within_its_budget(slope: np.ndarray, chunks: tuple[int, int] | None, level: int) -> None:
    budget = 8 * 128 * 128
    counted = Counted(slope, chunks=chunks)
    shared = stores(budget=budget, planes=0)
    made = image(counted.node, shared)
    assert level in made.pyramid.sampled()
    got = whole(made.level(level))
    tiles = (-(-got.shape[0] // TILE)) ** 2
    assert counted.nbytes <= tiles * budget
    expected = levels(slope, 5)[level]
    error = np.abs(got.astype(int) - expected.astype(int))
    assert error.mean() < 25
    np.testing.assert_array_equal(got, whole(image(counted.node, stores(budget=budget, planes=0)).level(level)))


def test_a_stepped_read_gives_pixels_where_they_are(slope: np.ndarray) -> None:
    asked = []

    def read_stepped(region: Region, steps: tuple[int, ...]) -> np.ndarray:
        asked.append((region, steps))
        return slope[tuple(slice(part.start, part.stop, step) for part, step in zip(region, steps, strict=True))]

    made = image(node_of(slope, read_stepped=read_stepped), stores(budget=TILE * TILE, planes=0))
    np.testing.assert_array_equal(whole(made.level(3)), slope[::8, ::8])
    assert {steps for _, steps in asked} == {(8, 8)}


def test_four_pixels_for_one_where_they_are_cheap(slope: np.ndarray) -> None:
    def read_stepped(region: Region, steps: tuple[int, ...]) -> np.ndarray:
        return slope[tuple(slice(part.start, part.stop, step) for part, step in zip(region, steps, strict=True))]

    made = image(node_of(slope, read_stepped=read_stepped), stores(budget=16 * TILE * TILE, planes=0))
    np.testing.assert_array_equal(whole(made.level(4)), levels(slope[::8, ::8], 2)[1])


def test_labels_are_sampled_by_single_pixels() -> None:
    values = np.random.default_rng(0).choice([7, 1000], (SIZE, SIZE)).astype("u2")
    node = node_of(values, attributes={"tiled_zarr": {"is_label": True}}, chunks=(64, 64))
    made = image(node, stores(budget=1, planes=0))
    assert set(np.unique(whole(made.level(4)))) <= {7, 1000}


def test_missing_pixels_are_left_out() -> None:
    values = np.full((SIZE, SIZE), np.nan, "f4")
    values[::2] = 5
    made = image(node_of(values, chunks=(64, 64)), stores(budget=1, planes=0))
    assert (whole(made.level(4)) == 5).all()
