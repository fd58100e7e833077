"""The explore page in a browser, against a running server: its values are those of numpy."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pandas as pd
import pytest

from browser import exploration as nodes
from browser.conftest import KEY, TESTS
from browser.driving import Action, Pixels, Shown, show
from browser.pictures import likeness
from live import Live, live
from ome import detectors

DRAWN: Action = ("until", "document.querySelector('canvas') !== null")
"""Wait for a plot: a busy machine may take longer to read the script than a page is silent."""
CELLS = '[role="gridcell"]'
MINUS = "\N{MINUS SIGN}"
CANVAS = (slice(161, 636), slice(426, 1240))
"""The pixels of a long line's canvas, by rows and columns."""
NAVY = (0, 0, 139)


@pytest.fixture(scope="module")
def explored() -> Iterator[Live]:
    """One node of every kind."""
    with live(env=environment() | {"TILED_ZARR_PUBLIC": "1"}) as server:
        yield server


@pytest.fixture(scope="module")
def closed() -> Iterator[Live]:
    """The same behind a key."""
    with live(env=environment() | {"TILED_ZARR_API_KEY": KEY}) as server:
        yield server


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return {"TILED_ZARR_TREE": "browser.exploration:tree", "PYTHONPATH": path}


def explore(server: Live, path: str, folder: Path, *actions: Action) -> Shown:
    """The explore page of a node; nothing may go wrong, and nothing is asked of another server."""
    shown = show(f"{server.url}/explore/{path}", folder / "page.png", actions=actions)
    assert [request for load in shown.loads for request in load if not request.is_answered] == []
    assert {urlsplit(request.url).netloc for load in shown.loads for request in load} == {urlsplit(server.url).netloc}
    assert (shown.console, shown.missing()) == ([], set())
    return shown


def drawn(shown: Shown) -> Pixels:
    """The pixels of a picture: it has colours, unlike the text around it, and its place depends on fonts."""
    right = shown.pixels[160:, 430:]
    is_coloured = np.ptp(right.astype(int), axis=2) > 20
    rows, columns = (longest(is_coloured.mean(axis=axis) > 0.15) for axis in (1, 0))
    return right[rows[2:-2]][:, columns[2:-2]]


def longest(are_wanted: np.ndarray[Any, np.dtype[np.bool_]]) -> np.ndarray[Any, np.dtype[np.intp]]:
    """The longest run of indices that are wanted; a bar of colours beside the picture is a shorter one."""
    wanted = np.flatnonzero(are_wanted)
    return max(np.split(wanted, np.flatnonzero(np.diff(wanted) > 1) + 1), key=len)


def data_requests(shown: Shown) -> list[str]:
    return [urlsplit(request.url).path for request in shown.loads[0] if "/c" in request.url and not request.is_cached]


def walked(names: Iterable[str], *actions: Action) -> list[Action]:
    """Do the same with several nodes of a group that is open in the tree."""
    return [action for name in names for action in (("pick", "treeitem", name), *actions)]


def test_scalars(explored: Live, tmp_path: Path) -> None:
    texts = {
        "number": "0.1",
        "whole": str(2**53 + 1),
        "text": "Grüße",
        "instant": "2024-02-29T12:00:00",
        "truth": "true",
        "wave": f"1 {MINUS} 2 i",
    }
    shown = explore(explored, "scalars", tmp_path, *walked(texts, ("list", "pre")))
    assert shown.said == list(texts.values())
    assert len(data_requests(shown)) == len(texts)


def of_pandas(span: np.timedelta64) -> str:
    return "NaT" if np.isnat(span) else pd.Timedelta(span).isoformat()


def test_arrays_as_text(explored: Live, tmp_path: Path) -> None:
    texts = {
        "wholes": [str(value) for value in nodes.WHOLE],
        "texts": nodes.TEXTS.tolist(),
        "bytes": [text.decode() for text in nodes.BYTES.tolist()],
        "truths": ["true", "false", "true"],
        "halves": ["0.5", "-2", "65504", "NaN"],
        "instants": np.datetime_as_string(nodes.INSTANTS).tolist(),
        "spans": [of_pandas(span) for span in nodes.SPANS],
        "waves": ["1 + 2 i", f"-3.25 {MINUS} 4.5 i", "0.1 + 0.2 i"],
    }
    shown = explore(explored, "arrays", tmp_path, *walked(texts, ("pick", "tab", "Matrix"), ("list", CELLS)))
    assert shown.said == [text for column in texts.values() for text in column]


def test_an_enumeration_has_names(explored: Live, tmp_path: Path) -> None:
    shown = explore(explored, "nexus/entry/shutter?vis=Matrix", tmp_path, ("list", CELLS))
    assert shown.said == ["CLOSED", "OPEN", "CLOSED"]


def test_records(explored: Live, tmp_path: Path) -> None:
    """The real part of -0.5j is a negative zero."""
    actions: list[Action] = [("resize", 2400, 720), ("list", '[role="columnheader"]'), ("list", CELLS)]
    said = explore(explored, "arrays/records", tmp_path, *actions).said
    first, second = ["1", "2.5", "a", "true", "1 + 2 i"], [str(-(2**62) - 1), str(np.pi), "bé", "false", f"-0 {MINUS} 0.5 i"]
    assert said == ["count", "size", "name", "good", "wave", *first, *second]


def test_records_with_fields_that_are_arrays(explored: Live, tmp_path: Path) -> None:
    """They are a group, which shows its first field."""
    read: tuple[Action, ...] = (("pick", "tab", "Matrix"), ("list", CELLS))
    said = explore(explored, "arrays/spectra", tmp_path, *read, *walked(["counts"], *read)).said
    assert [float(text.replace(MINUS, "-")) for text in said] == [*nodes.SPECTRA["run"], *nodes.SPECTRA["counts"].ravel()]


def test_an_array_without_values_says_so(explored: Live, tmp_path: Path) -> None:
    shown = explore(explored, "arrays/none", tmp_path)
    assert "There are no values: the shape is 3" in shown.text


def test_a_zero_keeps_its_sign(explored: Live, tmp_path: Path) -> None:
    """As numpy prints it."""
    said = explore(explored, "arrays/zeros?vis=Matrix", tmp_path, ("list", CELLS)).said
    assert [text.replace(MINUS, "-") for text in said] == ["-0", "0", "-1.5"]


def test_a_table_in_the_tree_has_a_link_to_its_page(explored: Live, tmp_path: Path) -> None:
    link: list[Action] = [
        ("pick", "treeitem", "table"),
        ("pick", "link", "Table table"),
        ("until", "document.getElementById('table')"),
        ("address",),
    ]
    said = show(f"{explored.url}/explore/", tmp_path / "page.png", actions=link).said
    assert said == [f"{explored.url}/explore/table"]


def test_any_two_axes_of_six(explored: Live, tmp_path: Path) -> None:
    across = explore(explored, "arrays/six?vis=Matrix&slice=1,x,3,y,5,6", tmp_path, ("list", CELLS))
    assert [int(text) for text in across.said] == nodes.SIX[1, :, 3, :, 5, 6].T.ravel().tolist()


def test_a_dataset_has_its_coordinates_as_axes(explored: Live, tmp_path: Path) -> None:
    """The group opens on its first variable; the picture is north up, as latitudes ascend."""
    export: list[Action] = [
        ("resize", 2400, 720),
        ("pick", "button", "Export slice"),
        ("save", "button", "Export to NPY", str(tmp_path / "a")),
    ]
    shown = explore(explored, "climate?slice=2,y,x", tmp_path, *export)
    assert {"Air temperature", "lat (degrees_north)", "lon (degrees_east)"} <= set(shown.text.splitlines())
    np.testing.assert_array_equal(np.load(tmp_path / "a"), nodes.TEMPERATURES[2])


def test_a_nexus_file_opens_on_its_default_plot(explored: Live, tmp_path: Path) -> None:
    export: list[Action] = [("resize", 2400, 720), ("pick", "button", "Export"), ("save", "button", "Export to NPY", str(tmp_path / "a"))]
    shown = explore(explored, "nexus", tmp_path, *export)
    assert {"counts", "energy (keV)"} <= set(shown.text.splitlines())
    np.testing.assert_array_equal(np.load(tmp_path / "a"), nodes.COUNTS)


def test_a_long_signal_of_nexus_is_drawn_by_its_extremes(explored: Live, tmp_path: Path) -> None:
    shown = explore(explored, "nexus/entry/trace", tmp_path, ("attribute", "figure", "data-factor"))
    assert int(shown.said[0]) > 1


def test_a_nexus_group_without_its_signal_shows_what_it_has(explored: Live, tmp_path: Path) -> None:
    shown = explore(explored, "nexus/entry/lost", tmp_path, ("pick", "tab", "Matrix"), ("list", CELLS))
    np.testing.assert_allclose(np.array(shown.said, "f8"), nodes.ENERGIES)


def test_an_array_without_names_of_axes_has_row_0_at_the_top(explored: Live, tmp_path: Path) -> None:
    """As in the viewer."""
    rows = drawn(explore(explored, "arrays/step", tmp_path, DRAWN)).mean(axis=(1, 2))
    upper, lower = np.array_split(rows, 2)
    assert np.median(upper) > np.median(lower) + 50


def test_gaps_of_a_detector_are_not_drawn(explored: Live, tmp_path: Path) -> None:
    """The colour bar ends at the largest count, with all digits that H5Web shows."""
    shown = explore(explored, "eiger", tmp_path, DRAWN)
    frame = detectors.eiger()
    largest = int(frame[frame < np.iinfo("u4").max].max())
    numbers = [float(line) for line in shown.text.replace(MINUS, "-").splitlines() if re.fullmatch(r"-?[\d.]+(e[+-]\d+)?", line)]
    assert shown.pixels[430, 600:850].mean() > 240
    assert shown.pixels[300, 600:850].mean() < 80
    assert max(numbers) <= max(largest * 1.001, *frame.shape)


def test_a_photograph_has_its_colours(explored: Live, tmp_path: Path) -> None:
    """Red grows from left to right; the upper quarter is green, too."""
    pixels = drawn(explore(explored, "photograph", tmp_path, DRAWN)).astype(int)
    assert pixels[10, :, 1].min() > 200
    assert pixels[-20, :, 1:].max() < 60
    assert pixels[-20, -1, 0] - pixels[-20, 0, 0] > 100


def test_integers_of_64_bits_are_exact_in_files(explored: Live, tmp_path: Path) -> None:
    export: list[Action] = [("pick", "button", "Export"), ("save", "button", "Export to CSV", str(tmp_path / "a.csv"))]
    explore(explored, "arrays/wholes?vis=Line", tmp_path, ("resize", 2400, 720), *export)
    assert (tmp_path / "a.csv").read_text().splitlines() == ["wholes", *[str(value) for value in nodes.WHOLE]]


def extremes(factor: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The lowest and the highest of each `factor` samples."""
    everything = nodes.samples(0, nodes.SAMPLES)
    starts = np.arange(0, nodes.SAMPLES, factor)
    return np.minimum.reduceat(everything, starts), np.maximum.reduceat(everything, starts)


def saved_csv(path: Path) -> list[Action]:
    return [("pick", "button", "Export"), ("save", "button", "Export to CSV", str(path))]


def test_ten_million_points_are_drawn_by_their_extremes(explored: Live, tmp_path: Path) -> None:
    snapshot: Action = ("save", "link", "Snapshot", str(tmp_path / "a.png"))
    shown = explore(explored, "long", tmp_path, ("attribute", "figure", "data-factor"), *saved_csv(tmp_path / "a.csv"), snapshot)
    assert (tmp_path / "a.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    factor = int(shown.said[0])
    low, high = extremes(factor)
    assert 1000 <= len(low) <= 2048
    assert "from 0 to 10,000,000:" in shown.text  # the last bin is shorter
    table = pd.read_csv(tmp_path / "a.csv")
    np.testing.assert_array_equal(table.lowest.to_numpy("f4"), low)
    np.testing.assert_array_equal(table.highest.to_numpy("f4"), high)
    assert sum(request.bytes for request in shown.loads[0] if "/minmax/" in request.url) < 100_000
    is_drawn = (np.abs(shown.pixels[CANVAS].astype(int) - NAVY).sum(axis=2) < 120).any(axis=0)
    assert is_drawn.mean() > 0.98


def test_zooming_shows_each_sample(explored: Live, tmp_path: Path) -> None:
    """By the link, and by typing; turning the wheel makes bins smaller."""
    linked, typed = (5_000_000, 5_000_600), (17, 1_017)
    at = f"long?x={linked[0]},{linked[1]}"
    typing: list[Action] = [("fill", "From", str(typed[0])), ("fill", "to", str(typed[1])), ("pick", "button", "Show"), ("pause", 400)]
    wheel: list[Action] = [("pick", "button", "Reset zoom"), *[("turn", -100)] * 40, ("pause", 400), ("attribute", "figure", "data-factor")]
    first, second = saved_csv(tmp_path / "a.csv"), saved_csv(tmp_path / "b.csv")
    said = explore(explored, at, tmp_path, ("address",), *first, *typing, *second, *wheel).said
    assert said[0] == f"{explored.url}/explore/{at}"
    for name, (start, stop) in {"a.csv": linked, "b.csv": typed}.items():
        table = pd.read_csv(tmp_path / name)
        np.testing.assert_array_equal(table["index"], np.arange(start, stop))
        np.testing.assert_array_equal(table.long.to_numpy("f4"), nodes.samples(start, stop))
    assert 1 <= int(said[1]) < 8192


def test_a_zoomed_line_stays_if_the_window_changes(explored: Live, tmp_path: Path) -> None:
    sizes: list[Action] = [("resize", 900, 720), ("address",), ("resize", 1280, 720), ("address",)]
    shown = explore(explored, "long?x=5000000,5000600", tmp_path, ("address",), *sizes, ("attribute", "figure", "data-count"))
    assert shown.said == [f"{explored.url}/explore/long?x=5000000,5000600"] * 3 + ["600"]


def test_rows_of_ten_million_values(explored: Live, tmp_path: Path) -> None:
    last = explore(explored, "long?vis=Matrix", tmp_path, ("pick", "button", "Last"), ("pause", 400), ("list", ".rows td"))
    np.testing.assert_array_equal(np.array(last.said, "f4"), nodes.samples(nodes.SAMPLES - 1000, nodes.SAMPLES))


def test_a_large_image_is_drawn_from_a_level(explored: Live, tmp_path: Path) -> None:
    shown = explore(explored, "large", tmp_path, DRAWN)
    y, x = np.mgrid[:100, :100]
    assert likeness(drawn(shown), y + 2 * x) > 0.97
    assert "10,000" in shown.text or "1e+4" in shown.text
    assert sum(request.bytes for request in shown.loads[0]) < 8e6
    assert "Open large in the viewer" in shown.text


def test_a_large_map_is_drawn_north_up_with_its_latitudes(explored: Live, tmp_path: Path) -> None:
    """The levels of the display view are flipped; here, rows are those of the array, and H5Web draws them upwards."""
    export: list[Action] = [DRAWN, ("pick", "button", "Export"), ("save", "button", "Export to NPY", str(tmp_path / "a"))]
    shown = explore(explored, "south/height", tmp_path, ("resize", 2400, 720), *export)
    means = nodes.SOUTHERN.reshape(-1, 4).mean(axis=1)
    np.testing.assert_allclose(np.load(tmp_path / "a"), np.repeat(means[:, None], 1000, axis=1), rtol=1e-4)
    assert "lat (degrees_north)" in shown.text


def test_the_address_has_what_is_selected(explored: Live, tmp_path: Path) -> None:
    walk: list[Action] = [
        ("pick", "treeitem", "texts"),
        ("address",),
        ("pick", "treeitem", "six"),
        ("pick", "tab", "Matrix"),
        ("address",),
        ("back",),
        ("address",),
        ("list", CELLS),
        ("reload",),
        ("list", CELLS),
    ]
    said = explore(explored, "arrays", tmp_path, *walk).said
    root = explored.url
    assert said[:3] == [f"{root}/explore/arrays/texts", f"{root}/explore/arrays/six?vis=Matrix", f"{root}/explore/arrays/texts"]
    assert said[3:] == nodes.TEXTS.tolist() * 2


def test_what_has_changed_is_read_again(explored: Live, tmp_path: Path) -> None:
    shown = explore(explored, "arrays/texts", tmp_path, ("list", CELLS), ("refresh",), ("pause", 500), ("list", CELLS))
    assert shown.said == nodes.TEXTS.tolist() * 2
    chunks = [request for request in shown.loads[0] if request.url.endswith("/zarr/v3/arrays/texts/c/0")]
    assert len(chunks) == 2


@pytest.mark.parametrize(
    "address", [f"/explore/scalars/whole?api_key={quote(KEY, safe='')}", f"/k/{quote(KEY, safe='')}/explore/scalars/whole"]
)
def test_behind_a_key(closed: Live, tmp_path: Path, address: str) -> None:
    shown = show(
        closed.url + address,
        tmp_path / "page.png",
        actions=[("list", "pre"), ("pick", "treeitem", "text"), ("pause", 500), ("list", "pre"), ("address",)],
    )
    assert shown.console == []
    assert shown.said[:2] == [str(2**53 + 1), "Grüße"]
    assert shown.said[2] == closed.url + address.replace("whole", "text")


def test_a_large_group_shows_a_thousand_children(explored: Live, tmp_path: Path) -> None:
    shown = explore(
        explored,
        "wide",
        tmp_path,
        ("list", 'ul ul [role="treeitem"]'),
        ("pick", "treeitem", "… 500 more: see the page of this group"),
        ("address",),
    )
    assert shown.said[:1000] == [f"item{number:04d}" for number in range(1000)]
    assert shown.said[-1] == f"{explored.url}/view/wide"
    beyond = explore(explored, "wide/item1499", tmp_path, ("list", "pre"))
    assert beyond.said == ["1499"]


def test_the_tree_has_the_names_of_the_source(explored: Live, tmp_path: Path) -> None:
    """A slash cannot be part of a path's name, so that the address spells it in another way."""
    shown = explore(explored, "", tmp_path, ("pick", "treeitem", "Höhe/m"), ("list", '[role="treeitem"]'))
    assert {"Höhe/m", "süd/nord"} <= {text.strip() for text in shown.said}


def test_search(explored: Live, tmp_path: Path) -> None:
    found = explore(explored, "", tmp_path, ("pick", "tab", "Search"), ("fill", "Path to search", "whole"), ("list", '[role="treeitem"]'))
    assert set(found.said) == {"/scalars/whole", "/arrays/wholes"}


def test_accessible(explored: Live, tmp_path: Path) -> None:
    """A line and its rows, a picture, records, text, a search, metadata: axe finds nothing."""
    walk: list[Action] = [("axe",), ("pick", "tab", "Matrix"), ("axe",)]
    for group, name in {"arrays": "records", "climate": "temperature", "scalars": "text"}.items():
        walk += [("pick", "treeitem", group), ("pick", "treeitem", name), ("pause", 500), ("axe",)]
    walk += [("pick", "tab", "Search"), ("fill", "Path to search", "whole"), ("pick", "radio", "Inspect"), ("axe",)]
    assert explore(explored, "long", tmp_path, *walk).said == []


def test_a_group_without_a_plot_is_accessible(explored: Live, tmp_path: Path) -> None:
    shown = explore(explored, "scalars", tmp_path, ("axe",))
    assert "Nothing to display" in shown.text
    assert shown.said == []
