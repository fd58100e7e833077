"""A text whose rows are mended where Arrow reads none that are too short, or begin with a comment."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ....nodes import Damaged
from ...common.snapshot import Snapshot
from .dialects import BLANKS, Dialect
from .survey import stream

LONGEST_LINE = 4 * 1024 * 1024
"""Characters of a line."""
ROWS = 4096
"""Rows that are mended in one step."""


class Mended(io.RawIOBase):
    """A text as rows of equally many values, with commas between them, in UTF-8: without what comes before the table, and comments.

    Rows that are too short get empty values, those with more than empty ones too many raise Damaged, or are left out if that was chosen;
    `short` and `long` count them.
    """

    def __init__(self, snapshot: Snapshot, path: str, dialect: Dialect, *, skip_long: bool) -> None:
        super().__init__()
        self._name = Path(snapshot.path).name
        self._dialect = dialect
        self._skip_long = skip_long
        self._text = io.TextIOWrapper(stream(snapshot, path), encoding=dialect.encoding, newline="")
        self._pieces = self._encoded()
        self._rest = b""
        self.line = self.short = self.long = 0

    def readable(self) -> bool:
        """It is read alone."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Some bytes; 0 at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        """Close the file too."""
        if not self.closed:
            self._text.close()
        super().close()

    def _encoded(self) -> Iterator[bytes]:
        """The rows as bytes, ROWS of them at a time."""
        rows = self._rows()
        while some := list(islice(rows, ROWS)):
            out = io.StringIO(newline="")
            csv.writer(out, lineterminator="\n").writerows(some)
            yield out.getvalue().encode("utf-8", "replace")

    def _rows(self) -> Iterator[list[str]]:
        width = len(self._dialect.names)
        try:
            for row in self._dialect.reader(self._lines()):
                if row and len(row) == width:
                    yield row
                elif row and (whole := self._fitted(row, width)) is not None:
                    yield whole
        except csv.Error as error:
            most = csv.field_size_limit()
            what = f"a value of more than {most:,} characters" if "limit" in str(error) else "a quote that does not end its value"
            raise Damaged(f"{self._name!r} holds {what} near line {self.line:,}; write it again") from error

    def _fitted(self, row: list[str], width: int) -> list[str] | None:
        """A row with as many values as there are columns, or None if it is left out."""
        if len(row) < width:
            self.short += 1
            return row + [""] * (width - len(row))
        if not any(row[width:]):
            return row[:width]
        if not self._skip_long:
            raise Damaged(
                f"{self._name!r} has {len(row)} values in line {self.line:,} where its header has {width}; "
                "give every row as many values as the header, or set csv: {skip_long_rows: true}"
            )
        self.long += 1
        return None

    def _lines(self) -> Iterator[str]:
        """Physical lines after those before the table, without comments."""
        comment = self._dialect.comment
        while line := self._text.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
                raise Damaged(f"{self._name!r} has a line of more than {LONGEST_LINE:,} characters; is it really a table of text?")
            self.line += 1
            if self.line <= self._dialect.skipped or (comment and line.startswith(comment)):
                continue
            yield line.strip(" \r\n") + "\n" if self._dialect.delimiter == BLANKS else line
