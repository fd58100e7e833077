"""Parquet files: reading a region of a column reads only the row groups behind it."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ... import budgets
from ...nodes import Array, Dense, Group, Region, Table, TooLarge
from ...resources import Resources
from ..common.bounds import LARGEST_TEXT
from ..common.children import Children
from ..common.chunk_sizes import regular
from ..common.columns import Facts, Plan, depends_on_nulls, plan, schema_attributes, schema_names, text_bytes, unavailable
from ..common.ranged import Ranged, by_ranges, file_like, read_ahead
from ..common.snapshot import Snapshot

KIND = "a Parquet file"
DICTIONARIES = frozenset({"RLE_DICTIONARY", "PLAIN_DICTIONARY"})
COPIES = 2
"""Copies of the stored bytes in memory: a decoded page, and the column made of it."""
MOST_FREE = 4 * 1024 * 1024
"""Bytes up to which a read is not counted, nor its memory returned to the system at once.

The row groups of most columns have less.
"""

ENDING = 8
"""Bytes after the footer: its length, and the magic number of the file format."""
LARGEST_FOOTER = 256 * 1024 * 1024
"""Bytes of a footer at most; 1,000 columns in 1,000 row groups take 100 MB."""


@by_ranges()
def open_parquet(path: Path, resources: Resources | None = None) -> Group:
    """The columns of a Parquet file. Opening it reads its footer alone.

    Raises Damaged if it is no Parquet file, TooLarge if its footer is larger than LARGEST_FOOTER.
    """
    snapshot = Snapshot.of(path, resources)
    with snapshot.read_as(KIND) as readable, budgets.hold(_footer_bytes(readable)), pq.ParquetFile(readable) as file:
        opened = _File.of(snapshot, file.metadata, file.schema_arrow)
        names, reasons = schema_names(opened.schema), unavailable(opened.schema, longest=None)
        attributes = schema_attributes(opened.schema.metadata)
    places = {name: i for i, name in enumerate(names) if i not in reasons}
    return Table(
        children=Children(places, lambda name: opened.column(places[name]), resources),
        attributes=attributes,
        unavailable=lambda: {names[i]: reason for i, reason in reasons.items()},
        revision=snapshot.revision,
    )


def _footer_bytes(path: str) -> int:
    """The bytes of a footer if they must be counted, else 0.

    Arrow reads as many bytes as the file says, whatever is in them. Raises TooLarge for more than
    LARGEST_FOOTER.
    """
    with file_like(path) as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - ENDING, 0))
        nbytes = int.from_bytes(file.read(4), "little")
    if nbytes > end - ENDING:
        return 0
    if nbytes > LARGEST_FOOTER:
        raise TooLarge(
            f"a footer of {nbytes >> 20} MiB, at most {LARGEST_FOOTER >> 20} MiB are read; write it with fewer columns or row groups, "
            "or restore it from a copy if it is damaged"
        )
    return nbytes if nbytes > MOST_FREE else 0


class Nulls:
    """Tells of each column of a footer whether it may hold nulls.

    A footer is ordered by row group, and to read it column by column takes two to twenty times as
    long as to pass over it. So if columns are asked for in order, each pass over the row groups
    reads twice as many columns as the one before, and keeps what it has found.

    `pieces` has, for each column, the indices of its column chunks in a row group. Thread-safe: in
    a race, a column is at worst read twice.
    """

    def __init__(self, metadata: pq.FileMetaData, pieces: Sequence[Sequence[int]]) -> None:
        self._metadata = metadata
        self._pieces = pieces
        self._known: list[bool | None] = [None] * len(pieces)
        self._next = 0
        self._batch = 0

    def may_be_in(self, i: int) -> bool:
        """False if the footer excludes that the column at an index holds nulls."""
        known = self._known[i]
        return self._found(i) if known is None else known

    def _found(self, i: int) -> bool:
        self._batch = max(1, 2 * self._batch) if i >= self._next else 1
        self._next = min(i + self._batch, len(self._pieces))
        self._look([column for column in range(i, self._next) if self._known[column] is None])
        return bool(self._known[i])

    def _look(self, columns: Sequence[int]) -> None:
        """Read what the footer tells of some columns, in one pass over the row groups."""
        left = {i: self._pieces[i] for i in columns}
        for number in range(self._metadata.num_row_groups):
            group = self._metadata.row_group(number)
            for i in [i for i, pieces in left.items() if not all(_is_free_of_nulls(group.column(piece)) for piece in pieces)]:
                self._known[i] = True
                del left[i]
            if not left:
                return
        for i in left:
            self._known[i] = False


@dataclass(frozen=True, slots=True)
class _File:
    """A file and its footer.

    `starts` has the first row of each row group, then the total number of rows. `chunks` is
    the length of the row groups if these are regular. `names` are the columns' own names, in order.
    `pieces` has, by the path of a column, the indices of its column chunks inside each row group.
    """

    snapshot: Snapshot
    metadata: pq.FileMetaData
    schema: pa.Schema
    starts: tuple[int, ...]
    chunks: tuple[int, ...] | None
    names: tuple[str, ...]
    pieces: Mapping[str, list[int]]
    nulls: Nulls

    @classmethod
    def of(cls, snapshot: Snapshot, metadata: pq.FileMetaData, schema: pa.Schema) -> _File:
        """The file with this footer.

        Raises ValueError if a row group has a negative number of rows.
        """
        sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        if min(sizes, default=0) < 0:
            raise ValueError(f"row groups of {sizes} rows, and none can have fewer than 0")
        pieces: dict[str, list[int]] = {}
        for i in range(metadata.num_columns):
            pieces.setdefault(metadata.schema.column(i).path, []).append(i)
        names = tuple(schema.names)
        nulls = Nulls(metadata, [pieces.get(name, []) for name in names])
        return cls(snapshot, metadata, schema, tuple(accumulate(sizes, initial=0)), regular((sizes,)), names, pieces, nulls)

    def column(self, i: int) -> Array:
        """The node of the column at index `i` of the schema."""
        field = self.schema.field(i)
        nulls = field.nullable and depends_on_nulls(field.type) and self.nulls.may_be_in(i)
        planned = plan(field.type, Facts(nulls=nulls))
        return Array(
            shape=(self.starts[-1],),
            dtype=planned.dtype,
            source=Dense(partial(self._read, i, planned), extremes=partial(self._extremes, i, planned)),
            chunks=self.chunks,
            attributes={**schema_attributes(field.metadata), **(planned.attributes or {})},
            revision=self.snapshot.revision,
        )

    def _extremes(self, i: int, planned: Plan) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
        """The first row of each row group, and the statistics of a column there from the footer.

        None if a row group with values has none, or if they are not of the column's type.
        """
        groups = range(len(self.starts) - 1)
        found = [piece.statistics for piece in self._pieces(i, groups)]
        if len(found) != len(groups) or not all(one and (one.has_min_max or one.num_values == 0) for one in found):
            return None
        ends = [end for one in found for end in ((one.min, one.max) if one.has_min_max else (None, None))]
        try:
            items = planned.convert(pa.chunked_array([pa.array(ends, self.schema.field(i).type)]))
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            return None
        return np.array(self.starts[:-1]), items.reshape(-1, 2)

    def _read(self, i: int, planned: Plan, region: Region) -> np.ndarray[Any, Any]:
        """Rows of a column. The checksums of its pages are checked, if the file has them."""
        (rows,) = region
        if rows.start == rows.stop:
            return np.empty(0, planned.dtype)
        first, after = bisect_right(self.starts, rows.start) - 1, bisect_left(self.starts, rows.stop)
        groups = range(first, after)
        stored = sum(max(piece.total_uncompressed_size, 0) for piece in self._pieces(i, groups))
        nbytes = COPIES * stored + (self.starts[after] - self.starts[first]) * planned.dtype.itemsize
        with budgets.hold(nbytes if nbytes > MOST_FREE else 0):
            try:
                return self._read_groups(i, planned, rows, groups)
            finally:
                if nbytes > MOST_FREE:
                    pa.default_memory_pool().release_unused()

    def _pieces(self, i: int, groups: range) -> list[pq.ColumnChunkMetaData]:
        """The footer's entries for a column in some row groups."""
        return [self.metadata.row_group(group).column(place) for group in groups for place in self.pieces.get(self.names[i], ())]

    def _read_groups(self, i: int, planned: Plan, rows: slice, found: range) -> np.ndarray[Any, Any]:
        first, after = found.start, found.stop
        name = self.names[i]
        texts = [name] if any(DICTIONARIES & set(piece.encodings) for piece in self._pieces(i, found)) and planned.dtype.hasobject else None
        with self.snapshot.read_as(KIND) as path:
            if isinstance(self.snapshot, Ranged):
                read_ahead(path, [_span(piece) for piece in self._pieces(i, found)])
            with pq.ParquetFile(path, metadata=self.metadata, page_checksum_verification=True, read_dictionary=texts) as file:
                groups = file.read_row_groups(found, columns=[name], use_threads=False)
            same = [place for place, found in enumerate(groups.column_names) if found == name]
            column = groups.column(same[self.names[:i].count(name)])
            if len(column) != self.starts[after] - self.starts[first]:
                raise ValueError(f"{len(column)} rows, but the footer has {self.starts[after] - self.starts[first]}")
            wanted = column.slice(rows.start - self.starts[first], rows.stop - rows.start)
            return _converted(wanted, planned) if texts else planned.convert(wanted)


def _converted(texts: pa.ChunkedArray, planned: Plan) -> np.ndarray[Any, Any]:
    """Convert texts that are stored as a dictionary, each distinct text once. Raises TooLarge."""
    nbytes = text_bytes(texts)
    if nbytes > LARGEST_TEXT:
        raise TooLarge(
            f"{nbytes >> 20} MiB of text in {len(texts)} rows, at most {LARGEST_TEXT >> 20} MiB are read: set a smaller chunk_shape"
        )
    return planned.convert(texts)


def _span(piece: pq.ColumnChunkMetaData) -> tuple[int, int]:
    """The bytes of a column chunk in its file."""
    first = min(filter(None, (piece.dictionary_page_offset, piece.data_page_offset)))
    return first, first + piece.total_compressed_size


def _is_free_of_nulls(piece: pq.ColumnChunkMetaData) -> bool:
    known = piece.statistics
    return piece.num_values == 0 or (known is not None and known.has_null_count and known.null_count == 0)
