"""Plots of 1-d arrays: their points are numpy's extremes of each bin."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from asgi import ask
from strategies import array_node
from tiled_zarr import Array, Group
from tiled_zarr.http.site import lines

SVG = "{http://www.w3.org/2000/svg}"


def drawn(body: bytes) -> list[list[tuple[float, float]]]:
    """The points of each outline in a plot."""
    tree = ElementTree.fromstring(body)
    (path,) = tree.iter(f"{SVG}path")
    parts = [part for part in path.attrib["d"].split("M") if part]
    return [[tuple(map(float, point.split())) for point in part.rstrip("Z").split("L")] for part in parts]  # type: ignore[misc]  # a point has two numbers


def bands(body: bytes) -> dict[float, tuple[float, float]]:
    """From where to where each bin reaches, from 0 (the least value) to 1 (the greatest)."""
    found: dict[float, tuple[float, float]] = {}
    for outline in drawn(body):
        half = len(outline) // 2
        for (x, top), (same, bottom) in zip(outline[:half], outline[half:][::-1], strict=True):
            assert x == same
            found[x] = (1 - bottom / lines.HEIGHT, 1 - top / lines.HEIGHT)
    return found


@pytest.mark.parametrize("count", [2, 9, 300, 301, 10_000, 100_001])
@pytest.mark.parametrize("dtype", ["f8", "i2", "u8", "?", ">f4"])
def test_points_are_the_extremes_of_bins(make: Callable[..., Any], count: int, dtype: str) -> None:
    data = np.random.default_rng(1).normal(size=count).cumsum()
    line = (data > 0 if dtype == "?" else np.abs(data)).astype(dtype)
    answer = ask(make(Group(children={"a": array_node(line)})), "/thumbnail/a.svg")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/svg+xml")
    expected = [part.astype("f8") for part in np.array_split(line, count)] if count <= 300 else None
    starts = [*(number * count // 300 for number in range(300)), count]
    bins = expected or [line[start:stop].astype("f8") for start, stop in pairwise(starts)]
    low, high = float(line.min()), float(line.max())
    found = bands(answer.body)
    assert list(found) == [number + 0.5 for number in range(len(bins))]
    for (bottom, top), part in zip(found.values(), bins, strict=True):
        scaled = [(end - low) / (high - low) if high > low else 0.5 for end in (part.min(), part.max())]
        np.testing.assert_allclose((bottom, top), scaled, atol=1e-3)
    texts = [node.text for node in ElementTree.fromstring(answer.body).iter(f"{SVG}text")]
    assert texts == [f"{high:.6g}", f"{low:.6g}"]


def test_gaps(make: Callable[..., Any]) -> None:
    line = np.array([np.nan, 1, 2, np.inf, -9, 3, np.nan])
    node = array_node(line, mark=np.float64(-9))
    assert list(bands(ask(make(Group(children={"a": node})), "/thumbnail/a.svg").body)) == [1.5, 2.5, 5.5]


@pytest.mark.parametrize("length", [7, 130_000])
@pytest.mark.parametrize(
    ("dtype", "fields", "left"),
    [
        ("f8", {"attributes": {"missing_value": -9}}, [1, 2, 3, 5, 6]),
        (">i2", {"attributes": {"missing_value": [-9, 8]}}, [1, 2, 3, 6]),
        ("f4", {"mark": np.float32(-9), "attributes": {"missing_value": 8.0}}, [1, 2, 3, 6]),
        ("u1", {"attributes": {"tiled_zarr": {"null": 8}}}, [0, 1, 2, 3, 4, 6]),
        ("i4", {"attributes": {"missing_value": "none"}}, [0, 1, 2, 3, 4, 5, 6]),
        ("?", {"mark": np.True_}, [0, 1, 2, 3, 4, 5, 6]),
    ],
    ids=["of CF", "two of CF", "CF's and the node's", "a column's", "text", "of booleans"],
)
def test_no_value_is_left_out(make: Callable[..., Any], length: int, dtype: str, fields: dict[str, Any], left: list[int]) -> None:
    """A plot of all values and one of levels leave out the same, whatever says it."""
    few = np.array([-9, 1, 2, 4, -9, 8, 3]).astype(dtype)
    body = ask(make(Group(children={"a": array_node(few.repeat(-(-length // 7))[:length], **fields)})), "/thumbnail/a.svg").body
    labels = [text.text for text in ElementTree.fromstring(body).iter(f"{SVG}text")]
    assert labels == [f"{few[left].max():.6g}", f"{few[left].min():.6g}"]
    if length == 7:
        assert list(bands(body)) == [number + 0.5 for number in left]


@pytest.mark.parametrize("line", [np.full(9, np.nan), np.full(9, 7.5), np.array([-1e308, 1e308] * 9)], ids=["none", "constant", "huge"])
def test_odd_lines_are_still_drawings(make: Callable[..., Any], line: Any) -> None:
    body = ask(make(Group(children={"a": array_node(line)})), "/thumbnail/a.svg").body
    assert ElementTree.fromstring(body).tag == f"{SVG}svg"
    assert "nan" not in body.decode()
    assert "inf" not in body.decode()


@pytest.mark.parametrize("node", ["text", "plane", "one", "group", "none"])
def test_what_has_no_plot_is_absent(make: Callable[..., Any], node: str) -> None:
    children = {"text": array_node(np.array(["a", "b"])), "plane": array_node(np.zeros((3, 3))), "one": array_node(np.zeros(1))}
    app = make(Group(children={**children, "group": Group(children={})}))
    assert ask(app, f"/thumbnail/{node}.svg").status == 404
    assert ".svg" not in ask(app, f"/view/{node}").body.decode()


def test_tags_and_revisions(make: Callable[..., Any]) -> None:
    revision = ["r1"]
    line = np.arange(100.0)
    node = Array(shape=(100,), dtype=np.dtype("f8"), read=lambda region: line[region], revision=lambda: revision[0])
    app = make(Group(children={"a": node, "b": array_node(line)}))
    page = ask(app, "/").body.decode()
    (pinned,) = re.findall(r'src="(?:\./)?(@[^"]*/thumbnail/a\.svg)"', page)
    first = ask(app, f"/{pinned}")
    assert "immutable" in first.headers["cache-control"]
    live = ask(app, "/thumbnail/a.svg")
    assert (live.status, live.headers["cache-control"]) == (200, "no-cache")
    assert ask(app, "/thumbnail/a.svg", headers={"if-none-match": live.headers["etag"]}).status == 304
    line[3] = 1000
    revision[0] = "r2"
    changed = ask(app, "/thumbnail/a.svg", headers={"if-none-match": live.headers["etag"]})
    assert changed.status == 200
    assert changed.body != live.body
    assert ask(app, f"/{pinned}").status == 410
    head = ask(app, "/thumbnail/a.svg", "HEAD")
    assert (head.headers["content-length"], head.body) == (str(len(changed.body)), b"")


def test_a_line_that_changes_while_it_is_drawn(make: Callable[..., Any]) -> None:
    counted = iter(range(1000))
    node = Array(shape=(9,), dtype=np.dtype("f8"), read=lambda region: np.zeros(9), revision=lambda: f"r{next(counted)}")
    assert ask(make(Group(children={"a": node})), "/thumbnail/a.svg").status == 503


@pytest.mark.parametrize("count", [130_000, 3_000_001])
def test_a_long_line_is_drawn_of_its_levels(make: Callable[..., Any], count: int) -> None:
    """The level is of 64, 128, ... samples a bin; each bin of the plot is of whole bins of it."""
    line = np.random.default_rng(2).normal(size=count)
    line[count // 3] = 50
    app = make(Group(children={"a": array_node(line)}))
    factor = json.loads(ask(app, "/minmax/v2/a/.zattrs").body)["tiled_zarr"]["minmax"]["levels"][-1]["factor"]
    parts = [line[start : start + factor] for start in range(0, count, factor)]
    starts = [number * len(parts) // 300 for number in range(300)]
    found = bands(ask(app, "/thumbnail/a.svg").body)
    low, high = line.min(), line.max()
    for (bottom, top), (start, stop) in zip(found.values(), pairwise([*starts, len(parts)]), strict=True):
        part = np.concatenate(parts[start:stop])
        np.testing.assert_allclose((bottom, top), [(end - low) / (high - low) for end in (part.min(), part.max())], atol=1e-3)
