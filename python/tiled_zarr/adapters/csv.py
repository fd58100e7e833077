"""Text tables, plain or compressed by gzip: parsed whole, and kept parsed for the files that were read last."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from ..nodes import Array, Region, Table, Unavailable
from ._arrow import Plan, facts, plan, schema_names
from ._opening import Children
from ._snapshots import Snapshot


def open_csv(path: Path) -> Table:
    """The columns of a text table with a header; types are inferred from all rows. Raises Unavailable where it is no table."""
    snapshot = Snapshot.of(path)
    places = {name: i for i, name in enumerate(schema_names(_parsed(snapshot).schema))}
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
    snapshot.check()
    (rows,) = region
    return planned.convert(_parsed(snapshot).column(i).slice(rows.start, rows.stop - rows.start))


@lru_cache(maxsize=16)
def _parsed(snapshot: Snapshot) -> pa.Table:
    with snapshot.pinned() as path, pa.input_stream(path, compression="gzip" if snapshot.path.lower().endswith(".gz") else None) as stream:
        text = stream.read_buffer()
    try:
        return csv.read_csv(
            pa.BufferReader(text),
            csv.ReadOptions(block_size=min(text.size + 1, 2**31 - 1)),  # types are inferred from the first block
            csv.ParseOptions(delimiter=_delimiter(snapshot.path, text), newlines_in_values=True),
        )
    except pa.ArrowInvalid as error:
        raise Unavailable(f"{Path(snapshot.path).name} is no table of text that can be read: {error}") from error


def _delimiter(path: str, text: pa.Buffer) -> str:
    """Tabs by the file's name, else what is most frequent in the header."""
    if ".tsv" in path.lower():
        return "\t"
    header = bytes(text[: 1 << 16]).split(b"\n", 1)[0].decode(errors="replace")
    return max(",;\t|", key=header.count)
