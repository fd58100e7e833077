"""The names that we promise."""

from __future__ import annotations

import importlib

import pytest

PROMISED = {
    "tiled_zarr": {"Array", "Group", "Node", "Sparse", "Table", "Unavailable", "__version__", "bake", "open", "serve", "store"}
    | {"Damaged", "Dense", "FlatArray", "Resources", "Revision", "Snapshot", "Stored", "TooLarge", "launch_nonce"},
    "tiled_zarr.testing": {"ARRAYS", "Case", "Contract", "FileContract", "ReaderContract", "Served", "Truth", "assert_same"}
    | {"check_read_back", "check_rewritten", "check_truncated", "outcome", "reading", "whole"},
    "tiled_zarr.tiled": {"front", "router"},
}


@pytest.mark.parametrize("module", PROMISED)
def test_names_are_there(module: str) -> None:
    assert set(importlib.import_module(module).__all__) == PROMISED[module]
    assert all(hasattr(importlib.import_module(module), name) for name in PROMISED[module])


@pytest.mark.parametrize(
    ("module", "name"),
    [("tiled_zarr.adapters", "adapt"), ("tiled_zarr.demo", "tree"), ("tiled_zarr.app", "app"), ("tiled_zarr.xarray", "Accessor")],
)
def test_entry_points_are_there(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name)
