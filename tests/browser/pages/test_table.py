"""The page of a table, in a browser, against a running server; the right values are pandas'."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import numpy as np
import pandas as pd
import pytest

from browser import tables
from browser.conftest import KEY
from browser.driving import Action, Shown, press, show
from browser.grids import ACTIVE, COPIED, EVERY_COLUMN, FOCUS, LOOK, SETTLE, Cells, cells, go, is_flawless, open_table, rows_shown, visit
from live import Live


def chunks(shown: Shown, column: str) -> set[int]:
    """The chunks of a column that were requested."""
    found = [re.search(rf"/{column}/c/(\d+)$", request.url) for load in shown.loads for request in load]
    return {int(match[1]) for match in found if match}


def same_text(text: str, value: Any) -> bool:
    return text == str(value)


def same_float(text: str, value: Any) -> bool:
    """The same number, with no more digits than numpy needs for its type."""
    return bool(type(value)(text) == value) and len(text.lstrip("-")) <= len(np.format_float_positional(value, trim="-").lstrip("-"))


def same_double(text: str, value: Any) -> bool:
    return float(text) == value and len(re.sub(r"[^\d]", "", text.partition("e")[0]).strip("0")) <= 17


def same_time(text: str, value: Any) -> bool:
    plain = value if isinstance(value, np.datetime64) else pd.Timestamp(value)
    if isinstance(plain, pd.Timestamp):
        plain = (plain.tz_convert("UTC").tz_localize(None) if plain.tz else plain).to_datetime64()
    return text == str(plain)


def same_span(text: str, value: Any) -> bool:
    count, unit = text.split(" ")
    return pd.Timedelta(int(count), {"microseconds": "us", "nanoseconds": "ns"}[unit]) == value


def same_truth(text: str, value: Any) -> bool:
    return text == ("true" if value else "false")


def same_complex(text: str, value: Any) -> bool:
    return bool(complex(text.replace("i", "j")) == value)


CHECKS: dict[str, Callable[[str, Any], bool]] = {
    "float64": same_double,
    "float32": same_float,
    "tiny": same_double,
    "bool": same_truth,
    "maybe": same_truth,
    "time": same_time,
    "second": same_time,
    "zoned": same_time,
    "span": same_span,
    "complex": same_complex,
}
MARKS = {"float64": "NaN", "time": "NaT", "span": "NaT", "text": "null", "nullable": "null", "maybe": "null"}


def test_every_type_is_shown_exactly(frames: Live, tmp_path: Path) -> None:
    frame = tables.kinds().reset_index()
    jumps = [0, 399, 173]
    shown = open_table(frames, "kinds", tmp_path, [action for row in jumps for action in go(row)], size=EVERY_COLUMN)
    seen: Cells = {}
    for said in shown.said:
        seen |= cells(said)
    assert {0, 399, 173} <= {row for row, _ in seen}
    for column, name in enumerate(frame.columns):
        values = [(row, *seen[row, column]) for row, at in seen if at == column]
        assert len(values) > 60
        for row, text, missing in values:
            value = frame[name].iloc[row]
            if name in MARKS and pd.isna(value):
                assert (text, missing) == (MARKS[name], True), (name, row)
            else:
                assert CHECKS.get(name, same_text)(text, value), (name, row, text, value)
                assert not missing
    header = json.loads(open_table(frames, "kinds", tmp_path, [("value", HEADERS)], size=EVERY_COLUMN).said[0])
    assert header == ["#", *frame.columns]


HEADERS = "JSON.stringify([...document.querySelectorAll('[role=columnheader]')].map((header) => header.innerText.trim()))"


def long_row(row: int) -> list[str]:
    when = np.datetime64(row * 10, "ms")
    return [str(tables.number_at(row)), str(tables.wave()[row % tables.GROUP]).removesuffix(".0"), tables.state_at(row), str(when)]


def test_any_row_of_a_hundred_million_is_there_at_once(frames: Live, tmp_path: Path) -> None:
    """Only the chunks of the rows in view are read: the first, the last, and those of jumps."""
    jumps = [int(row) for row in np.random.default_rng(1).integers(0, tables.LONG_ROWS, 3)]
    actions = [LOOK, FOCUS, *press("Control+End"), SETTLE, LOOK, *[action for row in jumps for action in go(row)]]
    shown = open_table(frames, "long", tmp_path, actions)
    for said, row in zip(shown.said, [0, tables.LONG_ROWS - 1, *jumps], strict=True):
        seen = cells(said)
        assert row in {at for at, _ in seen}
        for (at, column), (text, missing) in seen.items():
            expected = long_row(at)[column]
            assert (text, missing) == (expected, False) or float(text) == float(expected) == 0
    size = 131_072
    first = {row // size for row in [0, tables.LONG_ROWS - 1, *jumps]}
    assert first <= chunks(shown, "number") <= first | {chunk + 1 for chunk in first}
    assert "100,000,000 rows, 4 columns" in shown.text
    assert "are off beyond 1,000,000 rows" in shown.text


def test_a_billion_rows_scroll_by_one_row(frames: Live, tmp_path: Path) -> None:
    last = tables.LONGEST_ROWS - 1
    actions = [FOCUS, *press("Control+End"), SETTLE, ("value", ACTIVE), LOOK, *press(*["ArrowUp"] * 3), ("value", ACTIVE)]
    actions += [*go(612_345_678), *press("ArrowDown"), ("value", ACTIVE), ("turn", 26), SETTLE, LOOK, *press("Control+Home"), SETTLE, LOOK]
    end, bottom, up, middle, down, turned, top = open_table(frames, "longest", tmp_path, actions).said
    assert end == f"{last * 2 + 1} of {last + 2}"
    assert up == f"{(last - 3) * 2 + 1} of {last - 3 + 2}"
    assert down == f"{612_345_679 * 2 + 1} of {612_345_679 + 2}"
    for said, row in ((bottom, last), (middle, 612_345_678), (turned, 612_345_690), (top, 0)):
        seen = cells(said)
        assert (row, 0) in seen
        assert all(text == str(at * 2 + 1) for (at, _), (text, _) in seen.items())
    assert max(at for at, _ in cells(turned)) - max(at for at, _ in cells(middle)) <= 30


SORTS = [("number", False), ("number", True), ("count", True), ("small", False), ("text", False), ("text", True), ("time", False)]


def test_sorted_as_pandas_sorts(frames: Live, tmp_path: Path) -> None:
    order: Action = ("value", "document.querySelector('[aria-sort$=ending]').ariaSort")
    actions: list[Action] = []
    for column, descending in SORTS:
        query = f"sort={column}{'&order=descending' if descending else ''}"
        actions += [*visit(query), LOOK, order, FOCUS, *press("Control+End"), SETTLE, LOOK]
    said = open_table(frames, "shuffled", tmp_path, actions).said
    for (column, descending), (_, top, direction, bottom) in zip(SORTS, batched(said, 4), strict=True):
        expected = tables.shuffled()[column].sort_values(ascending=not descending, kind="stable", na_position="last").index.to_list()
        first, last = rows_shown(top), rows_shown(bottom)
        assert len(first) > 20
        assert first == expected[: len(first)], (column, descending)
        assert last[-20:] == expected[-20:], (column, descending)
        assert direction == ("descending" if descending else "ascending")


def batched(said: Sequence[str], size: int) -> list[Sequence[str]]:
    return [said[start : start + size] for start in range(0, len(said), size)]


def filters() -> dict[str, pd.Series]:
    frame = tables.shuffled()
    return {
        "filter=text&is=contains&value=T123": frame.text.str.lower().str.contains("t123"),
        "filter=text&is=%3D&value=é": frame.text == "é",
        "filter=number&is=%E2%89%A5&value=2.5": frame.number >= 2.5,
        "filter=number&is=is+missing": frame.number.isna(),
        "filter=small&is=%E2%89%A0&value=3": frame.small != 3,
        "filter=count&is=%3C&value=-4000000000000000001": frame["count"] < -4_000_000_000_000_000_001,
        "filter=time&is=%3E&value=2051-09-01T12:30": frame.time > pd.Timestamp("2051-09-01T12:30"),
        "filter=time&is=%E2%89%A5&value=2048-02-29+23:30:00.5-0130": frame.time >= pd.Timestamp("2048-03-01T01:00:00.5"),
        "filter=single&is=%3D&value=0.1": frame.single == 0.1,
        "filter=single&is=%E2%89%A4&value=-4.3": frame.single <= -4.3,
        "filter=half&is=%3C&value=4.7": frame.half < np.float16(4.7),
        "filter=far&is=%3C&value=-4000-02-29T06:07:08": frame.far < np.datetime64("-4000-02-29T06:07:08"),
    }


def test_filtered_as_pandas_filters(frames: Live, tmp_path: Path) -> None:
    count: Action = ("value", "document.querySelector('.count').innerText")
    actions = [action for query in filters() for action in (*visit(f"{query}&sort=small&order=descending"), LOOK, count)]
    said = open_table(frames, "shuffled", tmp_path, actions).said
    for (query, passes), (_, looked, counted) in zip(filters().items(), batched(said, 3), strict=True):
        expected = tables.shuffled()[passes]
        assert 0 < len(expected) < tables.SORTED_ROWS
        in_order = expected.sort_values("small", ascending=False, kind="stable").index.to_list()
        assert counted.startswith(f"{len(expected):,} row"), query
        rows = rows_shown(looked)
        assert rows == in_order[: len(rows)], query
        assert len(rows) == len(expected) or len(rows) > 20


def test_controls_sort_filter_and_go_back(frames: Live, tmp_path: Path) -> None:
    actions: list[Action] = [
        ("hit", ".slick-header-column[title=small] .sort"),
        SETTLE,
        LOOK,
        ("select", "Column", "text"),
        ("fill", "Value to filter by", "t777"),
        ("click", "Filter"),
        SETTLE,
        LOOK,
        ("value", "location.search"),
        ("reload",),
        SETTLE,
        LOOK,
        ("back",),
        SETTLE,
        LOOK,
        ("click", "All rows"),
        SETTLE,
        LOOK,
    ]
    sorted_rows, filtered, address, again, back, every = open_table(frames, "shuffled", tmp_path, actions).said
    frame = tables.shuffled()
    in_order = frame.sort_values("small", kind="stable")
    assert parse_qs(address) == {"?sort": ["small"], "filter": ["text"], "is": ["contains"], "value": ["t777"]}
    expected = in_order[in_order.text.str.contains("t777")].index.to_list()
    assert rows_shown(filtered) == rows_shown(again) == expected[: len(rows_shown(again))]
    assert rows_shown(sorted_rows) == rows_shown(back) == in_order.index.to_list()[: len(rows_shown(back))]
    assert rows_shown(every) == list(range(len(rows_shown(every))))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("number", "high", "“high” is not a value of a column of type float64."),
        ("time", "12", "“12” is not a time."),  # for Date.parse, it is December 2001
        ("time", "May 5 2031", "“May 5 2031” is not a time."),
        ("time", "2031-02-29", "“2031-02-29” is not a time."),
        ("time", "2031-02-28T24:00", "“2031-02-28T24:00” is not a time."),
    ],
)
def test_what_no_column_can_be_is_said(frames: Live, tmp_path: Path, column: str, value: str, said: str) -> None:
    shown = show(f"{frames.url}/explore/shuffled?filter={column}&is=%3E&value={quote(value)}", tmp_path / "page.png", actions=[SETTLE])
    assert said in shown.text


def test_all_rows_is_one_step_of_back(frames: Live, tmp_path: Path) -> None:
    actions = [*visit("sort=small&filter=text&is=contains&value=t777"), LOOK, ("click", "All rows"), SETTLE, LOOK, ("back",), SETTLE, LOOK]
    _, before, every, back = open_table(frames, "shuffled", tmp_path, actions).said
    assert rows_shown(every) == list(range(len(rows_shown(every))))
    assert rows_shown(back) == rows_shown(before) != rows_shown(every)


def test_a_table_without_rows(frames: Live, tmp_path: Path) -> None:
    shown = open_table(frames, "empty?plot=a", tmp_path, [("value", HEADERS), LOOK])
    assert (json.loads(shown.said[0])[-2:], json.loads(shown.said[1])) == (["a", "b"], [])
    assert "0 rows" in shown.text


def test_only_the_columns_in_view_are_read(frames: Live, tmp_path: Path) -> None:
    shown = open_table(frames, "wide", tmp_path, [FOCUS, *press("End"), SETTLE, LOOK])
    seen = cells(shown.said[0])
    assert seen[3, tables.COLUMNS] == (str(3 * tables.COLUMNS + tables.COLUMNS - 1), False)
    columns = {request.url.split("/")[-3] for request in shown.loads[0] if "/c/" in request.url}
    assert 10 <= len(columns) <= 40


def test_keys_reach_everything_and_leave_the_grid_again(frames: Live, tmp_path: Path) -> None:
    actions = [
        FOCUS,
        *press("ArrowRight", "ArrowRight", "ArrowDown"),
        ("value", ACTIVE),
        ("value", COPIED),
        *press("Shift+ArrowDown", "Shift+ArrowRight"),
        ("value", COPIED),
    ]
    actions += [*press("Shift+Tab"), ("value", "document.activeElement.textContent")]
    active, copied, several, outside = open_table(frames, "shuffled", tmp_path, actions).said
    frame = tables.shuffled()
    count = frame["count"]
    assert active == f"{count[1]} of 3"
    assert copied == str(count[1])
    assert several == "\n".join(f"{count[row]}\t{frame['small'][row]}" for row in (1, 2))
    assert outside == "Go"


@pytest.mark.parametrize(("size", "scheme"), [((1280, 720), "light"), ((390, 844), "dark")])
@pytest.mark.parametrize("path", ["kinds?plot=float64", "long"])
def test_axe_finds_nothing(frames: Live, tmp_path: Path, path: str, size: tuple[int, int], scheme: str) -> None:
    shown = open_table(
        frames, path, tmp_path, [("axe",), ("value", "document.documentElement.scrollWidth <= innerWidth")], size=size, scheme=scheme
    )
    assert shown.said == ["true"]
    assert (shown.pixels.mean() > 127) == (scheme == "light")


@pytest.mark.parametrize("spelling", ["?api_key={key}", "/k/{key}"])
def test_a_key_reaches_every_request(locked_frames: Live, tmp_path: Path, spelling: str) -> None:
    part = spelling.format(key=quote(KEY, safe=""))
    prefix, query = (part, "") if part.startswith("/") else ("", part)
    shown = show(f"{locked_frames.url}{prefix}/explore/shuffled{query}", tmp_path / "page.png", actions=[SETTLE, LOOK])
    assert is_flawless(shown, locked_frames)
    assert rows_shown(shown.said[0])[:3] == [0, 1, 2]
