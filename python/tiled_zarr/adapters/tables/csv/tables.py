"""Text tables, parsed as a whole; the tables that were read last are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from .... import budgets
from ....nodes import Array, Damaged, Group, Region, Table, TooLarge
from ....resources import Resources
from ...common.children import Children
from ...common.choices import NO_CHOICE, TextChoice, text_choice
from ...common.columns import Plan, facts, plan, schema_names
from ...common.decoded import piece
from ...common.snapshot import Snapshot
from .dialects import Dialect, dialect_of, marks
from .mended import Mended
from .survey import stream, survey, too_large

LARGEST_TABLE = 512 * 1024 * 1024
"""Bytes of a parsed table at most, since it is held in memory as a whole."""
BLOCK = 16 * 1024 * 1024
"""Bytes of text that Arrow parses in one step; no row may be longer."""
LONG_ROW = "straddling object"
"""Part of Arrow's error message for a row that is longer than a block."""
MOST_COLUMNS = 65_536
COLUMN_BYTES = 10 * 1024
"""Bytes that Arrow takes for each column while it reads.

Each column takes 40 microseconds too: 200,000 columns took 1.8 GB and 7 s (measured 2026-11-26).
"""
SMALL = 256
"""Bytes that an outcome counts at least, which bounds the number of outcomes too."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The table of a text, or the reason why there is none.

    We keep refusals as well, since it took reading all of the text to find out.
    """

    table: pa.Table | None
    refusal: Damaged | TooLarge | None = None
    description: Mapping[str, Any] = field(default_factory=dict)
    """How the text was read, for the attributes."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return SMALL + (0 if self.table is None else self.table.nbytes)

    def found(self) -> Outcome:
        """This outcome. Raises Damaged or TooLarge if it has no table."""
        if self.refusal is not None:
            raise type(self.refusal)(str(self.refusal))
        return self


@dataclass(frozen=True, slots=True)
class Text:
    """A file, and the operator's choice of how to read it."""

    snapshot: Snapshot
    choice: TextChoice

    def outcome(self) -> Outcome:
        """The table, and how it was read. Raises Damaged or TooLarge if there is none."""
        outcome: Outcome = piece(self.snapshot.resources.tables, self.snapshot, self.choice, partial(_outcome, self))
        return outcome.found()

    def revision(self) -> str | None:
        """The revision of the file, and how it is read: the same bytes may spell other values."""
        revision = self.snapshot.revision()
        if revision is None or self.choice == NO_CHOICE:
            return revision
        return f"{revision}+{blake2b(repr(self.choice).encode(), digest_size=6).hexdigest()}"

    def column(self, i: int) -> pa.ChunkedArray:
        """A column of the table."""
        table = self.outcome().table
        assert table is not None
        return table.column(i)


def open_csv(path: Path, resources: Resources | None = None) -> Group:
    """The columns of a text table.

    We detect how it is written, unless the user has chosen, and infer the types from all rows.
    Raises Damaged if it is no table, TooLarge if its text is longer than survey.LARGEST or has too
    many columns.
    """
    text = Text(Snapshot.of(path, resources), text_choice())
    outcome = text.outcome()
    assert outcome.table is not None
    places = {name: i for i, name in enumerate(schema_names(outcome.table.schema))}
    return Table(
        children=Children(places, lambda name: _column(text, places[name]), resources),
        attributes={"tiled_zarr": {"csv": outcome.description}},
        revision=text.revision,
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
        revision=text.revision,
    )


def _read(text: Text, i: int, planned: Plan, region: Region) -> np.ndarray[Any, Any]:
    (rows,) = region
    return planned.convert(text.column(i).slice(rows.start, rows.stop - rows.start))


def _outcome(text: Text) -> Outcome:
    try:
        with text.snapshot.read_as("a table of text") as path:
            return _parsed(text, path)
    except (Damaged, TooLarge) as refusal:
        # a traceback would keep the text in memory
        return Outcome(None, type(refusal)(str(refusal)))


def _parsed(text: Text, path: str) -> Outcome:
    """Read all rows: Arrow reads the file itself if it can, else a stream of mended rows."""
    snapshot, choice = text.snapshot, text.choice
    seen = survey(snapshot, path, choice.encoding, marks(choice))
    dialect = dialect_of(seen, choice, is_tabs=".tsv" in snapshot.path.lower())
    if not dialect.names:
        what = "is empty" if not seen.head else "has no row" + (" in its first 4 MiB" if seen.is_cut else "")
        raise Damaged(f"{Path(snapshot.path).name!r} {what}, but a table of text is expected; write it again")
    if len(dialect.names) > MOST_COLUMNS:
        what = f"has {len(dialect.names):,} columns, at most {MOST_COLUMNS:,} are read"
        raise TooLarge(f"{Path(snapshot.path).name!r} {what}; save it as an array (NPY, HDF5, Zarr), or with its rows as columns")
    with budgets.hold(COLUMN_BYTES * len(dialect.names), alone=True):
        return _read_as(text, path, dialect)


def _read_as(text: Text, path: str, dialect: Dialect) -> Outcome:
    """Read all rows of a text with a known dialect."""
    snapshot = text.snapshot
    if dialect.is_plain:
        uneven: list[object] = []

        # Arrow calls this for a row with too few or too many values; reading then fails, and we
        # read the text again through Mended.
        def note(row: object) -> str:
            uneven.append(row)
            return "error"

        options = _options(dialect, note)
        try:
            return Outcome(_table(snapshot, lambda: stream(snapshot, path), options), description=dialect.described())
        except pa.ArrowInvalid:
            if not uneven:
                raise
    return _mended(text, path, dialect)


def _mended(text: Text, path: str, dialect: Dialect) -> Outcome:
    """Read all rows from a stream in which each has as many values as there are columns.

    The outcome says how many rows were mended.
    """
    made: list[Mended] = []

    def opened() -> Any:
        made.append(Mended(text.snapshot, path, dialect, skip_long=text.choice.skip_long_rows))
        return pa.PythonFile(made[-1], "r")

    plain = Dialect(",", "utf-8", dialect.decimal, None, dialect.names, header=False, skipped=0)
    table = _table(text.snapshot, opened, _options(plain, None))
    counts = {"short_rows": made[-1].short, "long_rows_skipped": made[-1].long}
    return Outcome(table, description=dialect.described() | {name: count for name, count in counts.items() if count})


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
    """Read all rows.

    Arrow reads integers from 2**63 on as floats, so we read columns that may hold some again, as
    unsigned integers.
    """
    table = _rows(snapshot, opened, options)
    large = {name: pa.uint64() for name, column in zip(table.column_names, table.columns, strict=True) if _is_beyond_int64(column)}
    if not large:
        return table
    read, parse, convert = options
    try:
        return _rows(snapshot, opened, (read, parse, csv.ConvertOptions(decimal_point=convert.decimal_point, column_types=large)))
    except pa.ArrowInvalid:  # some are floats
        return table


def _is_beyond_int64(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_float64(column.type):
        return False
    limits = pc.min_max(column).as_py()
    return limits["min"] is not None and limits["min"] >= 0 and 2.0**63 <= limits["max"] <= 2.0**64


def _rows(snapshot: Snapshot, opened: Callable[[], Any], options: Options) -> pa.Table:
    """Read all rows.

    Usually the types of the first block fit the rest too; reading then takes no more memory than
    the table. Otherwise we read again with types that fit all rows, which takes about three times
    the memory of the text.
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
    """Raise Damaged if the error is about a row that is longer than BLOCK."""
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
