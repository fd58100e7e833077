"""Three ways to make a demo array: held in memory, made at the first read, computed per region."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..nodes import Array, Dense, Group, Node, Table
from ..version import __version__

Values: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, ...]


def revision() -> str:
    """The program's version: the demo is the same on every machine and after every start."""
    return f"demo-{__version__}"


def held(values: npt.ArrayLike, names: tuple[str | None, ...] | None = None, **fields: Any) -> Array:
    """An array of `values`, which stay in memory from the start."""
    array = np.asarray(values)
    return Array(
        shape=array.shape,
        dtype=array.dtype,
        read=lambda region: array[region],
        dimension_names=names,
        revision=revision,
        blocking=False,
        **fields,
    )


def made(shape: Shape, dtype: str, make: Callable[[], Values], names: tuple[str | None, ...] | None = None, **fields: Any) -> Array:
    """An array that `make` computes as a whole at the first read, and that is then kept."""
    whole = cache(make)
    return computed(shape, dtype, Dense(lambda region: whole()[region]), names, **fields)


def computed(shape: Shape, dtype: str, source: Dense, names: tuple[str | None, ...] | None = None, **fields: Any) -> Array:
    """An array of which only the region that is read is ever computed."""
    return Array(shape=shape, dtype=np.dtype(dtype), source=source, dimension_names=names, revision=revision, **fields)


def table(columns: Mapping[str, Values], attributes: Mapping[str, Any]) -> Group:
    """A short data frame; its first column, `index`, counts the rows from 0."""
    index = np.arange(len(next(iter(columns.values()))))
    children: dict[str, Node] = {name: held(values, ("index",)) for name, values in {"index": index, **columns}.items()}
    return Table(children=children, attributes=attributes, revision=revision)
