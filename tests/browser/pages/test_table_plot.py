"""Plots of columns of tables, in a browser; the right values are numpy's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np

from browser import tables
from browser.driving import Action
from browser.grids import SETTLE, open_table
from live import Live

PLOTTED = "JSON.stringify(document.querySelector('.plot').plotted)"


def plotted(said: str) -> dict[str, Any]:
    """The points of the plot: `x`, `low` and `high` with `factor` rows a point."""
    points: dict[str, Any] = json.loads(said)
    return points


def test_a_plot_has_the_extremes_of_each_bin_and_then_each_sample(frames: Live, tmp_path: Path) -> None:
    span = (40_000_000, 44_000_000)
    actions = [("value", PLOTTED), ("sweep", ".u-over", 0.5, 0.51), SETTLE, ("value", PLOTTED), ("value", "location.search")]
    shown = open_table(frames, f"long?plot=wave&span={span[0]}-{span[1]}", tmp_path, actions)
    coarse, fine = plotted(shown.said[0]), plotted(shown.said[1])
    factor = coarse["factor"]
    assert factor > 1
    assert not coarse["isSampled"]
    assert 500 <= len(coarse["x"]) <= 2500
    starts = np.arange(span[0] // factor, -(-span[1] // factor)) * factor
    bins = np.take(tables.wave(), (starts[:, None] + np.arange(factor)) % tables.GROUP)
    np.testing.assert_array_equal(np.array(coarse["low"], "f4"), bins.min(axis=1))
    np.testing.assert_array_equal(np.array(coarse["high"], "f4"), bins.max(axis=1))
    np.testing.assert_array_equal(coarse["x"], starts + (factor - 1) / 2)
    assert (fine["factor"], len(fine["x"]) > 1000) == (1, True)
    row = np.array(fine["x"]).astype(int)
    assert parse_qs(shown.said[2])["span"] == [f"{row[0]}-{row[-1] + 1}"]
    assert abs(row.mean() - (span[0] + 0.505 * (span[1] - span[0]))) < 2 * factor
    np.testing.assert_array_equal(np.array(fine["low"], "f4"), tables.wave()[row % tables.GROUP])


def test_a_click_plots_a_column_and_the_first_plot_of_many_rows_says_what_it_is(frames: Live, tmp_path: Path) -> None:
    actions: list[Action] = [
        ("hit", ".slick-header-column[title=wave] .name"),
        SETTLE,
        ("value", PLOTTED),
        ("read", ".plot .note"),
        ("hit", ".slick-header-column[title=state] .name"),
        SETTLE,
        ("read", ".plot .note"),
        ("back",),
        SETTLE,
        ("value", "document.querySelector('.plot h2').innerText"),
    ]
    first, note, text, back = open_table(frames, "long", tmp_path, actions).said
    overview = plotted(first)
    assert (set(overview["low"]), set(overview["high"])) == ({-1}, {1})
    assert ("samples" in note) == overview["isSampled"]
    assert "no plot" in text
    assert back == "wave"


def test_a_plot_against_a_column_of_times(frames: Live, tmp_path: Path) -> None:
    actions = [("value", PLOTTED), ("select", "Against", "row number"), SETTLE, ("value", "location.search")]
    shown = open_table(frames, "long?plot=number&x=when&span=5000-5400", tmp_path, actions)
    drawn = plotted(shown.said[0])
    rows = np.arange(5000, 5400)
    np.testing.assert_allclose(drawn["x"], rows / 100, rtol=1e-12)
    np.testing.assert_array_equal(drawn["low"], [tables.number_at(int(row)) for row in rows])
    assert "x" not in parse_qs(shown.said[1])


def test_missing_values_leave_gaps_in_a_plot(frames: Live, tmp_path: Path) -> None:
    drawn = plotted(open_table(frames, "kinds?plot=float64", tmp_path, [("value", PLOTTED)]).said[0])
    expected = tables.kinds()["float64"]
    assert [value is None for value in drawn["low"]] == expected.isna().to_list()
    assert [value for value in drawn["low"] if value is not None] == expected.dropna().to_list()
