"""Tables of Tiled as groups of columns, read partition by partition over HTTP.

Tiled tells neither the number of rows nor, for columns of objects, their types. So the first look
at a column reads the table once, as for tables in memory (adapters/memory/partitions.py). To list
the columns takes only the schema, which Tiled tells with the structure.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa

from ...adapters.common import recipes
from ...adapters.memory.partitions import Partitions
from ...nodes import Array, Group, Node, Revision, Table, Unavailable, live
from .origins import Origin, forbid
from .remote import ARROW
from .told import Told


def table(origin: Origin) -> Group:
    """The node of a table."""
    columns = Columns(origin)
    return Table(children=columns, attributes=origin.attributes, unavailable=columns.unavailable, blocking=True, revision=origin.cell)


def refused(node: Group) -> Group:
    """The same table, whose columns the caller may not read."""
    return replace(node, children=Refused(node.children), revision=live)


class Refused(Mapping[str, Node]):
    """The names of columns that the caller may not read."""

    def __init__(self, columns: Mapping[str, Node]) -> None:
        self._columns = columns

    def __getitem__(self, name: str) -> Node:
        forbid()
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


class Columns(Mapping[str, Node]):
    """The columns of a table, whose partitions are read when the first column is opened."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._announced = tuple(recipes.columns(schema(origin.told).empty_table().to_pandas()))
        self._partitions: tuple[str | None, Partitions] | None = None
        self._shown: dict[str, tuple[Array, Array]] = {}

    def __getitem__(self, name: str) -> Node:
        if name not in self:
            raise KeyError(name)
        partitions = self._read()
        if (reason := partitions.unavailable().get(name)) is not None:
            raise Unavailable(reason)
        column = partitions[name]
        known = self._shown.get(name)
        if known is None or known[0] is not column:
            known = self._shown[name] = column, replace(column, revision=Revision(partial(self._revision, column)))
        return known[1]

    def __contains__(self, name: object) -> bool:
        return name in self._names or name in self.unavailable()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def _names(self) -> tuple[str, ...]:
        """The names of the columns: those that were read, else those in the schema."""
        return self._announced if self._partitions is None else tuple(self._partitions[1])

    def unavailable(self) -> Mapping[str, str]:
        """The columns that have no form in Zarr, as far as the table has been read."""
        return {} if self._partitions is None else self._partitions[1].unavailable()

    def _revision(self, column: Array) -> str | None:
        """The revision of a column: its length may change though Tiled tells the same."""
        revision = self._origin.cell.revision
        return None if revision is None else f"{revision}-{column.shape[0]}"

    def _read(self) -> Partitions:
        """The partitions, read at the present revision. Blocks."""
        known, revision = self._partitions, self._origin.cell.revision
        if known is not None and known[0] is None:  # they were read for a listing
            known = self._partitions = revision, known[1]
        if known is None or known[0] != revision:
            opened: Partitions = self._origin.view.flights.of((self._origin.path, "partitions"), partial(self._opened, revision))
            return opened
        return known[1]

    def _opened(self, revision: str | None) -> Partitions:
        former = None if self._partitions is None else self._partitions[1]
        made = Partitions(partial(partition, self._origin), int(self._origin.told.structure["npartitions"]), former)
        self._partitions = revision, made
        return made


def schema(told: Told) -> pa.Schema:
    """The Arrow schema in the structure of a table: base64 after a comma."""
    _, _, encoded = str(told.structure["arrow_schema"]).partition(",")
    return pa.ipc.read_schema(io.BytesIO(base64.b64decode(encoded)))


def partition(origin: Origin, number: int, labels: list[Any] | None) -> pd.DataFrame:
    """One partition as a data frame, with its index and all columns or those with some labels.

    Blocks; raises as `Origin.data`.
    """
    chosen = [("column", str(label)) for label in labels or ()]
    body = origin.data("table/partition", (("partition", str(number)), *chosen), ARROW)
    return pa.ipc.open_file(io.BytesIO(body)).read_pandas()
