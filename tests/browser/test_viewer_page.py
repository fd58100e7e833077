"""The viewer's controls: axe, the keys, a phone, playing, rulers, and pictures of the view."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from browser import kinds
from browser.conftest import TESTS
from browser.driving import press, show
from browser.pictures import fitted
from live import Live

ROOT = TESTS.parent
PHONE = (390, 844)
IS_READY = ("until", "document.getElementById('viewer').dataset.state === 'ready'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing(server: Live, tmp_path: Path, size: tuple[int, int], scheme: str) -> None:
    """With a line, its plot, values under the cursor, and the panel unfolded; then with the keys."""
    assert (ROOT / "node_modules" / "axe-core").is_dir(), "axe-core is missing: run `npm ci`"
    actions = [
        ("value", "document.getElementById('panel').open = true"),
        *press("c"),
        ("until", "document.querySelector('#readout[data-state=read]') && document.querySelector('#profile[data-state=read]')"),
        ("axe",),
        *press("?"),
        ("axe",),
    ]
    shown = show(f"{server.url}/view/stack#line=5,5,100,70", tmp_path / "page.png", actions=actions, size=size, scheme=scheme)
    assert shown.console == []
    assert shown.said[1:] == []


def test_the_panel_is_folded_on_a_phone(server: Live, tmp_path: Path) -> None:
    """Nothing is wider than the screen, and long names of channels are whole when it is unfolded."""
    actions = [
        ("value", "document.getElementById('panel').open"),
        ("hit", "#panel summary"),
        ("value", "Math.max(...[...document.querySelectorAll('#panel *')].map((each) => each.getBoundingClientRect().right))"),
        ("value", "[...document.querySelectorAll('#panel label')].every((each) => each.scrollWidth <= each.clientWidth + 1)"),
    ]
    shown = show(f"{server.url}/view/stack", tmp_path / "page.png", actions=actions, size=PHONE)
    assert shown.said[0] == "false"
    assert float(shown.said[1]) <= PHONE[0]
    assert shown.said[2] == "true"


def test_all_keys_are_listed(server: Live, tmp_path: Path) -> None:
    shown = show(f"{server.url}/view/stack", tmp_path / "page.png", actions=[*press("?"), ("read", "#keys dl"), *press("Escape", "?")])
    listed = {line.split("\t")[0].strip() for line in shown.said[0].split("\n")}
    assert {"0", "a", "[", "]", "c", "l", "r", "f", "s", "k", "p", "?"} <= listed


def test_every_control_has_a_name_and_takes_the_focus(server: Live, tmp_path: Path) -> None:
    """Tab goes through all controls, and each says what it is; an outline is visible."""
    step = (
        "(() => { const at = document.activeElement; const style = getComputedStyle(at);"
        " const name = at.ariaLabel || at.title || at.textContent || at.labels?.[0]?.textContent;"
        " return [at.id || at.tagName, name, style.outlineStyle].join('|') })()"
    )
    actions = [action for _ in range(45) for action in (*press("Tab"), ("value", step))]
    shown = show(f"{server.url}/view/stack", tmp_path / "page.png", actions=actions)
    stops = [said.split("|") for said in shown.said]
    reached = {name for stop, name, _ in stops}
    assert {
        "Play z",
        "Cursor on the image: arrow keys move it",
        "Planes a second",
        "Colour of channel 0",
        "Draw a line, and plot the values along it (L)",
        "List the keys (?)",
    } <= reached
    assert all(name and name != "undefined" for stop, name, _ in stops if stop != "BODY")
    assert all(outline != "none" for stop, _, outline in stops if stop not in {"BODY", "canvas"})


def test_play_shows_one_plane_after_the_other(server: Live, tmp_path: Path) -> None:
    """All planes are seen, from the first again after the last; hiding the page stops it."""
    watch = (
        "window.seen = []; new MutationObserver(() => window.seen.push(document.querySelector('.axis output').value))"
        ".observe(document.querySelector('.axis output'), { childList: true, characterData: true, subtree: true })"
    )
    hide = "Object.defineProperty(document, 'hidden', { value: true }); document.dispatchEvent(new Event('visibilitychange'))"
    actions = [
        ("value", watch),
        ("choose", ".playing select", "25"),
        *press("p"),
        ("until", "new Set(window.seen).size === 4"),
        ("value", hide),
        ("value", "document.querySelector('.axis button').title"),
        ("value", "window.seen.map((text) => text[0]).join('')"),
    ]
    shown = show(f"{server.url}/view/stack", tmp_path / "page.png", actions=actions)
    assert shown.console == []
    assert shown.said[-2] == "Play z"
    order = re.sub(r"(.)\1+", r"\1", shown.said[-1])
    assert order in "3012" * 10


def test_play_stops_at_the_end_without_a_loop(server: Live, tmp_path: Path) -> None:
    actions = [
        ("choose", ".playing select", "25"),
        ("hit", ".playing input"),
        ("hit", ".axis button"),
        ("until", "document.querySelector('.axis output').value === '3 / 3' && document.querySelector('.axis button').title === 'Play z'"),
    ]
    assert show(f"{server.url}/view/stack", tmp_path / "page.png", actions=actions).console == []


def test_planes_are_read_before_they_are_shown(server: Live, tmp_path: Path) -> None:
    actions = [
        ("choose", ".playing select", "1"),
        *press("p"),
        ("until", "document.querySelector('.axis output').value[0] === '3'"),
        *press("p"),
    ]
    shown = show(f"{server.url}/view/stack", tmp_path / "page.png", actions=actions)
    planes = {found[1] for request in shown.loads[0] if (found := re.search(r"/stack/0/c/\d/(\d)/", request.url))}
    assert planes >= {"2", "3", "0"}


def test_a_picture_of_the_view(server: Live, tmp_path: Path) -> None:
    shown = show(f"{server.url}/view/u2", tmp_path / "page.png", actions=[("saved", "button[title^='Save a picture']")])
    name, body = shown.said
    assert name == "u2.png"
    with Image.open(io.BytesIO(base64.b64decode(body))) as image:
        picture = np.asarray(image.convert("RGB"))
    assert picture.shape == (720, 1280, 3)
    np.testing.assert_array_equal(picture[100:300, 200:900], shown.pixels[100:300, 200:900])


def test_rulers_follow_the_image(server: Live, tmp_path: Path) -> None:
    """The numbers are coordinates in the axes' unit: `stored` begins at 10 and 20 micrometres.

    Each tick is where its number lies: the page's middle is at the image's middle.
    """
    numbers = "[...document.querySelectorAll('#rulers text')].map((each) => each.textContent).join(' ')"
    ticks = (
        "[...document.querySelectorAll('#rulers path')].flatMap((each) => {"
        " const found = /^M([\\d.]+) [\\d.]+v-6/.exec(each.getAttribute('d')); return found ? [found[1]] : [] }).join(' ')"
    )
    actions = [
        *press("+", "+", "+", "+"),
        IS_READY,
        ("until", f"{numbers}.includes('105')"),
        ("value", numbers),
        ("value", ticks),
        *press("r"),
        ("until", "document.querySelector('#rulers text') === null"),
        ("value", numbers),
    ]
    shown = show(f"{server.url}/view/stored", tmp_path / "page.png", actions=actions)
    words, places, none = shown.said
    assert "x (µm)" in words
    assert "y (µm)" in words
    assert none == ""
    along_x = [float(word) for word in words.split(" x (µm)")[0].split()]
    zoom, (left, _) = fitted((90, 150))
    middle = 640 + 4 * (left + 75 * zoom - 640)
    expected = [middle + (number - 20 + 0.5 - 75) * zoom * 4 for number in along_x]
    np.testing.assert_allclose([float(place) for place in places.split()], expected, atol=0.5)
    assert len(along_x) >= 5


RULERS = (
    "JSON.stringify([...document.querySelectorAll('#rulers text:not(.name)')].map((each) => {"
    " const isDown = each.hasAttribute('text-anchor');"
    " return [isDown ? 'y' : 'x', each.textContent, each.getAttribute(isDown ? 'y' : 'x') - (isDown ? 4 : 3)] }))"
)
"""Each number of the rulers: its axis, its text, and where its tick is on the page."""


def test_rulers_have_the_coordinates_beside_the_image(server: Live, tmp_path: Path) -> None:
    """Each number is where numpy finds it between the coordinates of pixels; the map is flipped."""
    actions = [("until", "document.querySelectorAll('#rulers .name')[0]?.textContent === 'lon (°E)'"), ("value", RULERS)]
    shown = show(f"{server.url}/view/ocean/salt", tmp_path / "page.png", actions=actions)
    zoom, (left, top) = fitted((90, 150))
    marks = json.loads(shown.said[0])
    latitudes = {float(text): place for axis, text, place in marks if axis == "y"}
    longitudes = {float(text): place for axis, text, place in marks if axis == "x"}
    rows = np.interp(list(latitudes), kinds.LATITUDES, np.arange(90))
    columns = np.interp(list(longitudes), kinds.LONGITUDES[::-1], np.arange(149, -1, -1))
    np.testing.assert_allclose(list(latitudes.values()), top + (89 - rows + 0.5) * zoom, atol=0.1)
    inside = (np.array(list(longitudes)) > 0.3) & (
        np.array(list(longitudes)) < 359.1
    )  # numpy knows no coordinate beyond the last pixel's middle
    np.testing.assert_allclose(np.array(list(longitudes.values()))[inside], (left + (columns + 0.5) * zoom)[inside], atol=0.1)
    assert set(latitudes) == {*range(-80, 81, 20)}
    assert {50, 100, 150, 200, 250, 300, 350} <= set(longitudes)


def test_the_scale_bar_counts_pixels_without_a_unit(server: Live, tmp_path: Path) -> None:
    shown = show(
        f"{server.url}/view/u2",
        tmp_path / "page.png",
        actions=[("read", "#scalebar"), ("value", "document.getElementById('scalebar').offsetWidth")],
    )
    assert shown.said[0] == "20 pixels"
    assert abs(float(shown.said[1]) - 20 * fitted((90, 150))[0]) < 1.5
