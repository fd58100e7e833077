"""Coordinates in the viewer's rulers and under its cursor, and its scale bar; the right values are numpy's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from browser import measured
from browser.conftest import environment
from browser.driving import Action, show
from browser.pictures import fitted
from live import Live, live

ROWS, COLUMNS = measured.SHAPE
PIXELS = np.array([[0, 3], [1, 4], [COLUMNS // 2, 5], [COLUMNS - 1, 6]])
LOCATED: Action = ("until", "[...document.querySelectorAll('#rulers .name')].some((name) => name.textContent.startsWith('along'))")
RULER = """JSON.stringify([...document.querySelectorAll('#rulers text:not(.name)')]
    .filter((text) => /T|-|^[0-9]{4}$/.test(text.textContent))
    .map((text) => [text.textContent, Number(text.getAttribute('x')) - 3, text.getBBox().width]))"""
"""The times along x: text, where its tick is, and its width, in pixels of the page."""
BAR = """(({ hidden, textContent, style }) => JSON.stringify([hidden, textContent, parseFloat(style.width)]))
    (document.getElementById('scalebar'))"""
ISO = re.compile(r"-?\d{4,}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?)?)?)?")


@pytest.fixture(scope="module")
def server() -> Iterator[Live]:
    """The images of `measured`."""
    with live(env=environment("") | {"TILED_ZARR_TREE": "browser.measured:tree", "TILED_ZARR_PUBLIC": "1"}) as running:
        yield running


def trace() -> Action:
    zoom, corner = fitted(measured.SHAPE)
    return ("trace", ((PIXELS + 0.5) * zoom + corner).tolist())


def shortest(times: np.ndarray) -> list[str]:
    """ISO 8601 in the coarsest unit of numpy that has all of these times exactly, from days on; decimals end at the last that is not 0."""
    unit = next(unit for unit in ("D", "m", "s", "ns") if (times.astype(f"M8[{unit}]") == times).all())
    texts = np.datetime_as_string(times.astype(f"M8[{unit}]")).tolist()
    spare = min(len(text) - len(text.rstrip("0")) for text in texts) if unit == "ns" else 0
    return [text[: len(text) - spare] for text in texts]


def since(times: Any, first: np.datetime64) -> Any:
    """Seconds from a time on."""
    unit = np.datetime_data(first)[0]
    return (times.astype(f"M8[{unit}]") - first).astype("i8") / {"s": 1, "ns": 1e9}[unit]


@pytest.mark.parametrize("name", measured.TIMES)
def test_times_under_the_cursor_and_in_the_ruler(server: Live, tmp_path: Path, name: str) -> None:
    times = measured.TIMES[name]
    shown = show(f"{server.url}/view/{name}/image", tmp_path / "page.png", actions=[LOCATED, trace(), ("value", RULER), ("value", BAR)])
    assert shown.console == []
    texts = shortest(times)
    for (column, row), said in zip(PIXELS, shown.said, strict=False):
        assert said.startswith(f"x {column}, y {row} ({texts[column]}, {row})"), said
    marks = [mark for mark in json.loads(shown.said[-2]) if mark[0]]
    assert len(marks) >= 2
    zoom, corner = fitted(measured.SHAPE)
    order = np.argsort(times)
    seconds = since(times, times.min())
    for text, x, _ in marks:
        assert ISO.fullmatch(text), text
        after = since(np.datetime64(text), times.min())
        if seconds.min() <= after <= seconds.max():
            assert abs(x - ((np.interp(after, seconds[order], order) + 0.5) * zoom + corner[0])) < 1, text
    ends = sorted((x, x + width) for _, x, width in marks)
    assert all(end < start for (_, end), (start, _) in pairwise(ends)), "times lie over each other"
    assert json.loads(shown.said[-1])[0], "there is no length of a time"


def test_times_along_y(server: Live, tmp_path: Path) -> None:
    """They lie on the page whole."""
    left = """String([...document.querySelectorAll('#rulers text')].filter((text) => text.textContent.includes('T'))
        .map((text) => text.getBoundingClientRect().left))"""
    shown = show(f"{server.url}/view/down/image", tmp_path / "page.png", actions=[LOCATED, ("value", left)])
    lefts = [float(part) for part in shown.said[0].split(",")]
    assert len(lefts) >= 4
    assert min(lefts) >= 0


def test_times_that_cf_counts(server: Live, tmp_path: Path) -> None:
    shown = show(f"{server.url}/view/counted/image", tmp_path / "page.png", actions=[LOCATED, trace()])
    for (column, row), said in zip(PIXELS, shown.said, strict=True):
        time = pd.Timestamp("1950-06-01T12:00") + pd.Timedelta(column / 4, "D")
        assert said.startswith(f"x {column}, y {row} ({time:%Y-%m-%dT%H:%M}, {row})"), said
    other = show(f"{server.url}/view/counted/other", tmp_path / "page.png", actions=[("pause", 500), trace(), ("value", BAR)])
    assert json.loads(other.said[-1])[0]
    assert other.said[2].startswith("x 45, y 5 (11.25 days since 1950-06-01 12:00:00.0, 5)")


@pytest.mark.parametrize("name", measured.LENGTHS)
def test_the_scale_bar_has_the_unit_of_the_coordinates(server: Live, tmp_path: Path, name: str) -> None:
    units, along = measured.LENGTHS[name]
    shown = show(f"{server.url}/view/{name}/image", tmp_path / "page.png", actions=[LOCATED, ("value", BAR)])
    is_hidden, text, width = json.loads(shown.said[0])
    assert is_hidden == (name == "uneven metres")
    if is_hidden:
        return
    size, unit = re.fullmatch(r"([\d.]+) ?(\S+)", text).groups()  # type: ignore[union-attr] - any other text fails
    per_unit = {"m": {"m": 1, "km": 1000}, "kilometers": {"km": 1}, "um": {"\u00b5m": 1}, "degrees_east": {"\u00b0": 1}, "": {"pixels": 1}}
    length = 1.0 if name == "plain" else float(np.diff(along).mean())
    zoom, _ = fitted(measured.SHAPE)
    assert abs(float(size) * per_unit[units][unit] / length * zoom - width) < 0.5


def test_zeros_keep_their_sign(server: Live, tmp_path: Path) -> None:
    shown = show(f"{server.url}/view/zeros/image", tmp_path / "page.png", actions=[trace()])
    for (column, row), said in zip(PIXELS, shown.said, strict=True):
        assert said.split()[-1] == ("-0" if (column + row) % 2 else "0"), said
