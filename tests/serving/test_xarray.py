"""The accessor `ds.tiled_zarr`: what it serves opens equal in xarray."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import xarray

import tiled_zarr.xarray  # noqa: F401 - it registers the accessor

DATASET = xarray.Dataset(
    {"t": (("y", "x"), np.arange(6.0).reshape(2, 3), {"units": "K"})}, {"x": [10, 20, 30], "y": [0.5, 1.5]}, {"title": "waves"}
)
TREE = xarray.DataTree.from_dict({"/": DATASET, "/below": DATASET * 2})


def test_a_dataset():
    with DATASET.tiled_zarr.serve(codec="zstd:1") as handle:
        found = xarray.open_zarr(f"{handle.url}/zarr/v3", chunks=None).load()
        xarray.testing.assert_identical(found.drop_encoding(), DATASET)
        assert handle.zarr("t").compressors[0].to_dict()["name"] == "zstd"


def test_a_tree():
    with TREE.tiled_zarr.serve() as handle:
        found = xarray.open_datatree(f"{handle.url}/zarr/v3", engine="zarr", chunks=None).load()
        xarray.testing.assert_equal(found, TREE)


def test_an_array():
    with DATASET.t.tiled_zarr.serve() as handle:
        found = xarray.open_zarr(f"{handle.url}/zarr/v3", chunks=None).load()
        xarray.testing.assert_equal(found["t"], DATASET.t)


def test_it_is_registered_only_if_it_is_imported():
    script = "import tiled_zarr, xarray; xarray.Dataset().tiled_zarr"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert "has no attribute 'tiled_zarr'" in done.stderr


@pytest.mark.parametrize("kind", [xarray.Dataset, xarray.DataArray, xarray.DataTree])
def test_all_three_have_it(kind: type):
    assert kind.tiled_zarr.__name__ == "Accessor"
