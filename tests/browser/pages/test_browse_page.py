"""The browse page in a browser: accessible, by keyboard, without script, and right."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
import pytest

from browser import nodes
from browser.conftest import KEY, TESTS
from browser.driving import show
from browser.judging import Judged, judged
from live import Live, live

QUERY, PREFIX = f"?api_key={quote(KEY, safe='')}", f"/k/{quote(KEY)}"
PAGES = {
    "home": "/",
    "group": "/view/many?filter=*00",
    "empty": "/view/empty",
    "table": "/view/scans",
    "line": "/view/signal",
    "records": "/view/peaks",
    "scalar": "/view/energy",
    "broken": "/view/broken",
    "absent": "/view/none",
}
LOOKS = [("light", 1100), ("dark", 1100), ("light", 390)]


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    """The tree of all kinds behind a key."""
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    env = {"TILED_ZARR_TREE": "browser.nodes:tree", "TILED_ZARR_API_KEY": KEY, "PYTHONPATH": path}
    with live(env=env) as running:
        yield running


def is_flawless(page: Judged, server: Live) -> bool:
    """No violation of axe's rules, no error, nothing asked of others, nothing to scroll aside."""
    assert page.violations == []
    assert page.hosts == {urlsplit(server.url).netloc}
    assert not page.isWide
    assert [line for line in page.console if "status of 4" not in line] == []
    return page.passes > 10 * len(LOOKS)


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(server: Live, tmp_path: Path, name: str) -> None:
    page = judged(f"{server.url}{PREFIX}{PAGES[name]}", tmp_path / "page.png", looks=LOOKS)
    assert is_flawless(page, server)
    assert page.status == (404 if name == "absent" else 200)


@pytest.mark.parametrize("query", ["", "?api_key=wrong"])
def test_axe_finds_nothing_where_a_key_is_needed(server: Live, tmp_path: Path, query: str) -> None:
    page = judged(f"{server.url}/{query}", tmp_path / "page.png", looks=LOOKS)
    assert is_flawless(page, server)
    assert page.status == 401


@pytest.mark.parametrize("script", [True, False])
def test_the_key_field_opens_the_page(server: Live, tmp_path: Path, script: bool) -> None:
    page = judged(f"{server.url}/view/many?filter=12", tmp_path / "page.png", script=script, fill={"Key": KEY}, click="Open")
    assert page.status == 200
    assert page.url == f"{server.url}/view/many?filter=12&api_key={quote(KEY, safe='').replace('%20', '+')}"
    assert f"{sum('12' in f'scan{number}' for number in range(1200))} of 1,200 children match “12”." in page.text


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("query", [False, True])
def test_the_filter_works(server: Live, tmp_path: Path, query: bool, script: bool) -> None:
    address = f"{server.url}/view/many{QUERY}" if query else f"{server.url}{PREFIX}/view/many"
    page = judged(address, tmp_path / "page.png", script=script, fill={"Filter": "*00"}, click="Show")
    shown = re.findall(r"scan[0-9]+", page.text)
    assert (page.status, shown) == (200, [f"scan{number}" for number in range(100, 1200, 100)])


def test_keys_lead_through_the_page_in_its_order(server: Live, tmp_path: Path) -> None:
    """What has the focus is marked, and pictures, which lead where their names do, are left out."""
    page = judged(f"{server.url}{PREFIX}/view/many", tmp_path / "page.png", keys=["Tab"] * 14)
    names = [focused["name"] for focused in page.focused]
    expected = [
        "tiled-zarr",
        "many",
        "zarr/v2",
        "zarr/v3",
        "Copy address: it holds your key",
        "Attributes and code",
        "Filter",
        "Order",
        "Show",
    ]
    explore = ["Explore"] if "Explore" in names else []
    assert names[: 9 + len(explore)] == [*expected[:2], *explore, *expected[2:]]
    assert names[9 + len(explore) :][:3] == ["Next", "Last", "scan0"]
    assert all(focused["isMarked"] for focused in page.focused)


def test_code_and_addresses_are_copied(server: Live, tmp_path: Path) -> None:
    """By the script on the page, whose hash its policy names."""
    for name, expected in {
        "Copy address": f"{server.url}{PREFIX}/zarr/v3/energy",
        "Copy attributes": '{ "units": "keV" }',
    }.items():
        shown = show(f"{server.url}{PREFIX}/view/energy", tmp_path / "page.png", actions=[("copy", name)])
        assert shown.text.rstrip().endswith(expected)
        assert shown.console == []


def test_values_are_numpys(server: Live, tmp_path: Path) -> None:
    scalar = judged(f"{server.url}{PREFIX}/view/energy", tmp_path / "page.png", script=False)
    assert f"{nodes.ENERGY} keV" in scalar.text
    line = judged(f"{server.url}{PREFIX}/view/signal", tmp_path / "page.png", script=False)
    for number, value in enumerate(nodes.SIGNAL[:10]):
        assert f"{number}\t{np.float64(value)}" in line.text


def test_plots_and_pictures_are_drawn(server: Live, tmp_path: Path) -> None:
    """The picture of the image and the plot of the line have pixels of their own in the list."""
    shown = show(f"{server.url}{PREFIX}/", tmp_path / "page.png")
    blue = (np.abs(shown.pixels.astype(int) - (0x3B, 0x82, 0xC4)).sum(axis=2) < 30).sum()
    assert blue > 100
    assert shown.missing() == set()
    assert shown.console == []
