"""The widths of a table's columns, in a browser: whether the layout says that a text is cut, and what is done about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from browser import tables
from browser.driving import Action, press
from browser.grids import COPIED, FOCUS, SETTLE, go, open_table
from live import Live

CUT = """JSON.stringify([...new Set([...document.querySelectorAll('.slick-cell:not(.pending), .heading .name')]
    .filter((box) => box.scrollWidth > box.clientWidth)
    .map((box) => box.closest('.slick-header-column')?.title ?? Number(box.ariaColIndex) - 2))])"""
"""The columns of the table that have a cut cell or name, as the browser lays them out."""
WIDTHS = """JSON.stringify([...document.querySelectorAll('.slick-header-columns-right [role=columnheader]')]
    .map((header) => Math.round(header.getBoundingClientRect().width)))"""
ROOM = "document.querySelector('.slick-viewport-right').clientWidth"
WHOLE = "(() => { const { hidden, textContent } = document.querySelector('.whole'); return hidden ? '' : textContent; })()"
BOX = "document.querySelector('.whole').getBoundingClientRect()"
ESSAY = list(tables.texts().reset_index()).index("essay")
TO_ESSAY: list[Action] = [FOCUS, *press(*["ArrowRight"] * ESSAY), SETTLE]


@pytest.mark.parametrize("path", ["kinds", "shuffled", "long", "longest"])
def test_no_cell_is_cut_that_has_a_sensible_length(frames: Live, tmp_path: Path, path: str) -> None:
    last: list[Action] = [FOCUS, *press("Control+End"), SETTLE]
    said = open_table(frames, path, tmp_path, [("value", CUT), *last, ("value", CUT)], size=(1000, 720)).said
    assert said == ["[]", "[]"]


def test_long_texts_share_the_room_that_is_left(frames: Live, tmp_path: Path) -> None:
    looks: list[Action] = [("value", CUT), ("value", WIDTHS), ("value", ROOM)]
    shown = open_table(frames, "texts", tmp_path, [*looks, *go(399), *looks, ("resize", 800, 720), SETTLE, *looks], size=(2000, 720))
    top, bottom, narrow = shown.said[:3], shown.said[4:7], shown.said[7:]
    for cut, widths, room in (top, bottom):
        assert json.loads(cut) == [ESSAY]
        assert sum(json.loads(widths)) == int(room)
    assert json.loads(bottom[1])[2] > json.loads(top[1])[2]
    assert set(json.loads(narrow[0])) == {ESSAY, tables.LONG_NAME}
    assert json.loads(narrow[1])[ESSAY] == 400


def test_a_cut_cell_shows_all_of_its_text(frames: Live, tmp_path: Path) -> None:
    essay = tables.texts().essay
    look: Action = ("value", WHOLE)
    hover: Action = ("hover", f".slick-row[data-row='3'] .l{ESSAY + 1}")
    actions = [
        look,
        *TO_ESSAY,
        look,
        ("value", COPIED),
        *press("Escape"),
        look,
        hover,
        look,
        ("hover", ".slick-row[data-row='3'] .l1"),
        look,
    ]
    before, focused, copied, dismissed, hovered, uncut = open_table(frames, "texts", tmp_path, actions).said
    assert (before, dismissed, uncut) == ("", "", "")
    assert focused == copied == essay[0]
    assert hovered == essay[3]


def test_columns_are_widened_by_keys_and_by_the_pointer(frames: Live, tmp_path: Path) -> None:
    look: Action = ("value", WIDTHS)
    actions = [
        look,
        FOCUS,
        *press("ArrowRight", "+", "+"),
        look,
        *press("-"),
        look,
        ("stretch", ".slick-header-column[title=n]", 100),
        look,
    ]
    actions += [
        ("twice", ".slick-header-column[title=n] .slick-resizable-handle"),
        look,
        *press("ArrowRight", "-"),
        look,
        *press("="),
        look,
        *go(399),
        look,
    ]
    start, wider, narrower, dragged, fitted, words, whole, _, end = [
        json.loads(said) for said in open_table(frames, "texts", tmp_path, actions).said
    ]
    assert wider[1] == start[1] + 80
    assert narrower[1] == start[1] + 40
    assert dragged[1] == start[1] + 140
    assert fitted[1] <= start[1]
    assert words[2] == start[2] - 40
    assert whole[2] == start[2]
    assert end[2] == whole[2], "a width that the user has set stays"


@pytest.mark.parametrize(("size", "scheme"), [((1280, 720), "light"), ((390, 844), "dark")])
def test_axe_finds_nothing_with_a_whole_text(frames: Live, tmp_path: Path, size: tuple[int, int], scheme: str) -> None:
    seen = f"(({{ left, right }}) => left >= 0 && right <= innerWidth && right > left)({BOX})"
    assert open_table(frames, "texts", tmp_path, [*TO_ESSAY, ("axe",), ("value", seen)], size=size, scheme=scheme).said == ["true"]
