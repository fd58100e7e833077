"""What pip has installed, from a source archive and from a wheel, serves and shows."""

from __future__ import annotations

import json
import shlex
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from browser import driving, pictures
from browser.driving import show
from browser.pictures import cut, likeness
from installing.conftest import pip
from installing.environment import Environment

# cargo compiles everything if there is nothing to copy
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CHROMIUM = driving.installed() is not None


@pytest.mark.skipif(not CHROMIUM, reason="no viewer of an installed package was looked at: Chromium is missing")
def test_the_viewer_shows_an_image(installed: Environment, tmp_path: Path) -> None:
    with installed.serving("demo") as url:
        shown = show(f"{url}/view/nested/images/medium_image", tmp_path / "page.png")
    assert [request for load in shown.loads for request in load if not request.is_answered] == []
    assert shown.console == []
    edge = pictures.VIEWER_EDGE
    assert likeness(cut(shown.pixels, edge, edge), pictures.landscape()) > 0.93


def test_nothing_comes_from_the_checkout(installed: Environment) -> None:
    places = installed.run("-c", "import tiled_zarr, tiled_zarr._native as n; print(tiled_zarr.__file__); print(n.__file__)")
    for place in places.splitlines():
        assert Path(place).is_relative_to(installed.folder)


def test_the_line_for_a_missing_package_installs_it(installed: Environment, tmp_path: Path) -> None:
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)).save(tmp_path / "picture.png")
    script = "from tiled_zarr.extras import command; print(command('images'))"
    told = "the package 'PIL' is not installed; " + installed.run("-c", script).strip()
    with installed.serving("directory", tmp_path, "--public") as url:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}/zarr/v3/picture/zarr.json")
        assert told in refused.value.read().decode()
    installed.run("-m", *pip("")[2:], *shlex.split(told.partition("; pip ")[2]))
    with installed.serving("directory", tmp_path, "--public") as url:
        document = json.load(urllib.request.urlopen(f"{url}/zarr/v3/picture/zarr.json"))
    assert document["shape"] == [3, 4]
