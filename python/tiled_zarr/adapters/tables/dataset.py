"""Arrow datasets: tables in many files, read fragment by fragment.

https://arrow.apache.org/docs/python/dataset.html
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from ...nodes import Array, Changed, Dense, Group, Region, Table, Unavailable
from ...resources import Resources
from ..common.blocks import settle
from ..common.children import Children
from ..common.columns import Facts, Plan, depends_on_nulls, facts, plan, schema_attributes, schema_names, unavailable


def adapt_dataset(source: ds.Dataset, resources: Resources | None = None) -> Group:
    """The columns of a dataset; a request for data reads the fragments that hold its rows.

    A column is read once when it is first looked up, fragment by fragment, if only its values tell
    whether there are nulls or how long its items are. It has no revision: files may change. Raises
    Unavailable if columns have the same name.
    """
    columns = Columns(source)
    return Table(
        children=Children(columns.places, columns.node, resources),
        attributes=schema_attributes(source.schema.metadata),
        unavailable=columns.unavailable,
        blocking=True,
    )


class Columns:
    """The columns of a dataset by name, and the first row of each fragment."""

    def __init__(self, source: ds.Dataset) -> None:
        self._schema = source.schema
        if len(set(self._schema.names)) < len(self._schema.names):
            raise Unavailable("a dataset in which several columns have one name, which Arrow cannot read; rename them")
        self._fragments = list(source.get_fragments())
        self._starts = tuple(accumulate((fragment.count_rows() for fragment in self._fragments), initial=0))
        names, reasons = schema_names(self._schema), unavailable(self._schema, longest=0)
        self.places = {name: i for i, name in enumerate(names) if i not in reasons}
        self._reasons = {names[i]: reason for i, reason in reasons.items()}

    def unavailable(self) -> dict[str, str]:
        """The columns that have no form in Zarr, with the reason."""
        return self._reasons

    def node(self, name: str) -> Array:
        """The node of a column. Raises Unavailable if it has no form in Zarr."""
        place = self.places[name]
        planned = plan(self._schema.types[place], self._facts(place))
        return Array(
            shape=(self._starts[-1],),
            dtype=planned.dtype,
            source=Dense(partial(self._read, place, planned)),
            attributes=planned.attributes or {},
        )

    def _facts(self, place: int) -> Facts:
        """The facts of a column, from all of its values if the type needs them."""
        if not _needs_values(self._schema.types[place]):
            return Facts(nulls=True)
        found = [facts(self._column(place, number)) for number in range(len(self._fragments))]
        lengths = [fact.longest for fact in found if fact.longest is not None]
        return Facts(nulls=any(fact.nulls for fact in found), longest=max(lengths, default=None))

    def _column(self, place: int, number: int) -> pa.ChunkedArray:
        """A column of a fragment. Raises Changed if the number of rows is not what it was."""
        table = self._fragments[number].to_table(schema=self._schema, columns=[self._schema.names[place]], use_threads=False)
        expected = self._starts[number + 1] - self._starts[number]
        if len(table) != expected:
            raise Changed(f"a fragment has {len(table)} rows, it had {expected}; open the dataset again")
        return table.column(0)

    def _read(self, place: int, planned: Plan, region: Region) -> np.ndarray[Any, Any]:
        (rows,) = region
        if rows.start == rows.stop:
            return np.empty(0, planned.dtype)
        first, after = bisect_right(self._starts, rows.start) - 1, bisect_left(self._starts, rows.stop)
        blocks = []
        for number in range(first, after):
            start, stop = max(rows.start - self._starts[number], 0), min(rows.stop, self._starts[number + 1]) - self._starts[number]
            block = planned.convert(self._column(place, number).slice(start, stop - start))
            blocks.append(settle(block, planned.dtype, (slice(start, stop),)))
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _needs_values(kind: pa.DataType) -> bool:
    """True if only the values tell what a column of this type becomes."""
    try:
        plan(kind, Facts(nulls=True))
    except Unavailable:  # it lacks the length of the longest item
        return True
    return depends_on_nulls(kind)
