"""Times and other coordinates on the axes of the explore page are those of numpy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browser import instants
from browser.conftest import environment
from browser.driving import Action
from browser.pages.test_explore import DRAWN, explore
from live import Live, live


def texts(axis: str) -> Action:
    """Say the ticks and the label of an axis, with bars between them."""
    return ("value", f"""[...document.querySelectorAll('svg[data-type="{axis}"] text')].map((text) => text.textContent).join("|")""")


X, Y = texts("abscissa"), texts("ordinate")
TICKS = '[data-type="abscissa"] .visx-axis-tick'
SETTLED: Action = ("pause", 300)
TOOLTIP: Action = ("list", "[class*=_tooltip_]")


@pytest.fixture(scope="module")
def timed() -> Iterator[Live]:
    with live(env=environment("") | {"TILED_ZARR_TREE": "browser.instants:tree", "TILED_ZARR_PUBLIC": "1"}) as server:
        yield server


def times(said: str) -> tuple[np.ndarray[Any, Any], str]:
    """The ticks as numpy reads them, and the label beside them."""
    *ticks, label = sorted(said.split("|"))
    return np.array(ticks, "datetime64[us]"), label


def placed(server: Live, path: str, folder: Path, title: str) -> dict[str, float]:
    """The places of the ticks below a plot, by their texts: pixels from its left edge. The title is that of the axis."""
    titled: Action = ("until", f"document.querySelector('[data-type=\"abscissa\"]')?.textContent.endsWith({title!r})")
    texts = explore(server, path, folder, titled, ("list", TICKS)).said
    places = explore(server, path, folder, titled, *[("attribute", f"{TICKS}:has-text('{text}') line", "x1") for text in texts]).said
    return dict(zip(texts, map(float, places), strict=True))


def test_ticks_of_a_line_are_days(timed: Live, tmp_path: Path) -> None:
    ticks, label = times(explore(timed, "tide/mean", tmp_path, DRAWN, SETTLED, X).said[0])
    assert label == "Time of day"
    assert len(ticks) >= 3
    assert set(np.diff(ticks)) <= {np.timedelta64(12, "h"), np.timedelta64(24, "h")}
    assert set(ticks) <= set(instants.HOURS)


def test_ticks_are_where_their_times_are(timed: Live, tmp_path: Path) -> None:
    found = placed(timed, "tide/mean", tmp_path, "Time of day")
    hours = (np.array(list(found), "datetime64[ns]") - instants.HOURS[0]) / np.timedelta64(1, "h")
    pixels = np.array(list(found.values()))
    np.testing.assert_allclose(np.diff(pixels) / np.diff(hours), np.ptp(pixels) / np.ptp(hours), rtol=0.01)


def test_zooming_shows_hours(timed: Live, tmp_path: Path) -> None:
    wheel: list[Action] = [DRAWN, *[("turn", -100)] * 16, SETTLED, X]
    ticks, _ = times(explore(timed, "tide/mean", tmp_path, *wheel).said[0])
    assert len(ticks) >= 2
    assert set(np.diff(ticks)) <= {np.timedelta64(3, "h"), np.timedelta64(6, "h")}
    assert instants.HOURS[0] < ticks[0] < ticks[-1] < instants.HOURS[-1]


def test_ticks_of_decades_are_years(timed: Live, tmp_path: Path) -> None:
    said = explore(timed, "glacier/length", tmp_path, DRAWN, SETTLED, X).said[0]
    *years, label = said.split("|")
    assert label == "time"
    assert [int(year) % 5 for year in years] == [0] * len(years)
    assert 1979 <= int(years[0]) < int(years[-1]) <= 2023


def test_a_picture_over_time_and_what_is_under_the_pointer(timed: Live, tmp_path: Path) -> None:
    """The pointer is in the middle of the page: its hour has the value that is shown."""
    point: list[Action] = [DRAWN, ("turn", -1), SETTLED, Y, ("list", "[class*=_tooltip_]")]
    said, tooltip = explore(timed, "tide/level?vis=NX+Heatmap", tmp_path, *point).said
    ticks, label = times(said)
    assert label == "Time of day"
    assert set(ticks) <= set(instants.HOURS)
    place, value = tooltip.splitlines()[:2]
    x, time = place.split(", ")[:2]
    column, hour = float(x.split("=")[1]), np.datetime64(time.split("=")[1].rstrip(","), "ns")
    expected = instants.LEVELS[np.flatnonzero(hour == instants.HOURS)[0]] * (column + 1)
    assert float(value.split(" ")[0].replace("\N{MINUS SIGN}", "-")) == pytest.approx(expected, rel=1e-4)


def test_other_calendars_stay_numbers(timed: Live, tmp_path: Path) -> None:
    said = explore(timed, "leapless/rain", tmp_path, DRAWN, SETTLED, X).said[0]
    assert "day (days since 2000-02-27, noleap calendar)" in said


def test_bins_of_a_long_line_have_their_times(timed: Live, tmp_path: Path) -> None:
    """A bin has its first and its last."""
    said, tooltip = explore(timed, "buoy/height", tmp_path, DRAWN, SETTLED, ("turn", -1), ("pause", 800), X, TOOLTIP).said
    ticks, label = times(said)
    assert label == "time"
    assert len(ticks) >= 3
    assert np.diff(ticks).min() > np.timedelta64(1, "h")
    assert instants.SECONDS[0] <= ticks[0] < ticks[-1] <= instants.SECONDS[-1]
    place, indices = tooltip.removeprefix("time = ").split(", index ")
    first, last = (int(text) for text in indices.split(":")[0].split(" to "))
    assert last > first
    np.testing.assert_array_equal(np.array(place.split(" to "), "datetime64[ns]"), instants.SECONDS[[first, last]])


def test_samples_of_a_long_line_have_their_times(timed: Live, tmp_path: Path) -> None:
    said, tooltip = explore(timed, "buoy/height?x=500000,500600", tmp_path, DRAWN, ("turn", -1), ("pause", 1500), X, TOOLTIP).said
    ticks, _ = times(said)
    assert len(ticks) >= 3
    assert set(ticks) <= set(instants.SECONDS[500_000:500_600])
    place, rest = tooltip.removeprefix("time = ").split(", index ")
    index, value = rest.split(": ")
    assert np.datetime64(place, "ns") == instants.SECONDS[int(index)]
    assert float(value) == instants.HEIGHTS[int(index)]


def test_a_long_signal_of_nexus_has_its_axis(timed: Live, tmp_path: Path) -> None:
    said, tooltip = explore(timed, "trace/data?x=100000,100500", tmp_path, DRAWN, ("turn", -1), ("pause", 1500), X, TOOLTIP).said
    *ticks, label = said.split("|")
    assert label == "energy (keV)"
    assert 105 <= float(ticks[0]) < float(ticks[-1]) <= 105.5
    place, rest = tooltip.removeprefix("energy (keV) = ").split(", index ")
    assert float(place) == pytest.approx(instants.ENERGIES[int(rest.split(":")[0])], rel=1e-14)


def test_a_large_picture_of_nexus_has_its_axes(timed: Live, tmp_path: Path) -> None:
    text = explore(timed, "trace/scan", tmp_path, DRAWN).text
    assert {"row (mm)", "column (mm)"} <= set(text.splitlines())


@pytest.mark.parametrize(
    ("path", "title", "places"),
    [("drift/height", "when", instants.MOMENTS), ("trace/decay", "charge (mC)", instants.DESCENDING)],
)
def test_ticks_of_a_long_line_are_where_its_coordinates_are(timed: Live, tmp_path: Path, path: str, title: str, places: Any) -> None:
    """Its x axis has its samples one beside the other, so that the last index is at the right edge."""
    found = placed(timed, path, tmp_path, title)
    assert len(found) >= 3
    order = np.argsort(places)
    wanted = np.array(list(found), places.dtype)
    indices = np.interp(wanted.astype("f8"), places[order].astype("f8"), order)
    pixels = np.array(list(found.values()))
    middle = len(pixels) // 2
    np.testing.assert_allclose(pixels / pixels[middle], indices / indices[middle], atol=0.005)
