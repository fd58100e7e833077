"""The viewer follows a stack that grows: its slider, its pixels, its contrast and its camera."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile

from browser.calling import listening
from browser.driving import Action, Shown, show
from live import Live, live

EDGE = 256
READY = ("until", "document.getElementById('viewer').dataset.state === 'ready'")
FOLLOW = ("set", "Follow", True)
LIVE = ("until", "document.getElementById('follow').dataset.state === 'live'")


def frame(number: int) -> np.ndarray[Any, Any]:
    """A grey square of its own in each frame, between black and white, which fix the contrast."""
    data = np.zeros((EDGE, EDGE), "u1")
    data[:, EDGE // 4 :] = 30 + 40 * number
    data[:, 3 * EDGE // 4 :] = 255
    return data


class Stack:
    """A folder with a stack of frames."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.frames = 0
        for _ in range(2):
            self.grow()

    def grow(self) -> None:
        tifffile.imwrite(self.folder / f"scan_{self.frames:03}.tif", frame(self.frames))
        self.frames += 1

    def rewrite(self) -> None:
        """Replace the last frame by an inverted one."""
        tifffile.imwrite(self.folder / f"scan_{self.frames - 1:03}.tif", 255 - frame(self.frames - 1))

    def measure(self, scale: float, unit: str) -> None:
        """Replace a file with an image of sevens by one with another scale and unit."""
        with h5py.File(self.folder.parent / "new", "w") as file:
            image = file.create_dataset("image", data=np.full((EDGE, EDGE), 7, "i2"))
            image.attrs.update({"scale_factor": scale, "units": unit})
        (self.folder.parent / "new").replace(self.folder / "measured.h5")

    def vanish(self) -> None:
        for file in self.folder.iterdir():
            file.unlink()


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    (tmp_path / "data").mkdir()
    return Stack(tmp_path / "data")


@pytest.fixture
def server(stack: Stack) -> Iterator[Live]:
    with live("directory", stack.folder, env={"TILED_ZARR_API_KEY": "secret"}) as running:
        yield running


def at(frame: int, of: int) -> Action:
    return ("until", f"[...document.querySelectorAll('.axis output')].some((one) => one.value === '{frame} / {of - 1}')")


def middle(shown: Shown) -> list[int]:
    """The colour in the middle of the image."""
    return [int(value) for value in shown.pixels[360, 640]]


@pytest.mark.parametrize("address", ["/k/secret/view/scan_", "/view/scan_?api_key=secret"])
def test_a_stack_that_grows_is_followed(server: Live, stack: Stack, tmp_path: Path, address: str) -> None:
    shot, page = tmp_path / "page.png", f"{server.url}{address}"
    limits = ("value", "[...document.querySelectorAll('.limits input')].map((one) => one.value)")
    place = ("value", "new URLSearchParams(location.hash.slice(1)).get('at')")
    with listening(stack.grow) as grow:
        more = [("call", grow), at(2, 3), READY, ("call", grow), at(3, 4), READY]
        before: list[Action] = [("press", "+"), ("press", "+"), READY, ("address",), limits, place]
        shown = show(page, shot, actions=[*before, FOLLOW, LIVE, *more, ("address",), limits, place])
    assert shown.console == []
    first, limits_before, place_before, now, limits_after, place_after = shown.said
    assert (limits_after, place_after) == (limits_before, place_before) != ("", "null")
    assert "follow=on" in now
    assert "follow" not in first
    low, high = map(float, limits_before.split(","))
    expected = (float(frame(3)[EDGE // 2, EDGE // 2]) - low) / (high - low) * 255
    assert middle(shown) == pytest.approx([expected] * 3, abs=2)
    assert "live" in shown.text


def test_a_link_that_follows_shows_what_is_new(server: Live, stack: Stack, tmp_path: Path) -> None:
    """The frame that is shown is rewritten: no axis grows, and the place stays."""
    page = f"{server.url}/k/secret/view/scan_#follow=on&z=1&t=1"
    with listening(stack.rewrite) as rewrite:
        seen = "document.getElementById('follow').textContent.includes('live')"
        shown = show(page, tmp_path / "page.png", actions=[LIVE, ("until", seen), ("call", rewrite), ("pause", 4000), READY])
    assert shown.console == []
    assert middle(shown) == pytest.approx([255 - 70] * 3, abs=3)


def test_what_the_numbers_mean_is_followed(server: Live, stack: Stack, tmp_path: Path) -> None:
    """Another scale and unit of the same numbers: those under the pointer are what h5py and the attributes say."""
    stack.measure(0.5, "K")
    with listening(lambda: stack.measure(4.0, "mK")) as measure:
        middle = ("trace", [(640, 360)])
        actions = [FOLLOW, LIVE, middle, ("call", measure), ("pause", 4000), READY, ("trace", [(640, 361)])]
        shown = show(f"{server.url}/k/secret/view/measured/image", tmp_path / "page.png", actions=actions)
    before, after = (text.split(" ", 4)[4] for text in shown.said)
    assert (before, after) == ("3.5 K (stored 7)", "28 mK (stored 7)")
    assert shown.console == []


@pytest.mark.parametrize(("state", "words"), [("gone", "the image has gone"), ("away", "the server does not answer")])
def test_what_is_over_is_said(server: Live, stack: Stack, tmp_path: Path, state: str, words: str) -> None:
    ends: dict[str, Callable[[], None]] = {"gone": stack.vanish, "away": server.process.terminate}
    with listening(ends[state]) as end:
        over = ("until", f"document.getElementById('follow').dataset.state === '{state}'")
        shown = show(f"{server.url}/k/secret/view/scan_", tmp_path / "page.png", actions=[FOLLOW, LIVE, ("call", end), over])
    assert words in shown.text
