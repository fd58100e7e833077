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
"""Bytes of text, decompressed, that are parsed: the text and its table are in memory at once, at about twice this at most."""
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
            text = _text(snapshot, path)
            table = _table(snapshot, text)
            schema_names(table.schema)  # raises where the names are no UTF-8
            return Outcome(table)
    except (Damaged, TooLarge) as refusal:
        return Outcome(None, type(refusal)(str(refusal)))  # a traceback would keep the text


def _text(snapshot: Snapshot, path: str) -> pa.Buffer:
    """The text, decompressed. Raises TooLarge as soon as it is longer than LARGEST, whatever the file says of its length."""
    compression = "gzip" if snapshot.path.lower().endswith(".gz") else None
    parts = []
    left = LARGEST
    with pa.input_stream(path, compression=compression) as stream:
        while part := stream.read(min(AT_ONCE, left + 1)):
            left -= len(part)
            if left < 0:
                raise TooLarge(
                    f"{Path(snapshot.path).name!r} holds more than {LARGEST >> 20} MiB of text, which has to be parsed whole; "
                    "save it as Parquet, of which parts are read"
                )
            parts.append(part)
    return pa.py_buffer(b"".join(parts))


def _table(snapshot: Snapshot, text: pa.Buffer) -> pa.Table:
    name = Path(snapshot.path).name
    try:
        return csv.read_csv(
            pa.BufferReader(text),
            csv.ReadOptions(block_size=text.size + 1),  # types are inferred from the first block
            csv.ParseOptions(delimiter=_delimiter(snapshot.path, text), newlines_in_values=True),
        )
    except pa.ArrowInvalid as error:
        if text.size == 0:
            raise Damaged(f"{name!r} is empty where a table of text is expected; write it again") from error
        first = END_OF_LINE.split(str(error), maxsplit=1)[0]
        raise Damaged(f"{name!r} is no table of text with a header: {first[:200]}; give every row as many values as the header") from error


def _delimiter(path: str, text: pa.Buffer) -> str:
    """Tabs by the file's name, else what is most frequent in the header."""
    if ".tsv" in path.lower():
        return "\t"
    header = bytes(text[: 1 << 16]).split(b"\n", 1)[0].decode(errors="replace")
    return max(",;\t|", key=header.count)
