"""What the viewer shows stands in the fragment of its address: a link shows the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import numpy as np
import pytest

from browser import kinds
from browser.conftest import TESTS
from browser.driving import Shown, press, show
from live import Live, live

KEY = "a+key&for=tests"


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    with live(env={"TILED_ZARR_TREE": "browser.kinds:tree", "TILED_ZARR_API_KEY": KEY, "PYTHONPATH": path}, access_log=True) as running:
        yield running


def page(server: Live, name: str, fragment: str = "") -> str:
    return f"{server.url}/view/{name}?api_key={quote(KEY, safe='')}{fragment}"


def look(server: Live, tmp_path: Path, fragment: str, *actions: tuple[object, ...]) -> Shown:
    return show(page(server, "stack", fragment), tmp_path / "page.png", actions=[*actions, ("address",)])


CHANGED = [
    *press("+", "+", "ArrowRight", "ArrowDown", "]"),
    ("hit", ".channel input[type=checkbox]"),
    ("value", "new Promise((done) => setTimeout(done, 50))"),
]


def test_a_link_and_a_reload_show_the_same(server: Live, tmp_path: Path) -> None:
    """The same pixels, and the key stays where it was."""
    first = look(server, tmp_path, "", *CHANGED)
    address = first.said[-1]
    parts = urlsplit(address)
    assert parts.query == f"api_key={quote(KEY, safe='')}"
    assert "z=3" in parts.fragment
    assert "at=" in parts.fragment
    again = show(address, tmp_path / "again.png", actions=[("address",)])
    assert again.said == [address]
    assert (again.pixels == first.pixels).mean() > 0.999
    reloaded = show(address, tmp_path / "reloaded.png", actions=[("reload",), ("address",)])
    assert reloaded.said == [address]
    assert (reloaded.pixels == first.pixels).mean() > 0.999


def test_an_untouched_page_has_no_fragment(server: Live, tmp_path: Path) -> None:
    shown = look(server, tmp_path, "", *press("+", "-", "0"), ("pause", 500), *press("0"))  # twice: nothing is drawn anew
    assert urlsplit(shown.said[-1]).fragment == ""


def test_the_state_never_reaches_the_server(server: Live, tmp_path: Path) -> None:
    shown = look(server, tmp_path, "#z=1&line=3,4,50,60")
    assert not [request.url for requests in shown.loads for request in requests if "line" in request.url]
    assert "line" not in server.printed()


def test_no_channel_at_all_is_kept(server: Live, tmp_path: Path) -> None:
    shown_ones = "document.querySelectorAll('.channel input:checked').length"
    off = [("hit", ".channel input:checked")] * 3
    shown = look(
        server,
        tmp_path,
        "",
        ("value", shown_ones),
        *off,
        ("address",),
        ("reload",),
        ("until", "document.getElementById('viewer').dataset.state === 'ready'"),
        ("value", shown_ones),
    )
    assert (shown.said[0], shown.said[2]) == ("3", "0")


def test_back_leaves_the_page(server: Live, tmp_path: Path) -> None:
    """Moves of the image make no entries in the history of the browser."""
    shown = look(server, tmp_path, "", ("value", "history.length"), *CHANGED, ("pause", 500), ("value", "history.length"))
    assert shown.said[0] == shown.said[-2]


@pytest.mark.parametrize(
    "fragment",
    [
        "#z=99&at=a,b,c&channels=7:zz:1:2;-1&look=scale:odd;gamma:-3;noData:red&line=1,2,3",
        "#at=1e999,0,0&z=1.5&channels=0:ff00ff:5:5&line=0,0,99999,1",
        "#%E0%A4%A&look=labels:%25E0%25A4%25A&unknown=1&z=&channels=",
    ],
)
def test_what_has_no_meaning_is_ignored(server: Live, tmp_path: Path, fragment: str) -> None:
    plain = look(server, tmp_path, "")
    shown = look(server, tmp_path, fragment)
    assert shown.console == []
    if "channels=0" not in fragment:
        assert (shown.pixels == plain.pixels).mean() > 0.999


@pytest.mark.parametrize("at", ["1e300,-1e300,3", "10,10,1e9", "10,10,-1e9"])
def test_a_place_beyond_the_image_is_the_nearest_on_it(server: Live, tmp_path: Path, at: str) -> None:
    shown = look(server, tmp_path, f"#at={at}", ("value", "document.getElementById('viewer').dataset.state"))
    assert (shown.console, shown.said[0]) == ([], "ready")
    said = parse_qs(urlsplit(shown.said[-1]).fragment)["at"][0]
    height, width = kinds.SHAPE
    x, y, zoom = map(float, said.split(","))
    assert 0 <= x <= width
    assert 0 <= y <= height
    assert -8 < zoom < 8


def test_another_fragment_is_shown_at_once(server: Live, tmp_path: Path) -> None:
    """As when a link of the same page is pasted or followed."""
    shown = look(server, tmp_path, "", ("value", "location.hash = '#z=0&channels=1:ff0000:0:60000'"), ("pause", 300))
    assert shown.console == []
    other = look(server, tmp_path, "#z=0&channels=1:ff0000:0:60000")
    assert (shown.pixels == other.pixels).mean() > 0.999
    red, green, blue = np.moveaxis(shown.pixels[100:300, 300:600], -1, 0)
    assert red.mean() > 10 * max(green.mean(), blue.mean(), 0.1)


def test_the_button_says_that_the_link_holds_a_key(server: Live, tmp_path: Path) -> None:
    shown = look(server, tmp_path, "", *press("]"), ("copy", "Copy link: it holds your key"))
    copied, address = shown.said
    assert copied == address
    assert "z=3" in copied
