"""Operators' choices about the files in a tree, which adapters would otherwise have to infer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TextChoice:
    """How text tables are written; we infer from each file what is None.

    `delimiter` is one character, a blank for runs of blanks. `header` says whether the first row
    has names. `decimal` is a point or a comma. `comment` begins the lines that are no rows.
    `skip_rows` lines come before the table. `skip_long_rows` leaves out rows with more values than
    there are columns; without it, such a row makes a table Damaged.
    """

    delimiter: str | None = None
    header: bool | None = None
    decimal: str | None = None
    encoding: str | None = None
    comment: str | None = None
    skip_rows: int | None = None
    skip_long_rows: bool = False


NO_CHOICE = TextChoice()
_IN_FORCE: ContextVar[TextChoice] = ContextVar("text tables", default=NO_CHOICE)


def text_choice() -> TextChoice:
    """The choice in force in this thread."""
    return _IN_FORCE.get()


@contextmanager
def in_force(choice: TextChoice) -> Iterator[None]:
    """Inside the block, this choice is in force for everything that this thread opens."""
    token = _IN_FORCE.set(choice)
    try:
        yield
    finally:
        _IN_FORCE.reset(token)
