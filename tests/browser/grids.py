"""What the browser tests do with the page of a table, and what they see there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from browser.driving import Action, Shown, show
from live import Live

CELLS = """JSON.stringify([...document.querySelectorAll('.grid-canvas-right .slick-row')].flatMap((row) =>
    [...row.querySelectorAll('.slick-cell:not(.pending)')].map((cell) => [
        Number(document.querySelector(`.grid-canvas-left [data-row="${row.dataset.row}"]`).innerText),
        Number(cell.ariaColIndex) - 2, cell.textContent, cell.classList.contains('missing'), Number(row.dataset.row)])))"""
"""The cells: row of the table, column, text, whether it is missing, row on the page."""
ACTIVE = "`${document.activeElement.textContent} of ${document.activeElement.parentNode.ariaRowIndex}`"
COPIED = """(() => { const data = new DataTransfer();
    document.activeElement.dispatchEvent(new ClipboardEvent('copy', { clipboardData: data, bubbles: true, cancelable: true }));
    return data.getData('text/plain'); })()"""
FOCUS: Action = ("hit", ".slick-cell.active")
SETTLE: Action = ("settle",)
LOOK: Action = ("value", CELLS)
EVERY_COLUMN = (3400, 720)

Cells = dict[tuple[int, int], tuple[str, bool]]


def is_flawless(shown: Shown, server: Live) -> bool:
    """Whether nothing went wrong, and no other host was asked."""
    requests = [request for load in shown.loads for request in load]
    assert [request for request in requests if not request.is_answered] == []
    assert (shown.console, shown.missing()) == ([], set())
    assert {f"http://{urlsplit(request.url).netloc}" for request in requests} == {server.url}
    return True


def cells(said: str) -> Cells:
    return {(row, column): (text, missing) for row, column, text, missing, _ in json.loads(said)}


def rows_shown(said: str) -> list[int]:
    """The rows of the table, in the order on the page."""
    shown = {place: row for row, _, _, _, place in json.loads(said)}
    return [row for _, row in sorted(shown.items())]


def go(row: int) -> list[Action]:
    return [("fill", "Row", str(row)), ("click", "Go"), SETTLE, LOOK]


def open_table(server: Live, path: str, tmp_path: Path, actions: Sequence[Action] = (), **options: Any) -> Shown:
    shown = show(f"{server.url}/explore/{path}", tmp_path / "page.png", actions=[SETTLE, *actions], **options)
    assert is_flawless(shown, server)
    return shown


def visit(query: str) -> list[Action]:
    """Go to another address of the page, as Back does: a page of its own takes a second."""
    return [("value", f"history.pushState(null, '', '?{query}'), dispatchEvent(new PopStateEvent('popstate'))"), SETTLE]
