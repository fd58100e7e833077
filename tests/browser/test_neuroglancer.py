"""neuroglancer, as built in its wheel, shows 64-bit floats from the links of our pages."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import numpy as np
import pytest

from browser import gallery as images
from browser import pictures
from browser.conftest import KEY
from browser.driving import Shown, show
from browser.hosts import Host
from browser.pictures import coarse, likeness
from live import Live
from ome import detectors

LINK = re.compile(r'(?:href|data-copy)="https://neuroglancer-demo\.appspot\.com/#!([^"]+)"')
PROBES = {"0.4": (".zarray", "zarr.json"), "0.5": (".zarray", ".zattrs")}
"""Keys that neuroglancer asks for below an image in vain: arrays, the other format's documents."""
MIDDLE = (384, 793)
"""Row and column of the page that a picture has its middle at."""
WINDOW = 600
LINES = 12
"""Pixels next to the lines that neuroglancer draws over a picture: they are left out."""


def state(server: Live, path: str, version: str, prefix: str = "") -> str:
    """The state in the link that a page offers; the link is to version 0.4."""
    with urlopen(f"{server.url}{prefix}/view/{path.rpartition('/')[0]}") as page:
        found = LINK.findall(page.read().decode())
    (wanted,) = (state for state in found if f"{path.replace('/', '%2F')}%22" in state)
    assert "%2F0.4%2F" in wanted
    return str(wanted.replace("%2F0.4%2F", f"%2F{version}%2F"))


def is_flawless(shown: Shown, source: str, version: str) -> bool:
    """True if chunks were read, and nothing failed but the search for optional files."""
    asked = [request for request in shown.loads[0] if request.url.startswith(source)]
    assert [request for request in shown.loads[0] if not request.is_answered] == []
    assert {request.method for request in asked} == {"GET"}
    assert shown.missing() <= {f"{source}/{probe}" for probe in PROBES[version]}
    assert shown.console == []
    chunks = [request for request in asked if re.fullmatch(r"/\d+/(c/)?\d+/\d+", request.url.removeprefix(source))]
    assert {request.status for request in chunks} == {200}
    assert len(chunks) >= 1
    return True


def halves(shown: Shown, expected: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The left and the right half of a picture on the page, each as it is and as it should be.

    The lines around the picture and through its middle are left out.
    """
    scale = WINDOW / max(expected.shape)
    height, width = (int(size * scale / 2) - LINES for size in expected.shape)
    found = []
    for left, right in ((-width, -LINES), (LINES, width)):
        got = shown.pixels[MIDDLE[0] - height : MIDDLE[0] + height, MIDDLE[1] + left : MIDDLE[1] + right]
        rows, columns = (
            slice(round(size / 2 + start / scale), round(size / 2 + stop / scale))
            for size, start, stop in zip(expected.shape, (-height, left), (height, right), strict=True)
        )
        found.append((got, expected[rows, columns]))
    return found


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_landscape(demo: Live, elsewhere: Host, tmp_path: Path, version: str) -> None:
    path = "nested/images/big_image"
    shown = show(elsewhere.neuroglancer(state(demo, path, version)), tmp_path / "page.png")
    assert is_flawless(shown, f"{demo.url}/ome-zarr/{version}/{path}", version)
    for got, expected in halves(shown, pictures.landscape()):
        assert likeness(got, expected) > 0.93


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_values_far_from_zero(gallery: Live, elsewhere: Host, tmp_path: Path, version: str) -> None:
    """The contrast is what the samples say, in both versions."""
    shown = show(elsewhere.neuroglancer(state(gallery, "heights", version)), tmp_path / "page.png")
    assert is_flawless(shown, f"{gallery.url}/ome-zarr/{version}/heights", version)
    for got, expected in halves(shown, images.heights()):
        assert likeness(got, expected) > 0.95


@pytest.mark.parametrize("name", detectors.DRAWN)
def test_gaps_and_seas_are_dark(gallery: Live, elsewhere: Host, tmp_path: Path, name: str) -> None:
    shown = show(elsewhere.neuroglancer(state(gallery, name, "0.5")), tmp_path / "page.png")
    assert is_flawless(shown, f"{gallery.url}/ome-zarr/0.5/{name}", "0.5")
    for got, expected in halves(shown, detectors.DRAWN[name]()):
        assert likeness(coarse(got), expected) > 0.95


def test_a_key_in_the_path(locked: Live, elsewhere: Host, tmp_path: Path) -> None:
    """neuroglancer drops a source's query, cannot set headers, and decodes the path first."""
    prefix = f"/k/{quote(KEY, safe='')}"
    shown = show(elsewhere.neuroglancer(state(locked, "heights", "0.4", prefix)), tmp_path / "page.png")
    assert is_flawless(shown, f"{locked.url}/k/{KEY}/ome-zarr/0.4/heights", "0.4")
    for got, expected in halves(shown, images.heights()):
        assert likeness(got, expected) > 0.95
