"""vizarr shows the demo's medium image right, through Zarr v2 and v3, in headless Chromium.

We compare every grey level.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from browser.driving import chromium
from live import Live, live
from tiled_zarr import demo

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VIZARR = ROOT / "build" / "vizarr" / "index.js"
IMAGE = ("nested", "images", "medium_image")
CORNER, SIZE = (50, 150), 700
"""Where vizarr draws a square image in a window of 1000 x 800.

The values are the row and the column of its first pixel, and its size.
"""
BESIDE_THE_PANEL = 110
"""Rows of the picture that vizarr's controls may hide."""
ALIKE = 0.98
"""The share of pixels that must have the rounded grey of the nearest element.

At the others, two elements are about equally near.
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    with live(env={"TILED_ZARR_ALLOW_ORIGINS": "*"}) as running:
        yield running


@pytest.fixture(scope="module", params=["v2", "v3"])
def shown(server: Live, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], np.ndarray]:
    """What the browser reports, and its screenshot as (row, column, colour)."""
    screenshot = tmp_path_factory.mktemp("vizarr") / f"{request.param}.png"
    source = f"{server.url}/zarr/{request.param}/{'/'.join(IMAGE)}"
    env = {**os.environ, "CHROMIUM": chromium()}
    command = [tool("node"), HERE / "show.mjs", source, vizarr(), screenshot]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout), np.asarray(Image.open(screenshot).convert("RGB"))


def tool(name: str) -> Path:
    found = shutil.which(name)
    assert found, f"{name} is missing on PATH: apt-get install nodejs npm"
    return Path(found)


def vizarr() -> Path:
    assert VIZARR.is_file(), f"{VIZARR} is missing: make test-python gets it from the npm registry"
    assert (ROOT / "node_modules" / "playwright-core").is_dir(), "playwright-core is missing: run `npm ci`"
    return VIZARR


def truth() -> np.ndarray:
    """The grey levels that a viewer shows: the lowest value is black, the highest white."""
    node: Any = demo.tree()
    for name in IMAGE:
        node = node.children[name]
    values = node.read(tuple(slice(0, size) for size in node.shape))
    return np.asarray((values - values.min()) / np.ptp(values) * 255)


def test_all_was_answered(shown: tuple[dict[str, Any], np.ndarray]) -> None:
    report, _ = shown
    assert report["errors"] == []
    assert {status for _, status, _ in report["requests"]} <= {200, 404}
    assert sum(status == 200 for _, status, _ in report["requests"]) > 40


def test_the_picture_is_the_data(shown: tuple[dict[str, Any], np.ndarray]) -> None:
    _, screen = shown
    picture = screen[CORNER[0] : CORNER[0] + SIZE, CORNER[1] : CORNER[1] + SIZE].astype(float)
    assert (picture == picture[..., :1]).all(axis=-1)[BESIDE_THE_PANEL:].all()
    image = truth()
    places = (np.arange(SIZE) + 0.5) / SIZE * len(image)
    expected = image[np.ix_(places.astype(int), places.astype(int))]
    difference = np.abs(picture[..., 0] - expected)[BESIDE_THE_PANEL:]
    assert np.mean(difference < 1) > ALIKE
    assert np.ptp(expected[BESIDE_THE_PANEL:]) > 200


def test_around_the_picture_is_nothing(shown: tuple[dict[str, Any], np.ndarray]) -> None:
    _, screen = shown
    assert screen[:, CORNER[1] + SIZE + 1 :].max() == 0
    assert screen[CORNER[0] + SIZE + 1 :].max() == 0
