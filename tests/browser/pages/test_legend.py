"""How the viewer spells limits, and the pictures that it saves with the bar of their colours."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from browser.conftest import environment
from browser.driving import Action, Pixels, Shown
from browser.pages.test_shading import CLOSE, HEADING, look, mapped
from live import Live, live


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    with live(env=environment("") | {"TILED_ZARR_TREE": "browser.shades:tree", "TILED_ZARR_PUBLIC": "1"}) as running:
        yield running


LIMITS = [
    (0, 2**53, "0 9007199254740992", "0 to 9.0072e15"),
    (-(2**53), 2**53 - 1, "-9007199254740992 9007199254740991", "-9.0072e15 to 9.0072e15"),
    (1e-300, 2.5e-300, "1e-300 2.5e-300", "1e-300 to 2.5e-300"),
    (0, 123456789, "0 123456789", "0 to 1.23457e8"),
    (0.1, 16777217.5, "0.1 16777217.5", "0.1 to 1.67772e7"),
]
"""Limits, what their fields have, and what their words are."""


@pytest.mark.parametrize("limits", LIMITS)
def test_limits_are_spelled_readably(server: Live, tmp_path: Path, limits: tuple[float, float, str, str]) -> None:
    """Integers up to 2^53 exactly in the fields; a few digits and a power of ten in words and below the bar."""
    low, high, exact, words = limits
    fields = "[...document.querySelectorAll('.limits input')].map((field) => field.value).join(' ')"
    spoken = "[...document.querySelectorAll('.bounds input')].map((field) => field.getAttribute('aria-valuetext')).join(' to ')"
    texts = "[...document.querySelectorAll('.ticks span')].map((tick) => tick.textContent.replace(' K', '').length).join(' ')"
    read: list[Action] = [("value", text) for text in (fields, spoken, HEADING, texts)]
    said = look(server, tmp_path, "ramp", f"channels=0:ffffff:{low!r}:{high!r}", *read).said
    assert said[:2] == [exact, words]
    assert f"from {words}" in said[2]
    assert max(int(length) for length in said[3].split()) <= 9


WRITTEN = (
    "window.written = []; const { fillText } = CanvasRenderingContext2D.prototype;"
    " CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {"
    " const at = this.getTransform().transformPoint(new DOMPoint(x, y));"
    " window.written.push([text, at.x, at.y, this.measureText(text).width]); fillText.call(this, text, x, y) }"
)
"""Records what the page writes into pictures: the text, its place and its width."""
SAVED: list[Action] = [
    ("value", WRITTEN),
    ("saved", "button[title^='Save a picture']"),
    ("value", "JSON.stringify(window.written)"),
]


def picture(shown: Shown) -> tuple[Pixels, list[tuple[str, float, float, float]]]:
    """The picture that SAVED has saved, and what is written in it."""
    *_, body, written = shown.said
    with Image.open(io.BytesIO(base64.b64decode(body))) as image:
        return np.asarray(image.convert("RGB")), [tuple(each) for each in json.loads(written)]


@pytest.mark.parametrize("name", ["viridis", ""])
def test_a_picture_has_the_bar_of_colours(server: Live, tmp_path: Path, name: str) -> None:
    """Its colours are those of the table, its numbers are round and lie at their values, with the unit after the last."""
    shown = look(server, tmp_path, "ramp", f"channels=0:ffffff:-100:155&look=colormap:{name}", *SAVED)
    pixels, written = picture(shown)
    left, width, row = 1280 - 20 - 220, 220, 720 - 14 - 20 - 6
    shares = (np.arange(width) + 0.5) / width
    assert np.abs(pixels[row, left : left + width].astype(int) - mapped(shares, name)).max() <= CLOSE
    texts = [text for text, *_ in written if text != "2 pixels"]
    assert texts == ["-100", "0", "100 K"]
    for text, x, _, length in written:
        if text in texts:
            share = (float(text.split()[0]) + 100) / 255
            assert abs(x + share * length - (left + share * width)) < 1
            assert pixels[row + 10 : 720, round(x) : round(x + length)].max() == 255
    np.testing.assert_array_equal(pixels[100:600, 300:900], shown.pixels[100:600, 300:900])


@pytest.mark.parametrize(("image", "state"), [("stained", ""), ("photo", ""), ("numbered", "")])
def test_a_picture_of_more_channels_has_no_bar(server: Live, tmp_path: Path, image: str, state: str) -> None:
    pixels, written = picture(look(server, tmp_path, image, state, *SAVED))
    assert len(written) == 1
    assert pixels[660:, 1030:].max() == 0
