"""itk-vtk-viewer, a released build of it on an origin of its own, reads a volume of a Tiled server with ours before it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.tiled.ways import KEY, serving
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.mapping import MapAdapter
from tiled.config import Authentication
from tiled.server.app import build_app

from browser.driving import chromium
from browser.hosts import TYPES, Host
from tiled_zarr.tiled import front

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "itk-vtk-viewer"
SECONDS = 120
Z, Y, X = np.ogrid[:20, :600, :520]
VOLUME = (Z * 7 + Y * 3 + X).astype("u2")


@pytest.fixture(scope="module")
def viewer(elsewhere: Host) -> str:
    """The origin of a page that can load the viewer."""
    files = [file for file in BUILD.rglob("*") if file.suffix in TYPES]
    assert files, f"there is no itk-vtk-viewer in {BUILD}: make test-python unpacks it"
    elsewhere.pages["/itk.html"] = "text/html", b"<!DOCTYPE html><title>itk-vtk-viewer</title>"
    elsewhere.pages.update({f"/{file.relative_to(BUILD)}": (TYPES[file.suffix], file.read_bytes()) for file in files})
    return elsewhere.origin


@pytest.fixture(scope="module")
def address(viewer: str) -> Iterator[str]:
    """A volume of a Tiled server that the viewer's origin may read; the viewer wants `.zarr` in the address."""
    volume = ArrayAdapter.from_array(VOLUME, dims=["z", "y", "x"])
    tree = MapAdapter({"scans": MapAdapter({"brain.zarr": volume})})
    app = build_app(tree, Authentication(single_user_api_key=KEY), server_settings={"allow_origins": [viewer]})
    with serving(front(app)) as url:
        yield f"{url}/k/{KEY}/ome-zarr/0.4/scans/brain.zarr"


def test_it_reads_every_level_of_a_volume(viewer: str, address: str) -> None:
    command = ["node", HERE / "read_itk.mjs", chromium(), viewer, address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    whole, half = json.loads(done.stdout)
    means = VOLUME.reshape(20, 300, 2, 260, 2).mean((2, 4))
    assert whole == level(VOLUME, [1, 1, 1])
    assert half["size"] == [260, 300, 20]
    assert half["spacing"] == [2, 2, 1]
    assert abs(half["sum"] / means.size - means.mean()) <= 0.5


def level(values: np.ndarray, spacing: list[int]) -> dict[str, object]:
    """What the reader says of an array, if it has read it all."""
    size, corner = list(values.shape[::-1]), values[0, 0, :4].tolist()
    return {"size": size, "spacing": spacing, "type": values.dtype.name, "sum": int(values.sum()), "corner": corner}
