"""The sixteen pages of docs/look.md, each opened by its address: values and pixels are numpy's.

Each page is flawless: the server answers all requests, no other host is asked, no console error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage.measure import profile_line

from browser import exploration, gallery, looks, tables
from browser.driving import Action, Shown, show
from browser.grids import LOOK, cells
from browser.looks import LOOKS, SIX_PLACE, SPAN, Served, Values
from browser.pictures import NO_DATA, VIEWER_EDGE, cut, fitted, framed, likeness
from ome import detectors

CELLS: Action = ("list", '[role="gridcell"]')
WIDE: Action = ("resize", 2400, 720)
PLOTTED: Action = ("value", "JSON.stringify(document.querySelector('.plot').plotted)")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with looks.serve() as running:
        yield running


def look(served: Served, folder: Path, name: str, actions: Sequence[Action] = ()) -> Shown:
    """A page of LOOKS, after its own actions and some more."""
    chosen = LOOKS[name]
    shown = show(f"{served.server.url}/{chosen.address}", folder / "page.png", actions=[*chosen.actions, *actions])
    requests = [request for load in shown.loads for request in load]
    assert [request for request in requests if not request.is_answered] == []
    own = urlsplit(served.server.url).netloc
    assert {urlsplit(request.url).netloc for request in requests if request.method != "OPTIONS"} == {own}
    assert (shown.console, shown.missing()) == ([], set())
    return shown


def exported(folder: Path, menu: str = "Export", kind: str = "NPY") -> list[Action]:
    return [WIDE, ("pick", "button", menu), ("save", "button", f"Export to {kind}", str(folder / "a"))]


def trace(places: Values, shape: tuple[int, ...]) -> Action:
    """The pointer over the middle of pixels, as (column, row), when the page shows the whole image."""
    zoom, corner = fitted(shape)
    return ("trace", ((places + 0.5) * zoom + corner).tolist())


def pixels_of(shape: tuple[int, ...], count: int = 12) -> Values:
    """Random pixels, as (column, row)."""
    random = np.random.default_rng(16)
    return np.stack([random.integers(0, shape[1], count), random.integers(0, shape[0], count)], axis=1)


def test_a_scalar(served: Served, tmp_path: Path) -> None:
    assert [float(text) for text in look(served, tmp_path, "01-scalar", [("list", "pre")]).said] == [looks.WAVELENGTH]


def test_ten_million_points_down_to_samples(served: Served, tmp_path: Path) -> None:
    shown = look(served, tmp_path, "02-line", exported(tmp_path, kind="CSV")[1:])
    table = pd.read_csv(tmp_path / "a")
    np.testing.assert_array_equal(table["index"], np.arange(*SPAN))
    np.testing.assert_array_equal(table.voltage.to_numpy("f4"), exploration.samples(*SPAN))
    assert "All 300 samples from 4,999,900 on" in shown.text


def test_a_table_of_a_hundred_million_rows(served: Served, tmp_path: Path) -> None:
    said = look(served, tmp_path, "03-table", [LOOK, PLOTTED]).said
    seen = {at: text for at, (text, _) in cells(said[0]).items()}
    rows = {row for row, _ in seen}
    assert {looks.ROW, looks.ROW + 5} <= rows
    assert {row: int(seen[row, 0]) for row in rows} == {row: tables.number_at(row) for row in rows}
    assert {row: seen[row, 3] for row in rows} == {row: str(np.datetime64(row * 10, "ms")) for row in rows}
    drawn = json.loads(said[1])
    np.testing.assert_array_equal(np.array(drawn["low"], "f4"), tables.wave()[np.array(drawn["x"]).astype(int) % tables.GROUP])


def test_records(served: Served, tmp_path: Path) -> None:
    """All digits of an integer are there, and none is outside its cell."""
    clipped = "[...document.querySelectorAll('[role=gridcell]')].filter((cell) => cell.scrollWidth > cell.clientWidth).length"
    *texts, cut_off = look(served, tmp_path, "04-records", [WIDE, CELLS, ("value", clipped)]).said
    columns = [texts[number::5] for number in range(5)]
    assert [int(text) for text in columns[0]] == looks.PEAKS["number"].tolist()
    np.testing.assert_array_equal(np.array(columns[1], "f8"), looks.PEAKS["angle"])
    assert [int(text) for text in columns[2]] == looks.PEAKS["counts"].tolist()
    assert columns[3] == looks.PEAKS["phase"].tolist()
    assert [text == "true" for text in columns[4]] == looks.PEAKS["is indexed"].tolist()
    assert cut_off == "0"


def test_strings(served: Served, tmp_path: Path) -> None:
    assert [text.replace("\n", " ") for text in look(served, tmp_path, "05-strings", [CELLS]).said] == [
        text.replace("\n", " ") for text in looks.SAMPLES.tolist()
    ]


def test_times(served: Served, tmp_path: Path) -> None:
    assert look(served, tmp_path, "06-times", [CELLS]).said == np.datetime_as_string(looks.TIMES).tolist()


def test_complex_numbers(served: Served, tmp_path: Path) -> None:
    """A ring of amplitude, which has its largest number beside the colour bar; row 0 is at the top."""
    shown = look(served, tmp_path, "07-complex")
    numbers = [line for line in shown.text.splitlines() if re.fullmatch(r"\d\.\d+e-\d", line)]
    amplitude = np.abs(looks.wavefront())
    np.testing.assert_allclose(sorted(map(float, numbers)), [amplitude.min(), amplitude.max()], rtol=1e-3)
    ticks = [line for line in shown.text.splitlines() if line in {"20", "100"}]
    assert ticks.index("20") < ticks.index("100")


def test_a_slice_of_six_axes(served: Served, tmp_path: Path) -> None:
    look(served, tmp_path, "08-six-axes", exported(tmp_path, "Export slice"))
    np.testing.assert_array_equal(np.load(tmp_path / "a"), looks.six()[SIX_PLACE])


def test_nexus_opens_on_its_default_plot(served: Served, tmp_path: Path) -> None:
    shown = look(served, tmp_path, "09-nexus", exported(tmp_path))
    looks.nexus(tmp_path / "scan.nxs")
    with h5py.File(tmp_path / "scan.nxs") as file:
        np.testing.assert_array_equal(np.load(tmp_path / "a"), file["entry/absorption/mu"][:])
    assert {"Copper foil, K edge", "Absorption", "energy (keV)"} <= set(shown.text.splitlines())


def test_a_dataset_with_coordinates(served: Served, tmp_path: Path) -> None:
    shown = look(served, tmp_path, "10-dataset", exported(tmp_path, "Export slice"))
    np.testing.assert_array_equal(np.load(tmp_path / "a"), looks.warmth()[0])
    assert {"Air temperature", "lat (degrees_north)", "lon (degrees_east)"} <= set(shown.text.splitlines())


def test_a_detector_in_log_scale(served: Served, tmp_path: Path) -> None:
    """Counts are exact under the pointer; gaps of 2^32 - 1 are no data, in a colour of their own."""
    frame = detectors.eiger("u4")
    places = np.concatenate([pixels_of(frame.shape), [[100, 203], [303, 40]]])
    shown = look(served, tmp_path, "11-detector", [trace(places, frame.shape)])
    for (column, row), text in zip(places, shown.said, strict=True):
        value = frame[row, column]
        assert f"x {column}, y {row}" in text
        assert value == 2**32 - 1 or text.split()[-1] == str(value), text
        assert ("no data" in text) == (value == 2**32 - 1)
    zoom = VIEWER_EDGE / 400
    found = framed(shown.pixels, frame.shape)
    assert (found[int(203 * zoom), 20:700] == NO_DATA).all(axis=-1).mean() > 0.95


def test_a_map_is_north_up(served: Served, tmp_path: Path) -> None:
    """The top of the page is the last row; -9999 is no data, and all else is in kelvins."""
    stored = looks.sea()
    rows = len(stored)
    places = pixels_of(stored.shape)
    shown = look(served, tmp_path, "12-climate", [trace(places, stored.shape)])
    for (column, row), text in zip(places, shown.said, strict=True):
        source = rows - 1 - row
        value = int(stored[source, column])
        assert f"x {column}, y {source}" in text
        assert f"(stored {value})" in text
        assert ("no data" in text) == (value == -9999)
    zoom, (left, top) = fitted(stored.shape)
    at = ((np.arange(rows) + 0.5) * zoom + top).astype(int)
    found = (shown.pixels[at, int((10 + 0.5) * zoom + left)] == NO_DATA).all(axis=-1)
    np.testing.assert_array_equal(found, np.flipud(stored)[:, 10] == -9999)


def test_labels_over_their_image(served: Served, tmp_path: Path) -> None:
    """Coins have hues of their own, what is between them is grey."""
    shown = look(served, tmp_path, "13-labels")
    numbers = looks.cells()
    zoom, corner = fitted(numbers.shape)
    seen = {}
    for number in range(numbers.max() + 1):
        inner = np.argwhere(numbers == number)
        inner = inner[inner[:, 1] < 200]
        if len(inner) > 300:
            place = ((inner + 0.5) * zoom + corner[::-1]).astype(int)
            seen[number] = np.median(shown.pixels[place[:, 0], place[:, 1]], axis=0)
    assert len(seen) > 8
    assert np.ptp(seen.pop(0)) == 0
    assert min(np.ptp(colour) for colour in seen.values()) > 40
    assert len({tuple(colour) for colour in seen.values()}) == len(seen)


def test_a_photograph(served: Served, tmp_path: Path) -> None:
    """The pixels of the PNG, as PIL reads it: at this zoom the page mixes neighbours."""
    shown = look(served, tmp_path, "14-photo")
    small = Image.fromarray(looks.photo()).resize((VIEWER_EDGE, VIEWER_EDGE), Image.Resampling.NEAREST)
    part = (slice(60, 660), slice(60, 560))
    found, expected = cut(shown.pixels, VIEWER_EDGE, VIEWER_EDGE)[part].astype(int), np.asarray(small)[part].astype(int)
    assert np.percentile(np.abs(found - expected), 90) < 12
    for channel in range(3):
        assert likeness(found[..., channel], expected[..., channel]) > 0.98


def test_a_stack_that_grows(served: Served, tmp_path: Path) -> None:
    """The slider goes to the new frame, and its drop is where numpy has it."""
    before = served.growing.frames
    with served.followed() as growth:
        shown = look(served, tmp_path, "15-live", growth)
    expected = looks.frame(before)
    assert served.growing.frames == before + 1
    assert likeness(cut(shown.pixels, VIEWER_EDGE, VIEWER_EDGE)[60:600, 30:560], cut_of(expected)[60:600, 30:560]) > 0.98


def cut_of(image: Values) -> Values:
    return np.asarray(Image.fromarray(image).resize((VIEWER_EDGE, VIEWER_EDGE), Image.Resampling.BILINEAR), "f4")


def test_a_shared_link_opens_equal(served: Served, tmp_path: Path) -> None:
    """A link, the same link in another browser profile, and a reload: the same pixels, the line's values numpy's."""
    copy: list[Action] = [("address",), ("read", "#profile[data-state=read] figcaption")]
    first = look(served, tmp_path, "16-link", [*copy, ("copy", "Copy values")])
    table = [row.split("\t") for row in first.said[-1].split("\n")]
    assert table[0][1:] == ["nuclei", "spots"]
    values: Any = gallery.stack()[3]
    for number, channel in enumerate((0, 2)):
        expected = profile_line(values[channel].astype("f8"), (190, 120), (330, 390), linewidth=1, order=0, mode="nearest")
        np.testing.assert_array_equal([float(row[number + 1]) for row in table[1:]], expected)
    plain = look(served, tmp_path, "16-link", copy)
    assert plain.said[0] == f"{served.server.url}/{looks.LINK}"
    again = look(served, tmp_path, "16-link", [("reload",), *copy])
    assert again.said == plain.said
    assert (again.pixels == plain.pixels).mean() > 0.999
