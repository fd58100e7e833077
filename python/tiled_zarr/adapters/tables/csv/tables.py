"""Text tables parsed whole, and kept parsed for the files that were read last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from .... import budgets
from ....nodes import Array, Damaged, Region, Table, TooLarge
from ...common.children import Children
from ...common.choices import TextChoice, text_choice
from ...common.columns import Plan, facts, plan, schema_names
from ...common.decoded import Decoded
from ...common.snapshot import Snapshot
from .dialects import Dialect, dialect_of, marks
from .mended import Mended
from .survey import stream, survey, too_large

LARGEST_TABLE = 512 * 1024 * 1024
"""Bytes of a table in memory: it is held whole."""
BLOCK = 16 * 1024 * 1024
"""Bytes of text that are parsed in one step; no row may be longer."""
LONG_ROW = "straddling object"
"""How Arrow's error begins for such a row."""
MOST_COLUMNS = 65_536
COLUMN_BYTES = 10 * 1024
"""What Arrow takes for each column while it reads, and 40 microseconds: 200,000 columns took 1.8 GB and 7 s (measured 2026-11-26)."""
MOST_BYTES = 256 * 1024 * 1024
"""Bytes of parsed tables that are kept in a process; a larger one is kept alone until the next one comes."""
SMALL = 256
"""What an outcome costs at least, so that their number is bounded too."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a text: its table, or why there is none. A refusal is kept as well: finding it took reading all of the text."""

    table: pa.Table | None
    refusal: Damaged | TooLarge | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    """How the text was read, for attributes."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return SMALL + (0 if self.table is None else self.table.nbytes)

    def found(self) -> Outcome:
        """The same. Raises Damaged or TooLarge where there is no table."""
        if self.refusal is not None:
            raise type(self.refusal)(str(self.refusal))
        return self


OUTCOMES: Decoded[Outcome] = Decoded(MOST_BYTES)
"""Of all text tables of this process."""


@dataclass(frozen=True, slots=True)
class Text:
    """A file, and what was chosen of how it is read."""

    snapshot: Snapshot
    choice: TextChoice

    def outcome(self) -> Outcome:
        """Its table, and how it was read. Raises Damaged or TooLarge where there is none."""
        return OUTCOMES.get(self.snapshot, self.choice, partial(_outcome, self)).found()

    def column(self, i: int) -> pa.ChunkedArray:
        """A column of the table."""
        table = self.outcome().table
        assert table is not None
        return table.column(i)


def open_csv(path: Path) -> Table:
    """The columns of a text table; how it is written is found out, as far as it was not chosen, types are inferred from all rows.

    Raises Damaged where it is no table, TooLarge where its text is longer than survey.LARGEST.
    """
    text = Text(Snapshot.of(path), text_choice())
    outcome = text.outcome()
    assert outcome.table is not None
    places = {name: i for i, name in enumerate(schema_names(outcome.table.schema))}
    return Table(
        children=Children(places, lambda name: _column(text, places[name])),
        attributes={"tiled_zarr": {"csv": outcome.told}},
        revision=text.snapshot.revision,
        blocking=True,
    )


def _column(text: Text, i: int) -> Array:
    column = text.column(i)
    planned = plan(column.type, facts(column))
    return Array(
        shape=(len(column),),
        dtype=planned.dtype,
        read=partial(_read, text, i, planned),
        attributes=planned.attributes or {},
        revision=text.snapshot.revision,
    )


def _read(text: Text, i: int, planned: Plan, region: Region) -> np.ndarray[Any, Any]:
    (rows,) = region
    return planned.convert(text.column(i).slice(rows.start, rows.stop - rows.start))


def _outcome(text: Text) -> Outcome:
    try:
        with text.snapshot.read_as("a table of text") as path:
            return _parsed(text, path)
    except (Damaged, TooLarge) as refusal:
        return Outcome(None, type(refusal)(str(refusal)))  # a traceback would keep the text


def _parsed(text: Text, path: str) -> Outcome:
    """All rows: by Arrow from the file itself, else with rows that are mended."""
    snapshot, choice = text.snapshot, text.choice
    seen = survey(snapshot, path, choice.encoding, marks(choice))
    dialect = dialect_of(seen, choice, is_tabs=".tsv" in snapshot.path.lower())
    if not dialect.names:
        what = "is empty" if not seen.head else "has no row" + (" in its first 4 MiB" if seen.is_cut else "")
        raise Damaged(f"{Path(snapshot.path).name!r} {what} where a table of text is expected; write it again")
    if len(dialect.names) > MOST_COLUMNS:
        what = f"has {len(dialect.names):,} columns, at most {MOST_COLUMNS:,} are read"
        raise TooLarge(f"{Path(snapshot.path).name!r} {what}; save it as an array (NPY, HDF5, Zarr), or with its rows as columns")
    with budgets.hold(COLUMN_BYTES * len(dialect.names), alone=True):
        return _read_as(text, path, dialect)


def _read_as(text: Text, path: str, dialect: Dialect) -> Outcome:
    """All rows of a text of a known dialect."""
    snapshot = text.snapshot
    if dialect.is_plain:
        uneven: list[object] = []

        def note(row: object) -> str:
            uneven.append(row)
            return "error"

        options = _options(dialect, note)
        try:
            return Outcome(_table(snapshot, lambda: stream(snapshot, path), options), told=dialect.told())
        except pa.ArrowInvalid:
            if not uneven:
                raise
    return _mended(text, path, dialect)


def _mended(text: Text, path: str, dialect: Dialect) -> Outcome:
    """All rows, each with as many values as there are columns; how many were not as they should be is told."""
    made: list[Mended] = []

    def opened() -> Any:
        made.append(Mended(text.snapshot, path, dialect, skip_long=text.choice.skip_long_rows))
        return pa.PythonFile(made[-1], "r")

    plain = Dialect(",", "utf-8", dialect.decimal, None, dialect.names, header=False, skipped=0)
    table = _table(text.snapshot, opened, _options(plain, None))
    counts = {"short_rows": made[-1].short, "long_rows_skipped": made[-1].long}
    return Outcome(table, told=dialect.told() | {name: count for name, count in counts.items() if count})


Options = tuple[csv.ReadOptions, csv.ParseOptions, csv.ConvertOptions]


def _options(dialect: Dialect, on_uneven: Callable[[Any], str] | None) -> Options:
    return (
        csv.ReadOptions(
            block_size=BLOCK,
            skip_rows=dialect.skipped,
            column_names=list(dialect.names),
            encoding="utf8" if dialect.encoding == "utf-8" else dialect.encoding,
        ),
        csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=on_uneven),
        csv.ConvertOptions(decimal_point=dialect.decimal),
    )


def _table(snapshot: Snapshot, opened: Callable[[], Any], options: Options) -> pa.Table:
    """All rows. Arrow takes integers from 2**63 on for floats, so columns that may hold some are then read as unsigned ones."""
    table = _rows(snapshot, opened, options)
    large = {name: pa.uint64() for name, column in zip(table.column_names, table.columns, strict=True) if _is_beyond_int64(column)}
    if not large:
        return table
    read, parse, convert = options
    try:
        return _rows(snapshot, opened, (read, parse, csv.ConvertOptions(decimal_point=convert.decimal_point, column_types=large)))
    except pa.ArrowInvalid:  # they are floats
        return table


def _is_beyond_int64(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_float64(column.type):
        return False
    limits = pc.min_max(column).as_py()
    return limits["min"] is not None and limits["min"] >= 0 and 2.0**63 <= limits["max"] <= 2.0**64


def _rows(snapshot: Snapshot, opened: Callable[[], Any], options: Options) -> pa.Table:
    """All rows. The types of the first block mostly hold for the rest, which then takes no more memory than its table.

    Else types fit each row, which takes about three times as much as the text is in memory meanwhile.
    """
    try:
        with opened() as text, csv.open_csv(text, *options) as reader:
            return _collected(snapshot, reader)
    except pa.ArrowInvalid as error:
        _check_rows(snapshot, error)
    try:
        with opened() as text:
            return csv.read_csv(text, *options)
    except pa.ArrowInvalid as error:
        _check_rows(snapshot, error)
        raise


def _check_rows(snapshot: Snapshot, error: pa.ArrowInvalid) -> None:
    """Raises Damaged if it was a row that is longer than a BLOCK."""
    if LONG_ROW in str(error):
        raise Damaged(f"{Path(snapshot.path).name!r} has a row of more than {BLOCK >> 20} MiB; is it really a table of text?") from error


def _collected(snapshot: Snapshot, reader: csv.CSVStreamingReader) -> pa.Table:
    batches, nbytes = [], 0
    for batch in reader:
        nbytes += batch.nbytes
        if nbytes > LARGEST_TABLE:
            raise TooLarge(too_large(snapshot, f"takes more than {LARGEST_TABLE >> 20} MiB as a table"))
        batches.append(batch)
    return pa.Table.from_batches(batches, reader.schema)
