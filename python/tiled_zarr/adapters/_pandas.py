"""Columns and index levels of pandas' data frames."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from ..nodes import Array, Region, Unavailable
from ._arrow import column_node, unique

Values: TypeAlias = "pd.Series[Any] | pd.Index[Any]"


def columns(frame: pd.DataFrame) -> dict[str, Values]:
    """The index levels, then the columns, by the names that they are served under: a clash is settled for the columns."""
    levels = [frame.index.get_level_values(i) for i in range(frame.index.nlevels)]
    data = [frame.iloc[:, i] for i in range(frame.shape[1])]
    index_names = ["index" if name is None else _spell(name) for name in frame.index.names]
    names = unique([*map(_spell, frame.columns), *index_names])
    return dict(zip([*names[len(data) :], *names[: len(data)]], [*levels, *data], strict=True))


def column(values: Values, revision: Callable[[], str | None]) -> Array:
    """The node of a column or an index level: views where it is held by numpy, else through Arrow. Raises Unavailable for mixed objects."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind != "O":
        array = values.to_numpy()
        return Array(shape=array.shape, dtype=array.dtype, read=partial(_view, array), revision=revision, blocking=False)
    return column_node(to_arrow(values), revision)


def to_arrow(values: Values) -> pa.ChunkedArray:
    """A column as Arrow; what pandas calls missing is null. Raises Unavailable for mixed objects."""
    if isinstance(values.dtype, pd.SparseDtype):
        values = pd.Series(values).sparse.to_dense()
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise Unavailable(f"a column of {values.dtype} that is neither numbers nor text: {error}") from error
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _view(array: np.ndarray[Any, Any], region: Region) -> np.ndarray[Any, Any]:
    return array[region]


def _spell(name: object) -> str:
    """A label as text; the parts of a label of several levels are joined by dots."""
    return ".".join(map(str, name)) if isinstance(name, tuple) else str(name)
