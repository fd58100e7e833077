"""Maps that the display view flips, baked and served from the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

import tiled_zarr
from asgi import ask
from baking.stocked import app_of
from ome.decoding import level
from ome.twins import levels
from tiled_zarr.ome.latitudes import Latitudes

VALUES = np.random.default_rng(6).integers(0, 900, (530, 60)).astype("u2")
PATH = "climate/t"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file with a map whose first row is the southernmost one."""
    latitudes = ("lat", np.linspace(-60, 60, 530), {"units": "degrees_north"})
    (tmp_path / "data").mkdir()
    xarray.Dataset({"t": (("lat", "lon"), VALUES)}, coords={"lat": latitudes}).to_netcdf(tmp_path / "data" / "climate.nc")
    return tmp_path


def bake(folder: Path) -> None:
    tiled_zarr.bake(f"{folder / 'data' / 'climate.nc'}::t", folder / "baked" / "climate" / "t.ome.zarr", codec="zstd:3")


def codec_of(app: Any) -> str:
    """The codec in which the server sends level 0: that of the store if it is used."""
    document = json.loads(ask(app, f"/ome-zarr/0.5/{PATH}/0/zarr.json").body)
    name: str = document["codecs"][-1]["name"]
    return name


def test_a_store_is_north_up_and_is_sent(folder: Path) -> None:
    bake(folder)
    app = app_of(folder / "data", folder / "baked")
    assert codec_of(app) == "zstd"
    for number, expected in enumerate(levels(np.flipud(VALUES), 2)):
        np.testing.assert_array_equal(level(app, "0.5", PATH, number), expected)
        stored = tiled_zarr.open(folder / "baked" / "climate" / "t.ome.zarr").children[str(number)]
        np.testing.assert_array_equal(stored.read(tuple(slice(0, size) for size in stored.shape)), expected)


def test_a_store_of_the_map_upside_down_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As versions wrote them that knew nothing of latitudes."""
    with monkeypatch.context() as before:
        before.setattr(Latitudes, "north_up", lambda _, image: image)
        bake(folder)
    app = app_of(folder / "data", folder / "baked")
    assert codec_of(app) != "zstd"
    np.testing.assert_array_equal(level(app, "0.5", PATH, 0), np.flipud(VALUES))
