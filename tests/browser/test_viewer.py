"""Our viewer, in a browser, against running servers."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import numpy as np
import pytest

from browser import gallery as images
from browser import pictures
from browser.conftest import KEY
from browser.driving import Shown, press, show
from browser.hosts import Host
from browser.pictures import cut, framed, likeness
from live import Live
from ome import detectors

EDGE = pictures.VIEWER_EDGE
KEY_QUERY = f"?api_key={quote(KEY, safe='')}"
KEY_PATH = f"/k/{quote(KEY, safe='')}"


def is_flawless(shown: Shown) -> bool:
    """Whether nothing went wrong, and nothing was looked for in vain."""
    assert [request for requests in shown.loads for request in requests if not request.is_answered] == []
    assert (shown.console, shown.missing()) == ([], set())
    return True


@pytest.mark.parametrize("name", ["medium_image", "big_image", "gigapixel"])
def test_a_landscape(demo: Live, tmp_path: Path, name: str) -> None:
    shown = show(f"{demo.url}/view/nested/images/{name}", tmp_path / "page.png")
    assert is_flawless(shown)
    assert likeness(cut(shown.pixels, EDGE, EDGE), pictures.landscape()) > 0.93
    assert len(shown.loads[0]) <= 30
    assert sum(request.bytes for request in shown.loads[0]) <= 8e6


def test_a_small_image_is_magnified_without_blur(demo: Live, tmp_path: Path) -> None:
    shown = show(f"{demo.url}/view/nested/images/tiny_image", tmp_path / "page.png")
    assert is_flawless(shown)
    assert likeness(cut(shown.pixels, EDGE, EDGE), pictures.landscape("tiny_image")) > 0.97


def test_the_second_look_at_a_large_image_asks_for_little(demo: Live, tmp_path: Path) -> None:
    shown = show(f"{demo.url}/view/nested/images/big_image", tmp_path / "page.png", loads=2, is_exact=True)
    assert is_flawless(shown)
    assert len(shown.asked(demo.url, load=1)) <= 5


def test_the_second_look_at_a_page_of_thumbnails_asks_for_little(demo: Live, tmp_path: Path) -> None:
    shown = show(f"{demo.url}/view/nested/images", tmp_path / "page.png", loads=2)
    assert is_flawless(shown)
    assert len(shown.asked(demo.url, load=0)) > 5
    assert len(shown.asked(demo.url, load=1)) <= 5


def test_keys_zoom_and_pan(demo: Live, tmp_path: Path) -> None:
    """Zoom in four times and pan up by half a page.

    The middle of the page then shows a point 90 of its pixels above the middle of the image.
    """
    actions = press(*"++++", *["ArrowUp"] * 5)
    shown = show(f"{demo.url}/view/nested/images/gigapixel", tmp_path / "page.png", actions=actions)
    assert is_flawless(shown)
    shift = 360 / 4 / EDGE
    rows = slice(round((0.5 - shift - 360 / 4 / EDGE) * 1000), round((0.5 - shift + 360 / 4 / EDGE) * 1000))
    columns = slice(round((0.5 - 300 / 4 / EDGE) * 1000), round((0.5 + 300 / 4 / EDGE) * 1000))
    assert likeness(cut(shown.pixels, 720, 600), pictures.landscape()[rows, columns]) > 0.95


def test_a_photograph(gallery: Live, tmp_path: Path) -> None:
    shown = show(f"{gallery.url}/view/photograph", tmp_path / "page.png")
    assert is_flawless(shown)
    pixels = cut(shown.pixels, EDGE, EDGE)
    for band in range(3):
        assert likeness(pixels[..., band], images.PHOTOGRAPH[..., band].astype(np.float32)) > 0.97
    assert pixels[..., 0].mean() > pixels[..., 2].mean()


def test_a_stack_of_channels(gallery: Live, tmp_path: Path) -> None:
    """Pressing a key goes to the next plane; a bar shows the scale."""
    source = images.stack().astype(np.float32)
    middle = images.DEPTH // 2
    for keys, z in (([], middle), (["]", "]"], middle + 2)):
        shown = show(f"{gallery.url}/view/stack", tmp_path / "page.png", actions=press(*keys))
        assert is_flawless(shown)
        likenesses = [likeness(cut(shown.pixels, EDGE, EDGE), plane.sum(axis=0)) for plane in source]
        assert np.argmax(likenesses) == z
        assert likenesses[z] > 0.9
    assert "µm" in shown.text
    assert "membrane" in shown.text


def test_holes_have_the_colour_of_no_data(gallery: Live, tmp_path: Path) -> None:
    shown = show(f"{gallery.url}/view/holes#rulers=off", tmp_path / "page.png")
    assert is_flawless(shown)
    pixels = framed(shown.pixels, images.holes().shape)
    rows, columns = pixels.shape[:2]
    hole = pixels[rows // 3 + 2 : rows * 2 // 3 - 2, columns // 3 + 2 : columns * 2 // 3 - 2]
    assert (hole == pictures.NO_DATA).all()
    assert pixels[-20, -20].min() > 240
    assert pixels[-20, 200].max() < 80


@pytest.mark.parametrize("name", ["eiger", "eiger16", "pilatus"])
def test_gaps_of_a_detector_are_no_data_and_counts_are_not(gallery: Live, tmp_path: Path, name: str) -> None:
    shown = show(f"{gallery.url}/view/{name}#rulers=off", tmp_path / "page.png")
    assert is_flawless(shown)
    frame = framed(shown.pixels, (400, 520))
    zoom = EDGE / 400
    row, column = (round((gap.start + gap.stop) / 2 * zoom) for gap in detectors.GAP)
    assert (frame[row - 4 : row + 4, 50:800] == pictures.NO_DATA).all()
    assert (frame[300:, column - 2 : column + 2] == pictures.NO_DATA).all()
    centre = frame[round(150 * zoom) : round(190 * zoom), round(220 * zoom) : round(295 * zoom)]
    assert centre.mean() > 3 * frame[-60:-10, -60:-10].mean() > 0


def looks_like_land(shown: Shown, *, is_negative: bool = False) -> bool:
    """Whether a page shows land from black to white in a sea of the colour of no data, beside the panel."""
    frame = framed(shown.pixels, (400, 520))[:, : round(EDGE * 440 / 400)]
    sign = -1 if is_negative else 1
    expected = detectors.drawn(sign * detectors.heights(), ~detectors.sea())
    expected[detectors.sea()] = np.mean(pictures.NO_DATA) / 255
    return bool((frame[2:20, 2:20] == pictures.NO_DATA).all()) and likeness(frame, expected[:, :440]) > 0.98


@pytest.mark.parametrize("name", ["map", "map16", "packed"])
def test_a_map_shows_land_and_a_sea_of_no_data(gallery: Live, tmp_path: Path, name: str) -> None:
    shown = show(f"{gallery.url}/view/{name}#rulers=off", tmp_path / "page.png")
    assert is_flawless(shown)
    assert looks_like_land(shown, is_negative=name == "packed")


def test_contrast_found_by_the_viewer_passes_over_the_sea(gallery: Live, tmp_path: Path) -> None:
    shown = show(f"{gallery.url}/view/map16#rulers=off", tmp_path / "page.png", actions=[("click", "Auto contrast")])
    assert is_flawless(shown)
    assert looks_like_land(shown)


def test_labels_are_told_apart_by_colour(gallery: Live, tmp_path: Path) -> None:
    shown = show(f"{gallery.url}/view/labels", tmp_path / "page.png")
    assert is_flawless(shown)
    square = EDGE / 9
    centres = (np.arange(9) * square + square / 2).astype(int)
    colours = cut(shown.pixels, EDGE, EDGE)[np.ix_(centres, centres)].reshape(81, 3)
    assert colours[0].max() == 0
    assert len(np.unique(colours, axis=0)) == 81


def test_a_key_in_the_address_goes_along(locked: Live, tmp_path: Path) -> None:
    shown = show(f"{locked.url}/view/photograph{KEY_QUERY}", tmp_path / "page.png")
    assert is_flawless(shown)
    assert likeness(cut(shown.pixels, EDGE, EDGE), images.PHOTOGRAPH.astype(np.float32)) > 0.9


def test_a_key_in_the_path_goes_along(locked: Live, tmp_path: Path) -> None:
    prefix = f"{locked.url}{KEY_PATH}"
    shown = show(f"{prefix}/view/photograph", tmp_path / "page.png")
    assert is_flawless(shown)
    assert likeness(cut(shown.pixels, EDGE, EDGE), images.PHOTOGRAPH.astype(np.float32)) > 0.9
    assert all(request.url.startswith(prefix) for request in shown.loads[0])


@pytest.mark.parametrize("page", [f"/{KEY_QUERY}", f"{KEY_PATH}/", KEY_PATH], ids=["query", "path", "path without its slash"])
def test_a_button_copies_the_address_for_a_viewer(locked: Live, elsewhere: Host, tmp_path: Path, page: str) -> None:
    """The address on another site holds the key, so the page copies it in place of a link.

    vizarr opens what is copied.
    """
    shown = show(f"{locked.url}{page}", tmp_path / "page.png", actions=[("copy", "Copy the vizarr address: it holds your key")])
    assert is_flawless(shown)
    assert {urlsplit(request.url).netloc for request in shown.loads[0]} == {urlsplit(locked.url).netloc}
    source = unquote(shown.text.rpartition("https://hms-dbmi.github.io/vizarr/?source=")[2].strip())
    assert re.fullmatch(f"{re.escape(locked.url + KEY_PATH)}/@[0-9a-f]+/ome-zarr/0.4/[a-z]+", source)
    assert show(elsewhere.vizarr(source), tmp_path / "vizarr.png").console == []


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_on_another_origin(locked: Live, elsewhere: Host, tmp_path: Path, version: str) -> None:
    """The key goes into a header, so that the browser asks first whether it may."""
    shown = show(elsewhere.viewer(f"{locked.url}/ome-zarr/{version}/photograph") + KEY_QUERY, tmp_path / "page.png")
    assert shown.missing() <= {f"{locked.url}/ome-zarr/0.4/photograph/zarr.json"}
    assert shown.console == []
    assert likeness(cut(shown.pixels, EDGE, EDGE), images.PHOTOGRAPH.astype(np.float32)) > 0.9
    asked = shown.asked(locked.url)
    assert {request.status for request in asked if request.method == "OPTIONS"} == {204}
    assert all(KEY_QUERY not in request.url for request in asked)
