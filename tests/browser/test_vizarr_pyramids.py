"""vizarr, a released build of it on an origin of its own, against running servers."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote, urljoin
from urllib.request import urlopen

import numpy as np
import pytest

from browser import gallery as images
from browser import pictures
from browser.conftest import KEY
from browser.driving import Shown, show
from browser.hosts import Host
from browser.pictures import cut, likeness
from live import Live
from ome import detectors

EDGE = pictures.VIZARR_EDGE
PHOTOGRAPH_EDGE = images.PHOTOGRAPH.shape[0]
"""vizarr magnifies nothing at first."""
EXACT_SECONDS = 120
V2 = (".zattrs", ".zarray", ".zgroup", ".zmetadata")
LABELS = ("labels/.zattrs", "labels/.zgroup", "labels/.zarray", "labels/zarr.json")
PROBES = {"v2": (".zgroup",), "v3": V2, "0.4": (".zarray", *LABELS), "0.5": (*V2, *LABELS)}
"""What vizarr looks for in vain, below an image: the other format's documents, and labels."""


def is_flawless(shown: Shown, source: str, version: str) -> bool:
    """Whether nothing went wrong but the search for what need not be there."""
    asked = [request for request in shown.loads[0] if request.url.startswith(source)]
    assert [request for request in asked if not request.is_answered] == []
    assert {request.url for request in asked if request.status == 404} <= {f"{source}/{probe}" for probe in PROBES[version]}
    assert shown.console == []
    return True


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_a_bare_array(demo: Live, elsewhere: Host, tmp_path: Path, version: str) -> None:
    source = f"{demo.url}/zarr/{version}/nested/images/medium_image"
    shown = show(elsewhere.vizarr(source), tmp_path / "page.png")
    assert is_flawless(shown, source, version)
    assert likeness(cut(shown.pixels, EDGE, EDGE), pictures.landscape()) > 0.97


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("name", ["big_image", "gigapixel"])
def test_a_pyramid(demo: Live, elsewhere: Host, tmp_path: Path, name: str, version: str) -> None:
    source = f"{demo.url}/ome-zarr/{version}/nested/images/{name}"
    shown = show(elsewhere.vizarr(source), tmp_path / "page.png")
    assert is_flawless(shown, source, version)
    assert likeness(cut(shown.pixels, EDGE, EDGE), pictures.landscape()) > 0.93
    asked = shown.asked(demo.url)
    assert len(asked) <= 30
    assert sum(request.bytes for request in asked) <= 8e6


@pytest.mark.parametrize(("version", "attributes"), [("0.4", ".zattrs"), ("0.5", "zarr.json")])
def test_the_second_look_at_a_large_image_asks_for_little(
    demo: Live, elsewhere: Host, tmp_path: Path, version: str, attributes: str
) -> None:
    """As soon as no level is made of samples, and under the address that names the revision."""
    source = exact(demo, version, attributes)
    with urlopen(f"{source}/{attributes}") as answer:
        frozen = urljoin(answer.url, answer.headers["content-location"]).removesuffix(f"/{attributes}")
    assert "/@" in frozen
    shown = show(elsewhere.vizarr(frozen), tmp_path / "page.png", loads=2)
    assert is_flawless(shown, frozen, version)
    assert len(shown.asked(demo.url, load=1)) <= 5


@pytest.mark.parametrize(("version", "attributes"), [("0.4", ".zattrs"), ("0.5", "zarr.json")])
def test_the_second_look_at_the_plain_path_gets_no_body(demo: Live, elsewhere: Host, tmp_path: Path, version: str, attributes: str) -> None:
    source = exact(demo, version, attributes)
    before = statuses(demo)
    shown = show(elsewhere.vizarr(source), tmp_path / "page.png", loads=2)
    after = statuses(demo)
    assert is_flawless(shown, source, version)
    whole, unmodified = (after[status] - before[status] for status in ("200", "304"))
    assert unmodified > 5
    assert whole - ONE_LOOK == unmodified, "the first load gets every body, the second none"


def exact(server: Live, version: str, attributes: str) -> str:
    """The address of a large image none of whose levels is made of samples any more."""
    source = f"{server.url}/ome-zarr/{version}/nested/images/big_image"
    urlopen(f"{server.url}/thumbnail/nested/images/big_image.png").close()
    until_exact(f"{source}/{attributes}")
    return source


ONE_LOOK = 1
"""Requests that a look at the numbers of requests adds to them."""


def statuses(server: Live) -> Counter[str]:
    """How many GETs a server has answered with each status."""
    with urlopen(f"{server.url}/metrics") as answer:
        lines = re.findall(r'tiled_zarr_requests_total\{method="GET",status="(\d+)"\} (\d+)', answer.read().decode())
    return Counter({status: int(number) for status, number in lines})


def until_exact(address: str) -> None:
    """Wait until the attributes of an image at an address name no sampled level."""
    end = time.monotonic() + EXACT_SECONDS
    while time.monotonic() < end:
        with urlopen(address) as answer:
            if b'"sampled":[]' in answer.read().replace(b" ", b""):
                return
        time.sleep(0.2)
    raise AssertionError(f"{address} still names sampled levels")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_photograph(gallery: Live, elsewhere: Host, tmp_path: Path, version: str) -> None:
    source = f"{gallery.url}/ome-zarr/{version}/photograph"
    shown = show(elsewhere.vizarr(source), tmp_path / "page.png")
    assert is_flawless(shown, source, version)
    pixels = cut(shown.pixels, PHOTOGRAPH_EDGE, PHOTOGRAPH_EDGE)
    for band in range(3):
        assert likeness(pixels[..., band], images.PHOTOGRAPH[..., band].astype(np.float32)) > 0.97


def test_a_stack_of_channels(gallery: Live, elsewhere: Host, tmp_path: Path) -> None:
    source = f"{gallery.url}/ome-zarr/0.4/stack"
    shown = show(elsewhere.vizarr(source), tmp_path / "page.png")
    assert is_flawless(shown, source, "0.4")
    likenesses = [likeness(cut(shown.pixels, EDGE, EDGE), plane.sum(axis=0)) for plane in images.stack().astype(np.float32)]
    assert np.argmax(likenesses) == images.DEPTH // 2
    assert "membrane" in shown.text


def test_holes(gallery: Live, elsewhere: Host, tmp_path: Path) -> None:
    source = f"{gallery.url}/ome-zarr/0.4/holes"
    shown = show(elsewhere.vizarr(source), tmp_path / "page.png")
    assert is_flawless(shown, source, "0.4")
    assert likeness(cut(shown.pixels, EDGE, EDGE * 1500 / 1200), np.nan_to_num(images.holes())) > 0.95


def test_gaps_and_seas_are_dark(gallery: Live, elsewhere: Host, tmp_path: Path) -> None:
    """Integers and floats: what is no data is as dark as the page."""
    for name, expected in detectors.DRAWN.items():
        source = f"{gallery.url}/ome-zarr/0.4/{name}"
        shown = show(elsewhere.vizarr(source), tmp_path / f"{name}.png")
        assert is_flawless(shown, source, "0.4")
        assert likeness(cut(shown.pixels, EDGE, EDGE * 520 / 400), expected()) > 0.95, name


def test_labels(gallery: Live, elsewhere: Host, tmp_path: Path) -> None:
    source = f"{gallery.url}/ome-zarr/0.4/labels"
    shown = show(elsewhere.vizarr(source), tmp_path / "page.png")
    assert is_flawless(shown, source, "0.4")
    assert likeness(cut(shown.pixels, EDGE, EDGE), images.labels().astype(np.float32)) > 0.95


def test_a_key_in_the_address(locked: Live, elsewhere: Host, tmp_path: Path) -> None:
    """vizarr puts the query of its source on every request."""
    query = f"?api_key={quote(KEY, safe='')}"
    source = f"{locked.url}/ome-zarr/0.4/photograph"
    shown = show(elsewhere.vizarr(source + query), tmp_path / "page.png")
    assert shown.console == []
    assert {request.status for request in shown.asked(locked.url)} <= {200, 404}
    assert all(request.url.endswith(query) for request in shown.asked(locked.url))
    assert likeness(cut(shown.pixels, PHOTOGRAPH_EDGE, PHOTOGRAPH_EDGE), images.PHOTOGRAPH.astype(np.float32)) > 0.9


def test_a_key_in_the_path(locked: Live, elsewhere: Host, tmp_path: Path) -> None:
    """The second load too: of a query vizarr would keep its first field alone."""
    source = f"{locked.url}/k/{quote(KEY, safe='')}/ome-zarr/0.5/photograph"
    shown = show(elsewhere.vizarr(source), tmp_path / "page.png", loads=2)
    assert is_flawless(shown, source, "0.5")
    assert {request.status for request in shown.asked(locked.url)} <= {200, 404}
    assert all(request.url.startswith(source) for request in shown.asked(locked.url))
    assert likeness(cut(shown.pixels, PHOTOGRAPH_EDGE, PHOTOGRAPH_EDGE), images.PHOTOGRAPH.astype(np.float32)) > 0.9
