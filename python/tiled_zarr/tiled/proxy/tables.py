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
from ...nodes import Array, Changed, Damaged, Group, Node, Revision, Table, Unavailable
from . import arrays
from .cells import Cell, forbid
from .remote import ARROW, Path
from .told import Told
from .view import View


def table(view: View, path: Path, told: Told, cell: Cell) -> Group:
    """The node of a table."""
    columns = Columns(view, path, told, cell)
    return Table(children=columns, attributes=arrays.named(told), unavailable=columns.unavailable, blocking=True, revision=cell)


def refused(node: Node) -> Node:
    """The same table, whose columns the caller may not read."""
    assert isinstance(node, Group)
    return replace(node, children=Refused(node.children), revision=lambda: None)


class Refused(Mapping[str, Node]):
    """The names of columns that the caller may not read."""

    def __init__(self, columns: Mapping[str, Node]) -> None:
        self._columns = columns

    def __getitem__(self, name: str) -> Node:
        forbid(())
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


class Columns(Mapping[str, Node]):
    """The columns of a table, whose partitions are read when the first column is opened."""

    def __init__(self, view: View, path: Path, told: Told, cell: Cell) -> None:
        self._view = view
        self._path = path
        self._told = told
        self._cell = cell
        self._announced = tuple(recipes.columns(schema(told).empty_table().to_pandas()))
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
        return None if self._cell.revision is None else f"{self._cell.revision}-{column.shape[0]}"

    def _read(self) -> Partitions:
        """The partitions, read at the present revision. Blocks."""
        known, revision = self._partitions, self._cell.revision
        if known is not None and known[0] is None:  # they were read for a listing
            known = self._partitions = revision, known[1]
        if known is None or known[0] != revision:
            return self._view.flights.of((self._path, "partitions"), partial(self._opened, revision))
        return known[1]

    def _opened(self, revision: str | None) -> Partitions:
        former = None if self._partitions is None else self._partitions[1]
        read = partial(partition, self._view, self._path, self._told)
        made = Partitions(read, int(self._told.structure["npartitions"]), former)
        self._partitions = revision, made
        return made


def schema(told: Told) -> pa.Schema:
    """The Arrow schema in the structure of a table: base64 after a comma."""
    _, _, encoded = str(told.structure["arrow_schema"]).partition(",")
    return pa.ipc.read_schema(io.BytesIO(base64.b64decode(encoded)))


def partition(view: View, path: Path, told: Told, number: int, labels: list[Any] | None) -> pd.DataFrame:
    """One partition as a data frame, with its index and all columns or those with some labels.

    Blocks; raises as `arrays.read`.
    """
    chosen = [("column", str(label)) for label in labels or ()]
    try:
        body = view.data("table/partition", path, (("partition", str(number)), *chosen), ARROW)
    except (Changed, Damaged) as error:
        raise arrays.changed(view, path, told) or error from error
    return pa.ipc.open_file(io.BytesIO(body)).read_pandas()
