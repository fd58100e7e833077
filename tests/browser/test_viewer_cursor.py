"""The place and the values under the viewer's cursor, compared with numpy's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browser import kinds
from browser.driving import Action, press, show
from live import Live

WINDOW = np.array((1280, 720))
ROWS, COLUMNS = kinds.SHAPE
ZOOM = min(WINDOW[1] / ROWS, WINDOW[0] / COLUMNS) * 2 ** np.log2(0.96)
PLACES = 100
BESIDE_THE_PANEL = 100
"""Columns of the image that the panel does not hide."""


def places(seed: int, count: int = PLACES) -> np.ndarray[Any, Any]:
    """Random pixels, as (column, row)."""
    random = np.random.default_rng(seed)
    return np.stack([random.integers(0, BESIDE_THE_PANEL, count), random.integers(0, ROWS, count)], axis=1)


def trace(pixels: np.ndarray[Any, Any]) -> Action:
    """The pointer over the middle of these pixels, when the page shows the whole image."""
    points = (pixels + 0.5 - np.array((COLUMNS, ROWS)) / 2) * ZOOM + WINDOW / 2
    return ("trace", points.tolist())


def number(text: str, dtype: np.dtype[Any]) -> Any:
    """The value that a text spells, in a type."""
    if dtype.kind == "b":
        return {"true": True, "false": False}[text]
    if dtype.kind == "c":
        real, sign, imaginary = text.removesuffix("i").split(" ")
        return complex(float(real), float(imaginary) * (-1 if sign == "\u2212" else 1))
    return dtype.type(int(text)) if dtype.kind in "iu" else dtype.type(float(text))


@pytest.mark.parametrize("name", ["bool", "i1", "u2", "u4", "i8", "u8", "f2", "f4", "f8", "c16"])
def test_the_number_under_the_pointer_is_numpys(server: Live, tmp_path: Path, name: str) -> None:
    values = kinds.VALUES[name]
    pixels = places(len(name))
    shown = show(f"{server.url}/view/{name}", tmp_path / "page.png", actions=[trace(pixels)])
    assert shown.console == []
    for (column, row), text in zip(pixels, shown.said, strict=True):
        found = re.fullmatch(rf"x {column}, y {row}\s+(.+)", text)
        assert found, text
        assert number(found[1], values.dtype) == values[row, column], text


def test_a_place_takes_one_small_request(server: Live, tmp_path: Path) -> None:
    shown = show(f"{server.url}/view/u8", tmp_path / "page.png", actions=[trace(np.array([[70, 70], [71, 71], [72, 75]]))])
    asked = [request for request in shown.loads[0] if "/zarr/v3/" in request.url]
    assert [request.url.rpartition("/u8/")[2] for request in asked] == ["zarr.json", "c/1/1"]
    assert sum(request.bytes for request in asked) < 64 * 64 * 8 + 4000


def test_packed_numbers_are_scaled_and_marks_are_named(server: Live, tmp_path: Path) -> None:
    pixels = places(5, 40)
    shown = show(f"{server.url}/view/packed", tmp_path / "page.png", actions=[trace(pixels)])
    for (column, row), text in zip(pixels, shown.said, strict=True):
        stored = int(kinds.VALUES["packed"][row, column])
        value = "no data" if stored == -32768 else stored * 0.01 + 273.15
        assert text.split("\n")[-1].endswith(f"{value} K (stored {stored})"), text
    assert any("no data" in text for text in shown.said)
    assert any("no data" not in text for text in shown.said)


@pytest.mark.parametrize("name", ["sst", "placed"])
def test_a_map_that_is_flipped_names_the_rows_of_the_source(server: Live, tmp_path: Path, name: str) -> None:
    """North is up: the pointer at the top is at the last row, and at its latitude if it has one."""
    values, rows = kinds.VALUES["climate"], np.arange(ROWS)
    pixels = np.stack([(rows * 7) % BESIDE_THE_PANEL, ROWS - 1 - rows], axis=1)
    shown = show(f"{server.url}/view/earth/{name}#rulers=on", tmp_path / "page.png", actions=[trace(pixels)])
    assert shown.console == []
    for row, (column, _), text in zip(rows, pixels, shown.said, strict=True):
        stored = int(values[row, column])
        place = "" if name == "sst" else f" ({column * 2.4 - 178.8:g} °, {row * 2 - 89:g} °)"
        found = re.fullmatch(rf"x {column}, y {row}{re.escape(place)}\s+(.+) K \(stored {stored}\)", text)
        assert found, text
        assert (found[1] == "no data") if stored == -9999 else (float(found[1]) == stored * 0.01 + 273.15), text
    assert "no data" in " ".join(shown.said)


def test_all_shown_channels_are_named(server: Live, tmp_path: Path) -> None:
    """The values are those of the plane that is shown, and the place is in micrometres."""
    pixels = places(6, 20)
    shown = show(f"{server.url}/view/stack", tmp_path / "page.png", actions=[*press("]"), trace(pixels)])
    for (column, row), text in zip(pixels, shown.said, strict=True):
        values = kinds.VALUES["stack"][3, :, row, column]
        for channel, value in enumerate(values):
            assert f"channel {channel} {value}" in text
        assert f"x {column}, y {row} ({column * 0.25:g} µm, {row * 0.5:g} µm)" in text


def test_colours_of_a_file(server: Live, tmp_path: Path) -> None:
    pixels = places(7, 20)
    shown = show(f"{server.url}/view/colours", tmp_path / "page.png", actions=[trace(pixels)])
    for (column, row), text in zip(pixels, shown.said, strict=True):
        red, green, blue = kinds.VALUES["colours"][row, column]
        assert re.search(rf"red {red}\s+green {green}\s+blue {blue}$", text), text


def test_a_stored_pyramid(server: Live, tmp_path: Path) -> None:
    pixels = places(8, 20)
    shown = show(f"{server.url}/view/stored", tmp_path / "page.png", actions=[trace(pixels)])
    for (column, row), text in zip(pixels, shown.said, strict=True):
        assert re.fullmatch(rf"x {column}, y {row} \({column + 20} µm, {row + 10} µm\)\s+{kinds.VALUES['i8'][row, column]}", text), text


def test_keys_move_the_cursor(server: Live, tmp_path: Path) -> None:
    """The crosshair begins in the middle; Shift moves it ten times as far."""
    keys = ["c", *["ArrowRight"] * 3, "Shift+ArrowUp"]
    actions = [*press(*keys), ("read", "#readout[data-state=read]")]
    shown = show(f"{server.url}/view/i8", tmp_path / "page.png", actions=actions)
    row, column = ROWS // 2 - 10, COLUMNS // 2 + 3
    assert shown.said[-1].split() == ["x", f"{column},", "y", str(row), str(kinds.VALUES["i8"][row, column])]


@pytest.mark.parametrize("plane", ["zx", "zy"])
def test_a_stack_from_the_side(server: Live, tmp_path: Path, plane: str) -> None:
    """The pixels of the plane are numpy's; the axis that is left has a slider."""
    side = kinds.VALUES["stack"].transpose(["zcyx".index(axis) for axis in ("cy" if plane == "zx" else "cx") + plane])
    middle = side.shape[1] // 2
    rows, columns = side.shape[2:]
    zoom = min(WINDOW[1] / rows, WINDOW[0] / columns) * 0.96
    pixels = np.array([[column, row] for row in range(rows) for column in (0, 17, columns // 2)])
    points = (pixels + 0.5 - np.array((columns, rows)) / 2) * zoom + WINDOW / 2
    url = f"{server.url}/view/stack#plane={plane}"
    shown = show(url, tmp_path / "page.png", actions=[("trace", points.tolist()), ("read", ".axis span"), ("address",)])
    assert shown.console == []
    for (column, row), text in zip(pixels, shown.said[: len(pixels)], strict=True):
        assert f"{plane[1]} {column}, {plane[0]} {row}" in text, text
        for channel in range(3):
            assert f"channel {channel} {side[channel, middle, row, column]}" in text, text
    assert shown.said[-2] == ("y" if plane == "zx" else "x")
    assert shown.said[-1] == url


def test_another_plane_is_chosen_in_the_panel(server: Live, tmp_path: Path) -> None:
    actions = [
        ("choose", "#plane", "zx"),
        ("until", "document.querySelector('.axis span')?.textContent === 'y'"),
        ("until", "document.getElementById('viewer').dataset.state === 'ready'"),
        ("address",),
    ]
    shown = show(f"{server.url}/view/stack", tmp_path / "page.png", actions=actions)
    assert shown.said == [f"{server.url}/view/stack#plane=zx"]


def test_a_plane_that_is_not_there_is_ignored(server: Live, tmp_path: Path) -> None:
    shown = show(f"{server.url}/view/u2#plane=tx", tmp_path / "page.png", actions=[trace(np.array([[5, 6]])), ("address",)])
    assert str(kinds.VALUES["u2"][6, 5]) in shown.said[0]
    assert shown.said[1] == f"{server.url}/view/u2"
