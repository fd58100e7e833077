"""The whole image on the page: beside the panel, on phones, and when the page changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from browser import kinds
from browser.driving import Action, Pixels, show
from browser.pictures import FREE, MARGIN, PAGE, fitted
from live import Live

FOLD: Action = ("hit", "#panel summary")
MIDDLE = slice(340, 380)
"""Rows of the page that the image has on every desk."""
READY: Action = ("until", "document.getElementById('viewer').dataset.state === 'ready'")


def extent(pixels: Pixels) -> tuple[int, int]:
    """The first and the last column in which the image of noise lies."""
    drawn = np.flatnonzero(pixels.max(axis=(0, 2)) > 40)
    return int(drawn[0]), int(drawn[-1])


def test_the_panel_hides_nothing(server: Live, tmp_path: Path) -> None:
    shown = show(f"{server.url}/view/u2#rulers=off", tmp_path / "page.png", actions=[("address",)])
    first, last = extent(shown.pixels[MIDDLE, : FREE - 1])
    zoom, (left, _) = fitted(kinds.SHAPE)
    np.testing.assert_allclose((first, last), (left, left + kinds.SHAPE[1] * zoom - 1), atol=1)
    assert "at=" not in shown.said[0]


def test_a_folded_panel_leaves_the_page_to_the_image(server: Live, tmp_path: Path) -> None:
    """An image that is whole stays so, and the address says nothing of it."""
    shown = show(f"{server.url}/view/u2#rulers=off", tmp_path / "page.png", actions=[FOLD, READY, ("address",)])
    width = kinds.SHAPE[1] * PAGE[0] / kinds.SHAPE[0] * (1 - MARGIN)
    np.testing.assert_allclose(extent(shown.pixels[MIDDLE]), ((PAGE[1] - width) / 2, (PAGE[1] + width) / 2 - 1), atol=1)
    assert "at=" not in shown.said[0]
    back = show(f"{server.url}/view/u2#rulers=off", tmp_path / "page.png", actions=[FOLD, READY, FOLD, READY, ("address",)])
    assert extent(back.pixels[MIDDLE, : FREE - 1])[1] < FREE
    assert back.said == shown.said


@pytest.mark.parametrize("is_folded", [False, True])
def test_a_place_in_the_address_stays(server: Live, tmp_path: Path, is_folded: bool) -> None:
    """Whether the panel is folded or the page has another size."""
    address = f"{server.url}/view/u2#at=70,40,2.5&channels=0:ffffff:0:65535"
    fold = [FOLD, READY] if is_folded else [("resize", 1600, 800), READY]
    shown = show(address, tmp_path / "page.png", actions=[*fold, ("pause", 400), ("address",)])
    assert shown.said == [address]


def test_another_size_of_the_page(server: Live, tmp_path: Path) -> None:
    shown = show(f"{server.url}/view/u2#rulers=off", tmp_path / "page.png", actions=[("resize", 1600, 720), READY, ("address",)])
    zoom, free = 720 / 90 * (1 - MARGIN), 1600 - (PAGE[1] - FREE)
    last = free * (1 - MARGIN / 2)
    np.testing.assert_allclose(extent(shown.pixels[MIDDLE, : free - 1]), (last - 150 * zoom, last - 1), atol=1)
    assert "at=" not in shown.said[0]


@pytest.mark.parametrize("is_open", [False, True])
def test_a_phone_shows_the_image_as_wide_as_itself(server: Live, tmp_path: Path, is_open: bool) -> None:
    """Rows 510 to 530 are those of the image that the open panel, 506 high, leaves visible."""
    shown = show(f"{server.url}/view/u2#rulers=off", tmp_path / "page.png", actions=[FOLD, READY] if is_open else [], size=(390, 844))
    width = 390 * (1 - MARGIN)
    np.testing.assert_allclose(extent(shown.pixels[510:530]), ((390 - width) / 2, (390 + width) / 2 - 1), atol=1)
