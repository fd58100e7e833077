"""Text tables, plain or compressed by gzip: parsed whole, and kept parsed for the files that were read last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from ..nodes import Array, Damaged, Region, Table, TooLarge
from ._arrow import Plan, facts, plan, schema_names
from ._decoded import Decoded
from ._opening import Children
from ._snapshots import Snapshot

LARGEST = 256 * 1024 * 1024
LARGEST_TABLE = 512 * 1024 * 1024
"""Bytes of text, decompressed, and of its table that are read: a table is held whole."""
BLOCK = 16 * 1024 * 1024
"""Bytes of text that are parsed in one step; no row may be longer."""
HEAD = 64 * 1024
MOST_BYTES = 256 * 1024 * 1024
"""Bytes of parsed tables that are kept in a process; a larger one is kept alone until the next one comes."""
AT_ONCE = 4 * 1024 * 1024
"""Bytes that are decompressed in one step, after which they are counted."""
SMALL = 256
"""What an outcome costs at least, so that their number is bounded too."""
END_OF_LINE = re.compile(r"[\r\n]")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a text: its table, or why there is none. A refusal is kept as well: finding it took reading all of the text."""

    table: pa.Table | None
    refusal: Damaged | TooLarge | None = None

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return SMALL + (0 if self.table is None else self.table.nbytes)

    def found(self) -> pa.Table:
        """The table. Raises Damaged or TooLarge where there is none."""
        if self.refusal is not None:
            raise type(self.refusal)(str(self.refusal))
        return self.table


OUTCOMES: Decoded[Outcome] = Decoded(MOST_BYTES)
"""Of all text tables of this process."""


def open_csv(path: Path) -> Table:
    """The columns of a text table with a header; types are inferred from all rows.

    Raises Damaged where it is no table, TooLarge where its text is longer than LARGEST.
    """
    snapshot = Snapshot.of(path)
    names = schema_names(_parsed(snapshot).schema)
    places = {name: i for i, name in enumerate(names)}
    columns = Children(places, lambda name: _column(snapshot, places[name]))
    return Table(children=columns, revision=snapshot.revision, blocking=True)


def _column(snapshot: Snapshot, i: int) -> Array:
    column = _parsed(snapshot).column(i)
    planned = plan(column.type, facts(column))
    return Array(
        shape=(len(column),),
        dtype=planned.dtype,
        read=partial(_read, snapshot, i, planned),
        attributes=planned.attributes or {},
        revision=snapshot.revision,
    )


def _read(snapshot: Snapshot, i: int, planned: Plan, region: Region) -> np.ndarray[Any, Any]:
    (rows,) = region
    return planned.convert(_parsed(snapshot).column(i).slice(rows.start, rows.stop - rows.start))


def _parsed(snapshot: Snapshot) -> pa.Table:
    return OUTCOMES.get(snapshot, "table", partial(_outcome, snapshot)).found()


def _outcome(snapshot: Snapshot) -> Outcome:
    try:
        with snapshot.read_as("a table of text") as path:
            table = _table(snapshot, path)
            schema_names(table.schema)  # raises where the names are no UTF-8
            return Outcome(table)
    except (Damaged, TooLarge) as refusal:
        return Outcome(None, type(refusal)(str(refusal)))  # a traceback would keep the text


def _table(snapshot: Snapshot, path: str) -> pa.Table:
    """All rows. The types of the first block mostly hold for the rest, which then takes no more memory than its table."""
    check_length(snapshot, path)
    try:
        with _stream(snapshot, path) as text, csv.open_csv(text, *_options(snapshot, path)) as reader:
            return _collected(snapshot, reader)
    except pa.ArrowInvalid:
        return _inferred(snapshot, path)


def check_length(snapshot: Snapshot, path: str) -> None:
    """Raises TooLarge for a text longer than LARGEST: decompressed up to there and counted, whatever the file says of its length."""
    left = LARGEST
    if _compression(snapshot) is None:
        left -= Path(path).stat().st_size
    else:
        with _stream(snapshot, path) as text:
            while left >= 0 and (part := text.read(AT_ONCE)):
                left -= len(part)
    if left < 0:
        raise TooLarge(_too_large(snapshot, f"holds more than {LARGEST >> 20} MiB of text"))


def _collected(snapshot: Snapshot, reader: csv.CSVStreamingReader) -> pa.Table:
    batches, nbytes = [], 0
    for batch in reader:
        nbytes += batch.nbytes
        if nbytes > LARGEST_TABLE:
            raise TooLarge(_too_large(snapshot, f"takes more than {LARGEST_TABLE >> 20} MiB as a table"))
        batches.append(batch)
    return pa.Table.from_batches(batches, reader.schema)


def _inferred(snapshot: Snapshot, path: str) -> pa.Table:
    """All rows, with types that fit each of them: about three times as much as the text is in memory meanwhile."""
    try:
        with _stream(snapshot, path) as text:
            return csv.read_csv(text, *_options(snapshot, path))
    except pa.ArrowInvalid as error:
        name = Path(snapshot.path).name
        if Path(path).stat().st_size == 0:
            raise Damaged(f"{name!r} is empty where a table of text is expected; write it again") from error
        first = END_OF_LINE.split(str(error), maxsplit=1)[0][:200]
        raise Damaged(f"{name!r} is no table of text with a header: {first}; give every row as many values as the header") from error


def _too_large(snapshot: Snapshot, what: str) -> str:
    return f"{Path(snapshot.path).name!r} {what}, which has to be held whole; save it as Parquet, of which parts are read"


def _stream(snapshot: Snapshot, path: str) -> Any:
    """The text, decompressed by Arrow itself, whose reader in the background then never waits for Python's lock."""
    return pa.input_stream(path, compression=_compression(snapshot))


def _compression(snapshot: Snapshot) -> str | None:
    return "gzip" if snapshot.path.lower().endswith(".gz") else None


def _options(snapshot: Snapshot, path: str) -> tuple[csv.ReadOptions, csv.ParseOptions]:
    with _stream(snapshot, path) as text:
        delimiter = _delimiter(snapshot.path, text.read(HEAD))
    return csv.ReadOptions(block_size=BLOCK), csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)


def _delimiter(path: str, head: bytes) -> str:
    """Tabs by the file's name, else what is most frequent in the header."""
    if ".tsv" in path.lower():
        return "\t"
    header = head.split(b"\n", 1)[0].decode(errors="replace")
    return max(",;\t|", key=header.count)
