"""How the demo's values become nodes: held in memory, made at the first reading, or computed for every region."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import __version__
from ..nodes import Array, Node, Region, Table

Values: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, ...]


def revision() -> str:
    """The version of the program: its pictures are the same on every machine and after every start."""
    return f"demo-{__version__}"


def held(values: npt.ArrayLike, names: tuple[str | None, ...] | None = None, **fields: Any) -> Array:
    """An array that is small enough to exist from the start."""
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
    """An array that is computed as a whole when it is first read, and then kept."""
    whole = cache(make)
    return computed(shape, dtype, lambda region: whole()[region], names, **fields)


def computed(
    shape: Shape, dtype: str, read: Callable[[Region], Values], names: tuple[str | None, ...] | None = None, **fields: Any
) -> Array:
    """An array of which no more exists than the region that is being read."""
    return Array(shape=shape, dtype=np.dtype(dtype), read=read, dimension_names=names, revision=revision, **fields)


def table(columns: Mapping[str, Values], attributes: Mapping[str, Any]) -> Table:
    """A short data frame with a running index."""
    index = np.arange(len(next(iter(columns.values()))))
    children: dict[str, Node] = {name: held(values, ("index",)) for name, values in {"index": index, **columns}.items()}
    return Table(children=children, attributes=attributes, revision=revision)
