"""Every image, in both versions of OME-NGFF, as the libraries that support it read it.

Each level equals that of a simple implementation in the tests.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clients import ome_tree, running
from live import live

HERE = Path(__file__).parent
READERS = ("zarr", "ome-zarr", "ome-zarr-models", "napari-ome-zarr", "ngff-zarr")
CASES = [f"{version} {reader} {name}" for version in ("0.4", "0.5") for reader in READERS for name in ome_tree.pictures()]

Report = tuple[dict[str, dict[str, Any]], Path]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What each reader found, and the folder with the levels."""
    folder = tmp_path_factory.mktemp("ome")
    env = {"TILED_ZARR_TREE": "clients.ome_tree:tree", "TILED_ZARR_PUBLIC": "1", "PYTHONPATH": running.SOURCES}
    with live(env=env) as server:
        printed = running.in_environment("ome", HERE / "read_ome.py", server.url, folder)
    return json.loads(printed.splitlines()[-1]), folder


@cache
def expected(name: str) -> list[np.ndarray]:
    return ome_tree.levels(name)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("case", CASES)
def test_every_level_equals_the_twin(case: str, report: Report) -> None:
    name = case.rpartition(" ")[2]
    found, folder = report
    assert found[case] == {"levels": len(expected(name))}
    for number, level in enumerate(expected(name)):
        got = np.load(folder / f"{case} {number}.npy")
        assert got.shape == level.shape
        if level.dtype.kind == "f":
            np.testing.assert_array_equal(np.isnan(got), np.isnan(level))
            np.testing.assert_array_max_ulp(np.nan_to_num(got), np.nan_to_num(level), maxulp=2)
        else:
            np.testing.assert_array_equal(got, level)
