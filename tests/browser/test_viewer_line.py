"""The values along a line, compared with scikit-image's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.measure import profile_line

from browser import kinds
from browser.driving import press, show
from browser.pictures import fitted
from live import Live, live
from tiled_zarr import demo

IS_PLOTTED = ("read", "#profile[data-state=read] figcaption")


def table(text: str) -> tuple[list[str], np.ndarray[Any, Any]]:
    """The names and the numbers of the table that the page has copied."""
    rows = text.split("\n")
    return rows[0].split("\t"), np.array([[float(cell) for cell in row.split("\t")] for row in rows[1:]])


@pytest.mark.parametrize("line", [(5, 7, 120, 80), (140, 3, 2, 3), (30, 88, 30, 1), (11, 80, 140, 13)])
def test_values_along_a_line(server: Live, tmp_path: Path, line: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = line
    url = f"{server.url}/view/stack#z=1&line={x0},{y0},{x1},{y1}"
    shown = show(url, tmp_path / "page.png", actions=[IS_PLOTTED, ("copy", "Copy values")])
    names, found = table(shown.said[-1])
    assert names == ["distance (µm)", "channel 0", "channel 1", "channel 2"]
    for channel in range(3):
        values = kinds.VALUES["stack"][1, channel].astype("f8")
        expected = profile_line(values, (y0, x0), (y1, x1), linewidth=1, order=0, mode="nearest")
        np.testing.assert_array_equal(found[:, channel + 1], expected)
    length = np.hypot((x1 - x0) * 0.25, (y1 - y0) * 0.5)
    np.testing.assert_allclose(found[:, 0], np.linspace(0, length, len(found)))
    assert shown.said[0].startswith(f"{len(found)} values of level 0, ")


def test_a_long_line_takes_a_smaller_level(server: Live, tmp_path: Path) -> None:
    """The demo's image of 100 megapixels; the caption says what each value stands for."""
    with live() as running:
        url = f"{running.url}/view/nested/images/big_image"
        size = demo.tree().children["nested"].children["images"].children["big_image"].shape[-1]
        shown = show(f"{url}#line=0,100,{size - 1},100", tmp_path / "page.png", actions=[IS_PLOTTED])
    found = re.match("(\\d+) values of level (\\d), each for (\\d+) \u00d7 \\3 pixels", shown.said[0])
    assert found, shown.said
    assert 1000 < int(found[1]) <= 2049
    assert int(found[3]) == 2 ** int(found[2])


def test_a_line_is_drawn_with_the_pointer(server: Live, tmp_path: Path) -> None:
    """The pull draws the line, and does not move the image; the line is in the address."""
    actions = [*press("l"), ("drag", 200, 100), IS_PLOTTED, ("address",)]
    shown = show(f"{server.url}/view/i8", tmp_path / "page.png", actions=actions)
    assert shown.console == []
    zoom, corner = fitted(kinds.SHAPE)
    ends = [int(at) for point in ((540, 310), (740, 410)) for at in (point - corner) / zoom]
    assert f"line={','.join(map(str, ends))}&" in f"{shown.said[-1]}&"
    assert "at=" not in shown.said[-1]


def test_a_line_is_drawn_with_keys(server: Live, tmp_path: Path) -> None:
    actions = [
        *press("c", "l", *["Shift+ArrowRight"] * 3, "Shift+ArrowUp", "l"),
        IS_PLOTTED,
        ("address",),
        *press("ArrowLeft", "l"),
        ("address",),
    ]
    shown = show(f"{server.url}/view/i8", tmp_path / "page.png", actions=actions)
    assert shown.said[0].startswith("33 values of level 0")
    assert "line=75,45,105,35" in shown.said[1]
    assert "line" not in shown.said[2]
