"""Our viewer behind nginx, while the file that it shows is rewritten.

It never mixes tiles of two revisions, and can decode each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from browser.calling import listening
from browser.driving import Shown, press, show
from browser.pictures import cut
from live import live
from nginx import Proxy, nginx

EDGE = 1500
DARK, BRIGHT = 40, 200
CODECS = {"another codec": ("gzip", "lzf"), "the same codec": ("gzip", "gzip")}
"""Chunks with HDF5's gzip are sent as stored, those with lzf are encoded anew."""


def write(folder: Path, value: int, compression: str) -> None:
    """Replace the file in one step; a black and a white corner keep the contrast limits."""
    data = np.full((EDGE, EDGE), value, "u1")
    data[0, :8], data[-1, -8:] = 0, 255
    with h5py.File(folder.parent / "new.h5", "w") as file:
        file.create_dataset("x", data=data, chunks=(512, 512), compression=compression)
    (folder.parent / "new.h5").replace(folder / "a.h5")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write(folder, DARK, "gzip")
    return folder


@pytest.fixture
def proxy(folder: Path) -> Iterator[Proxy]:
    with live("directory", folder, "--public") as server, nginx(server) as running:
        yield running


def brightness(shown: Shown) -> tuple[float, float]:
    """The darkest and the brightest of the places in the image, its corners apart."""
    pixels = cut(shown.pixels, 400, 400).astype(float)
    return float(pixels.min()), float(pixels.max())


@pytest.mark.parametrize("kind", CODECS)
def test_a_page_that_is_loaded_again_shows_what_is_new(proxy: Proxy, folder: Path, tmp_path: Path, kind: str) -> None:
    page, shot = f"{proxy.url}/view/a/x", tmp_path / "page.png"
    first = show(page, shot)
    assert first.console == []
    with listening(lambda: write(folder, BRIGHT, CODECS[kind][1])) as change:
        second = show(page, shot, actions=[("call", change), ("reload",)])
    assert second.console == []
    assert brightness(first) == pytest.approx((DARK, DARK), abs=12)
    assert brightness(second) == pytest.approx((BRIGHT, BRIGHT), abs=12)


@pytest.mark.parametrize("kind", CODECS)
def test_an_open_page_says_that_its_image_has_changed(proxy: Proxy, folder: Path, tmp_path: Path, kind: str) -> None:
    page, shot = f"{proxy.url}/view/a/x", tmp_path / "page.png"
    with listening(lambda: write(folder, BRIGHT, CODECS[kind][1])) as change:
        stale = show(page, shot, actions=[("call", change), *press(*"++++")])
        write(folder, DARK, CODECS[kind][0])
        fresh = show(page, shot, actions=[("call", change), *press(*"++++"), ("click", "Try again")])
    assert "The image has changed since this page was opened" in stale.text
    assert [line for line in stale.console if "410" not in line and "has changed" not in line] == []
    assert "has changed" not in fresh.text
    assert brightness(fresh) == pytest.approx((BRIGHT, BRIGHT), abs=12)
