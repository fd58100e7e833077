"""The place and the values under the viewer's cursor, compared with numpy's."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browser import kinds
from browser.driving import Action, press, show
from browser.pictures import fitted
from live import Live

ROWS, COLUMNS = kinds.SHAPE
PLACES = 100


def places(seed: int, count: int = PLACES) -> np.ndarray[Any, Any]:
    """Random pixels, as (column, row)."""
    random = np.random.default_rng(seed)
    return np.stack([random.integers(0, COLUMNS, count), random.integers(0, ROWS, count)], axis=1)


def trace(pixels: np.ndarray[Any, Any], shape: tuple[int, int] = kinds.SHAPE) -> Action:
    """The pointer over the middle of these pixels, when the page shows the whole image."""
    zoom, corner = fitted(shape)
    return ("trace", ((pixels + 0.5) * zoom + corner).tolist())


def number(text: str, dtype: np.dtype[Any]) -> Any:
    """The value that a text spells, in a type."""
    if dtype.kind == "b":
        return {"true": True, "false": False}[text]
    if dtype.kind == "c":
        real, sign, imaginary = text.removesuffix("i").split(" ")
        return complex(float(real), float(imaginary) * (-1 if sign == "\u2212" else 1))
    return dtype.type(int(text)) if dtype.kind in "iu" else dtype.type(float(text))


def spelled(stored: int, scale: str, offset: str) -> str:
    """A stored number after scale and offset, without rounding: 28.0 is 28."""
    exact = Decimal(int(stored)) * Decimal(scale) + Decimal(offset)
    return f"{exact.normalize():f}"


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
        value = "no data" if stored == -32768 else f"{spelled(stored, '0.01', '273.15')} K"
        assert text.endswith(f", y {row} {value} (stored {stored})"), text
    assert any("no data" in text for text in shown.said)
    assert any("no data" not in text for text in shown.said)


def test_a_mark_beyond_the_floats_is_no_other_integer(server: Live, tmp_path: Path) -> None:
    """-2^63 and -2^63 + 1 are the same 64-bit float."""
    pixels = places(6, 40)
    shown = show(f"{server.url}/view/filled", tmp_path / "page.png", actions=[trace(pixels)])
    for (column, row), text in zip(pixels, shown.said, strict=True):
        stored = int(kinds.VALUES["filled"][row, column])
        assert text.endswith(f" no data (stored {stored})" if stored == kinds.FILL else f", y {row} {stored}"), text
    assert {"no data" in text for text in shown.said} == {True, False}


def test_coordinates_beside_the_image(server: Live, tmp_path: Path) -> None:
    """Those of xarray: 32-bit floats exactly, 64-bit ones in 12 digits. North is up, and east at the left."""
    pixels = places(9, 30)
    shown = show(f"{server.url}/view/ocean/salt", tmp_path / "page.png", actions=[trace(pixels)])
    assert shown.console == []
    for (column, flipped), text in zip(pixels, shown.said, strict=True):
        row = ROWS - 1 - flipped
        found = re.fullmatch(rf"x {column}, y {row} \((\S+) °E, (\S+) °N\)\s+(\d+)", text)
        assert found, text
        assert float(found[1]) == float(f"{kinds.LONGITUDES[column]:.12g}")
        assert np.float32(found[2]) == kinds.LATITUDES[row]
        assert int(found[3]) == kinds.VALUES["stack"][2, 0, row, column]
    asked = [request.url for request in shown.loads[0] if re.search("/ocean/(lat|lon|depth)/", request.url)]
    assert len(asked) == 2 * 2


def test_coordinates_that_are_packed(server: Live, tmp_path: Path) -> None:
    """On other axes an image has the coordinates of those."""
    pixels = np.array([[5, 0], [5, 1], [5, 2], [5, 3]])
    shown = show(f"{server.url}/view/ocean/salt#plane=zy", tmp_path / "page.png", actions=[trace(pixels, (4, ROWS))])
    latitude = kinds.LATITUDES[ROWS - 1 - 5]
    for row, (depth, text) in enumerate(zip(kinds.DEPTHS, shown.said, strict=True)):
        value = kinds.VALUES["stack"][row, 0, ROWS - 1 - 5, 75]
        assert re.sub(r"\s+", " ", text) == f"y {ROWS - 1 - 5}, z {row} ({latitude!s} °N, {spelled(depth, '0.01', '0.1')} m) {value}"


@pytest.mark.parametrize("name", ["sst", "placed"])
def test_a_map_that_is_flipped_names_the_rows_of_the_source(server: Live, tmp_path: Path, name: str) -> None:
    """North is up: the pointer at the top is at the last row, and at its latitude if it has one."""
    values, rows = kinds.VALUES["climate"], np.arange(ROWS)
    pixels = np.stack([(rows * 7) % COLUMNS, ROWS - 1 - rows], axis=1)
    shown = show(f"{server.url}/view/earth/{name}#rulers=on", tmp_path / "page.png", actions=[trace(pixels)])
    assert shown.console == []
    for row, (column, _), text in zip(rows, pixels, shown.said, strict=True):
        stored = int(values[row, column])
        place = f"{column}, {row * 2 - 89} °N" if name == "sst" else f"{column * 2.4 - 178.8:g} °, {row * 2 - 89} °"
        value = "no data" if stored == -9999 else f"{spelled(stored, '0.01', '273.15')} K"
        assert re.sub(r"\s+", " ", text) == f"x {column}, y {row} ({place}) {value} (stored {stored})"
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
    pixels = np.array([[column, row] for row in range(rows) for column in (0, 17, columns - 1)])
    url = f"{server.url}/view/stack#plane={plane}"
    shown = show(url, tmp_path / "page.png", actions=[trace(pixels, (rows, columns)), ("read", ".axis span"), ("address",)])
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


def test_a_plane_the_other_way_round_is_in_the_menu(server: Live, tmp_path: Path) -> None:
    """The menu names what is shown, so each other pair can be chosen."""
    chosen = "document.getElementById('plane').selectedOptions[0].textContent"
    turned = ("until", "document.querySelector('.axis span')?.textContent === 'z'")
    actions: list[Action] = [("value", chosen), ("choose", "#plane", "yx"), turned, ("value", chosen), ("address",)]
    shown = show(f"{server.url}/view/stack#plane=xz", tmp_path / "page.png", actions=actions)
    assert shown.said == ["x / z", "y / x", f"{server.url}/view/stack"]


def test_a_plane_that_is_not_there_is_ignored(server: Live, tmp_path: Path) -> None:
    shown = show(f"{server.url}/view/u2#plane=tx", tmp_path / "page.png", actions=[trace(np.array([[5, 6]])), ("address",)])
    assert str(kinds.VALUES["u2"][6, 5]) in shown.said[0]
    assert shown.said[1] == f"{server.url}/view/u2"
