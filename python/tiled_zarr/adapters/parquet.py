"""Parquet files: of a column, only the row groups behind a region are read."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..nodes import Array, Region, Table, Unavailable
from ._arrow import Facts, Plan, plan, schema_attributes, schema_names, unavailable
from ._chunks import regular
from ._opening import Children
from ._snapshots import Snapshot


def open_parquet(path: Path) -> Table:
    """The columns of a Parquet file, opened by its footer alone. Raises Unavailable where it is no Parquet file."""
    snapshot = Snapshot.of(path)
    try:
        with snapshot.pinned() as pinned, pq.ParquetFile(pinned) as file:
            metadata, schema = file.metadata, file.schema_arrow
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Unavailable(f"{path.name} is no Parquet file that can be read: {error}") from error
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    opened = _File(snapshot, metadata, schema, tuple(accumulate(sizes, initial=0)))
    names, reasons = schema_names(schema), unavailable(schema, longest=None)
    places = {name: i for i, name in enumerate(names) if i not in reasons}
    return Table(
        children=Children(places, lambda name: opened.column(places[name])),
        attributes=schema_attributes(schema.metadata),
        unavailable=lambda: {names[i]: reason for i, reason in reasons.items()},
        revision=snapshot.revision,
    )


@dataclass(frozen=True, slots=True)
class _File:
    """A file and its footer; `starts` has the first row of each row group, and the number of rows at its end."""

    snapshot: Snapshot
    metadata: pq.FileMetaData
    schema: pa.Schema
    starts: tuple[int, ...]

    def column(self, i: int) -> Array:
        """The node of the column at place `i` of the schema."""
        field = self.schema.field(i)
        planned = plan(field.type, Facts(nulls=field.nullable and self._may_hold_nulls(field.name)))
        sizes = [stop - start for start, stop in zip(self.starts, self.starts[1:], strict=False)]
        return Array(
            shape=(self.starts[-1],),
            dtype=planned.dtype,
            read=partial(self._read, i, planned),
            chunks=regular((sizes,)),
            attributes={**schema_attributes(field.metadata), **(planned.attributes or {})},
            revision=self.snapshot.revision,
        )

    def _may_hold_nulls(self, name: str) -> bool:
        """Whether the footer leaves it open that a column holds nulls."""
        groups = map(self.metadata.row_group, range(self.metadata.num_row_groups))
        pieces = (group.column(i) for group in groups for i in range(group.num_columns))
        return not all(_is_free_of_nulls(piece) for piece in pieces if piece.path_in_schema == name)

    def _read(self, i: int, planned: Plan, region: Region) -> np.ndarray[Any, Any]:
        (rows,) = region
        if rows.start == rows.stop:
            return np.empty(0, planned.dtype)
        first, after = bisect_right(self.starts, rows.start) - 1, bisect_left(self.starts, rows.stop)
        name = self.schema.names[i]
        with self.snapshot.pinned() as path, pq.ParquetFile(path, metadata=self.metadata) as file:
            groups = file.read_row_groups(range(first, after), columns=[name], use_threads=False)
        same = [place for place, found in enumerate(groups.column_names) if found == name]
        column = groups.column(same[self.schema.names[:i].count(name)])
        return planned.convert(column.slice(rows.start - self.starts[first], rows.stop - rows.start))


def _is_free_of_nulls(piece: pq.ColumnChunkMetaData) -> bool:
    known = piece.statistics
    return piece.num_values == 0 or (known is not None and known.has_null_count and known.null_count == 0)
