"""A text with mended rows, for tables that Arrow's reader refuses.

Arrow reads no rows that are too short, and no comments between rows.
"""

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
"""Characters of a line at most."""
ROWS = 4096
"""Rows that are mended in one step."""


class Mended(io.RawIOBase):
    """A readable stream of the table's rows as CSV in UTF-8, all of equal length.

    Comments and the lines before the table are left out. Short rows are padded with empty values. A
    row with too many values loses the surplus if all of it is empty; else it raises Damaged, or is
    left out if `skip_long`. `short` and `long` count the rows that were padded and left out.
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
        """Always True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Copy the next bytes into a buffer; return their number, 0 at the end."""
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
        """Close this stream and the file."""
        if not self.closed:
            self._text.close()
        super().close()

    def _encoded(self) -> Iterator[bytes]:
        """Yield the rows as bytes, ROWS rows at a time."""
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
        """The row with as many values as there are columns, or None if it is left out."""
        if len(row) < width:
            self.short += 1
            return row + [""] * (width - len(row))
        if not any(row[width:]):
            return row[:width]
        if not self._skip_long:
            raise Damaged(
                f"{self._name!r} has {len(row)} values in line {self.line:,}, but its header has {width}; "
                "give every row as many values as the header, or set csv: {skip_long_rows: true}"
            )
        self.long += 1
        return None

    def _lines(self) -> Iterator[str]:
        """Yield the lines of the table, without comments."""
        comment = self._dialect.comment
        while line := self._text.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
                raise Damaged(f"{self._name!r} has a line of more than {LONGEST_LINE:,} characters; is it really a table of text?")
            self.line += 1
            if self.line <= self._dialect.skipped or (comment and line.startswith(comment)):
                continue
            yield line.strip(" \r\n") + "\n" if self._dialect.delimiter == BLANKS else line
