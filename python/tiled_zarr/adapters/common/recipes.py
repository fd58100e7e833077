"""Columns and index levels of pandas' data frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from ...nodes import Array, Region, Unavailable
from .columns import column_node, facts, plan, unique

Values: TypeAlias = "pd.Series[Any] | pd.Index[Any]"


def columns(frame: pd.DataFrame) -> dict[str, Values]:
    """The index levels, then the columns, by the names under which they are served.

    If names clash, the columns keep theirs.
    """
    levels = [frame.index.get_level_values(i) for i in range(frame.index.nlevels)]
    data = [frame.iloc[:, i] for i in range(frame.shape[1])]
    index_names = ["index" if name is None else _spell(name) for name in frame.index.names]
    names = unique([*map(_spell, frame.columns), *index_names])
    return dict(zip([*names[len(data) :], *names[: len(data)]], [*levels, *data], strict=True))


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a column that comes in pieces becomes numpy.

    `kind` is its Arrow type, None if numpy holds it.
    """

    dtype: np.dtype[Any]
    attributes: Mapping[str, Any]
    kind: pa.DataType | None = None

    def convert(self, piece: Values) -> np.ndarray[Any, Any]:
        """A piece as numpy, of the column's dtype or of one that casts to it without loss.

        Its own items decide the dtype.
        """
        if self.kind is None:
            return np.asarray(piece.to_numpy())
        column = to_arrow(piece)
        if column.null_count == len(column):  # then its own type means nothing
            column = pa.chunked_array([pa.nulls(len(column), self.kind)])
        return plan(column.type, facts(column)).convert(column)


def recipe(values: Values) -> Recipe:
    """The recipe of a column, from all of it. Raises Unavailable for mixed objects."""
    if is_numpy(values):
        return Recipe(values.to_numpy().dtype, {})
    whole = to_arrow(values)
    planned = plan(whole.type, facts(whole))
    return Recipe(planned.dtype, planned.attributes or {}, whole.type)


def column(values: Values, revision: Callable[[], str | None]) -> Array:
    """The node of a column or index level: views if numpy holds it, else through Arrow.

    Raises Unavailable for mixed objects.
    """
    if is_numpy(values):
        array = values.to_numpy()
        return Array(shape=array.shape, dtype=array.dtype, read=partial(_view, array), revision=revision, blocking=False)
    return column_node(to_arrow(values), revision)


def to_arrow(values: Values) -> pa.ChunkedArray:
    """A column as Arrow; what pandas calls missing becomes null.

    Raises Unavailable for mixed objects.
    """
    if isinstance(values.dtype, pd.SparseDtype):
        values = pd.Series(values).sparse.to_dense()
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise Unavailable(f"a column of {values.dtype} that is neither numbers nor text: {error}") from error
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def is_numpy(values: Values) -> bool:
    """Whether numpy holds a column, and not as objects."""
    return isinstance(values.dtype, np.dtype) and values.dtype.kind != "O"


def _view(array: np.ndarray[Any, Any], region: Region) -> np.ndarray[Any, Any]:
    return array[region]


def _spell(name: object) -> str:
    """A label as text; the parts of a label of several levels are joined by dots."""
    return ".".join(map(str, name)) if isinstance(name, tuple) else str(name)
