"""The explore page and the page of a table follow data that grow: their values are those of numpy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from browser.calling import listening
from browser.driving import Action, show
from browser.grids import CELLS, SETTLE, cells
from live import Live, live

GRID = '[role="gridcell"]'
FOLLOW: Action = ("pick", "checkbox", "Follow")
LIVE: Action = ("until", "document.getElementById('follow').textContent.includes('live')")
SLIDER: Action = ("value", "document.querySelector('[role=slider]').ariaValueNow")
FRAME = (3, 4)


def samples(first: int, stop: int) -> np.ndarray[Any, Any]:
    return np.arange(first, stop) ** 2


class Grown:
    """A folder with an HDF5 file of a line and of a stack, and a table, which grow together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps = 0
        with h5py.File(folder / "scan.h5", "w") as file:
            file.create_dataset("line", (0,), "i8", chunks=(4,), maxshape=(None,))
            file.create_dataset("stack", (0, *FRAME), "i4", chunks=(1, *FRAME), maxshape=(None, *FRAME))
        self.grow()
        self.grow()

    def grow(self) -> None:
        """Add three samples, a frame, and a hundred rows."""
        self.steps += 1
        with h5py.File(self.folder / "scan.h5", "r+") as file:
            file["line"].resize((3 * self.steps,))
            file["line"][:] = self.line
            file["stack"].resize((self.steps, *FRAME))
            file["stack"][-1] = self.frame
        new = self.folder / "new"
        pd.DataFrame({"square": self.rows}).to_parquet(new)
        new.replace(self.folder / "rows.parquet")

    @property
    def line(self) -> np.ndarray[Any, Any]:
        return samples(0, 3 * self.steps)

    @property
    def frame(self) -> np.ndarray[Any, Any]:
        return samples(100 * self.steps, 100 * self.steps + 12).reshape(FRAME)

    @property
    def rows(self) -> np.ndarray[Any, Any]:
        return samples(0, 100 * self.steps)


@pytest.fixture
def grown(tmp_path: Path) -> Grown:
    (tmp_path / "data").mkdir()
    return Grown(tmp_path / "data")


@pytest.fixture
def server(grown: Grown) -> Iterator[Live]:
    with live("directory", grown.folder, env={"TILED_ZARR_API_KEY": "secret"}) as running:
        yield running


def seen(text: object) -> Action:
    return ("until", f"[...document.querySelectorAll('{GRID}')].some((cell) => cell.innerText === '{text}')")


def test_the_explore_page_follows_the_selected_node(server: Live, grown: Grown, tmp_path: Path) -> None:
    """A line gets longer; then a stack is selected, and its slider goes to the new frame."""
    page = f"{server.url}/k/secret/explore/scan/line?vis=Matrix"
    with listening(grown.grow) as grow:
        line: list[Action] = [FOLLOW, LIVE, ("call", grow), seen(samples(8, 9)[0]), ("list", GRID), ("value", "'|'")]
        stack: list[Action] = [("pick", "treeitem", "stack"), ("pick", "tab", "Matrix"), LIVE, ("pause", 1500), ("call", grow)]
        newest: list[Action] = [seen(samples(400, 401)[0]), ("list", GRID), SLIDER, ("address",), ("axe",)]
        shown = show(page, tmp_path / "page.png", actions=[*line, *stack, *newest])
    assert shown.console == []
    end = shown.said.index("|")
    assert [int(text) for text in shown.said[:end]] == samples(0, 9).tolist()
    assert [int(text) for text in shown.said[end + 1 : -2]] == grown.frame.ravel().tolist()
    assert shown.said[-2] == "3"
    assert shown.said[-1].startswith(f"{server.url}/k/secret/explore/scan/stack?")
    assert "follow=on" in shown.said[-1]
    assert "slice=3,y,x" in shown.said[-1]


def test_the_page_of_a_table_follows_its_last_rows(server: Live, grown: Grown, tmp_path: Path) -> None:
    """The rows at the end are in view, so the new ones come into view; the first ones stay in view if they are."""
    page = f"{server.url}/explore/rows?api_key=secret&follow=on"
    look: Action = ("value", CELLS)
    with listening(grown.grow) as grow:
        first: list[Action] = [SETTLE, LIVE, ("call", grow), rows("300 rows"), SETTLE, look]
        last: list[Action] = [("fill", "Row", "299"), ("click", "Go"), SETTLE, ("call", grow), rows("400 rows"), SETTLE, look]
        shown = show(page, tmp_path / "page.png", actions=[*first, *last, ("pause", 500), ("address",), ("axe",)])
    assert shown.console == []
    top, bottom = (cells(said) for said in shown.said[:2])
    assert min(row for row, _ in top) == 0
    assert max(row for row, _ in bottom) == 399
    for found in (top, bottom):
        assert {row: int(text) for (row, _), (text, _) in found.items()} == {row: grown.rows[row] for row, _ in found}
    assert "follow=on" in shown.said[2]
    assert len(shown.said) == 3


def rows(text: str) -> Action:
    return ("until", f"document.querySelector('.count').textContent.startsWith('{text}')")
