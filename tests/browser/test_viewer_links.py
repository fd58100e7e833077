"""Shared links: a state that is opened in another profile of the browser has the same pixels and says the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
import pytest

from browser.conftest import KEY, environment
from browser.driving import Action, Pixels, Shown, press, show
from live import Live, live

READY: Action = (
    "until",
    "document.getElementById('viewer').dataset.state === 'ready' && document.querySelector('.histogram:not([hidden])') !== null",
)
"""Wait until the image is drawn and its values, which are read after that, are counted."""
SAYS = (
    "JSON.stringify({"
    " controls: [...document.querySelectorAll('#panel input, #panel select')]"
    ".map((each) => [each.ariaLabel, each.type === 'checkbox' ? each.checked : each.value]),"
    " outputs: [...document.querySelectorAll('#panel output, .ticks span, #profile figcaption, #scalebar')]"
    ".map((each) => each.textContent),"
    " rulers: [...document.querySelectorAll('#rulers text')]"
    ".map((each) => [each.textContent, each.getAttribute('x'), each.getAttribute('y')]) })"
)
"""All that the page says of its state: its controls, its texts, and the numbers of its rulers."""
STATES: dict[str, tuple[str, str]] = {
    "zoom": ("stack", "at=60.5,40.25,3.2"),
    "plane of a stack": ("stack", "z=0"),
    "channels": ("stack", "z=1&channels=0:ff0000:100:40000;2:00ff00:0:65535"),
    "another plane": ("stack", "plane=zx&y=30"),
    "line": ("i8", "line=5,7,120,80"),
    "long line and no rulers": ("u2", "at=75,45,2&line=140,3,2,3&rulers=off"),
    "colour map": ("f2", "channels=0:ffffff:-1:1&look=scale:symlog;colormap:coolwarm;isReversed:true"),
    "colours beyond the limits": ("u4", "channels=0:ffffff:1000:3000000000&look=under:0000ff;over:ff0000"),
    "flipped map with coordinates": ("ocean/salt", "at=30,40,4&z=3"),
    "follow": ("packed", "look=scale:gamma;gamma:2.2;noData:00ff00&follow=on"),
}


@pytest.fixture(scope="module")
def locked_kinds() -> Iterator[Live]:
    path = environment("")["PYTHONPATH"]
    with live(env={"TILED_ZARR_TREE": "browser.kinds:tree", "TILED_ZARR_API_KEY": KEY, "PYTHONPATH": path}) as running:
        yield running


def opened(address: str, folder: Path, *actions: Action) -> Shown:
    """The page, what it says, and its address."""
    is_plotted = "line=" in urlsplit(address).fragment
    plotted: list[Action] = [("until", "document.querySelector('#profile[data-state=read]') !== null")] if is_plotted else []
    placed: list[Action] = (
        [("until", "document.querySelector('#rulers .name')?.textContent.startsWith('lon')")] if "salt" in address else []
    )
    shown = show(address, folder / "page.png", actions=[*actions, *plotted, *placed, READY, ("address",), ("value", SAYS)])
    assert shown.console == []
    return shown


def are_equal(pixels: Pixels, others: Pixels) -> bool:
    """Whether the pages look the same. Chromium smooths a line's edge by up to 2 of 255 otherwise from time to time."""
    return bool(np.abs(pixels.astype(int) - others).max() <= 2)


@pytest.mark.parametrize("is_in_path", [False, True], ids=["query", "path"])
@pytest.mark.parametrize("name", STATES)
def test_a_link_in_another_profile(locked_kinds: Live, tmp_path: Path, name: str, is_in_path: bool) -> None:
    image, fragment = STATES[name]
    secret = quote(KEY, safe="")
    page = f"{locked_kinds.url}/k/{secret}/view/{image}" if is_in_path else f"{locked_kinds.url}/view/{image}?api_key={secret}"
    folders = [tmp_path / "first", tmp_path / "again"]
    for folder in folders:
        folder.mkdir()
    first = opened(f"{page}#{fragment}", folders[0])
    address, says = first.said
    assert address.split("#")[0] == page
    said = dict(part.split("=") for part in urlsplit(address).fragment.split("&"))
    wanted = dict(part.split("=") for part in fragment.split("&"))
    assert {part: said[part] for part in wanted} == wanted
    again = opened(address, folders[1])
    assert again.said == [address, says]
    assert are_equal(again.pixels, first.pixels)


def test_playing_and_the_full_screen_leave_the_address(locked_kinds: Live, tmp_path: Path) -> None:
    """Once they have ended at the plane at which they began, a link has the same state as before."""
    page = f"{locked_kinds.url}/view/stack?api_key={quote(KEY, safe='')}#at=60.5,40.25,3.2&z=1&rulers=off"
    first = opened(page, tmp_path)
    turn = "document.querySelector('.axis output').value === '{} / 3'".format
    played: list[Action] = [
        ("choose", ".playing select", "10"),
        *press("p"),
        ("until", turn(2)),
        ("until", turn(0)),
        ("until", turn(1)),
        *press("p"),
    ]
    back = [("until", "document.querySelector('.axis button').title === 'Play z'"), *press("[", "[", "["), *press("]"), ("until", turn(1))]
    screen: list[Action] = [
        *press("f"),
        ("until", "document.fullscreenElement !== null"),
        READY,
        *press("f"),
        ("until", "document.fullscreenElement === null"),
    ]
    after = opened(page, tmp_path, *played, *back, *screen, ("pause", 300))
    assert after.said[0] == first.said[0]
    assert (after.pixels == first.pixels).mean() > 0.999
    assert are_equal(opened(after.said[0], tmp_path).pixels, first.pixels)
