"""Tiled's adapters, known by what they can do: `structure_family`, `structure()`, `metadata()` and `read`.

https://blueskyproject.io/tiled/explanations/structures.html. Their values are live: nothing tells when they change.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..nodes import Array, Group, Node, Region, Sparse, Table, Unavailable
from ._adapted import Adapted
from ._blocks import settle
from ._chunks import regular, unit


def adapt_tiled(adapter: Any) -> Node:
    """The node of an adapter, by its structure family. Raises Unavailable for families that Zarr has no place for."""
    family = str(getattr(adapter.structure_family, "value", adapter.structure_family))
    if family not in _FAMILIES:
        raise Unavailable(f"Zarr has no {family} arrays; known are {', '.join(_FAMILIES)}")
    return _FAMILIES[family](adapter)


def _container(adapter: Any) -> Group:
    if not isinstance(adapter, Mapping):
        raise Unavailable(f"{type(adapter).__name__} is no mapping of names to adapters; serve the files or the tree behind it")
    children = Adapted(adapter)
    return Group(children=children, attributes=_metadata(adapter), unavailable=children.nameless, blocking=True, assembled=True)


def _array(adapter: Any) -> Array:
    structure = adapter.structure()
    dtype = _dtype(structure)
    shape = tuple(int(n) for n in structure.shape)
    chunks = _chunks(structure)
    return Array(
        shape=shape,
        dtype=dtype,
        read=partial(_read, adapter, dtype),
        chunks=chunks,
        unit=unit(chunks, dtype.itemsize),
        dimension_names=_dimension_names(structure),
        attributes=_metadata(adapter),
    )


def _sparse(adapter: Any) -> Sparse:
    structure = adapter.structure()
    dtype = _dtype(structure)
    return Sparse(
        shape=tuple(int(n) for n in structure.shape),
        dtype=dtype,
        entries=partial(_entries, adapter, dtype),
        chunks=_chunks(structure),
        dimension_names=_dimension_names(structure),
        attributes=_metadata(adapter),
    )


def _table(adapter: Any) -> Table:
    from ._partitions import Partitions  # pandas and Arrow are asked for where there is a table

    columns = Partitions(partial(_partition, adapter), int(adapter.structure().npartitions))
    return Table(children=columns, attributes=_metadata(adapter), unavailable=columns.unavailable, blocking=True)


def _read(adapter: Any, dtype: np.dtype[Any], region: Region) -> np.ndarray[Any, Any]:
    """The region of an array; an adapter may answer in another byte order, with a lazy or sparse array, or later."""
    return settle(_awaited(adapter.read(_slice(region))), dtype, region)


def _entries(adapter: Any, dtype: np.dtype[Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    coo = _awaited(adapter.read())
    return coo.coords, coo.data.astype(dtype, casting="safe", copy=False)


def _partition(adapter: Any, number: int, fields: list[Any] | None) -> Any:
    """One partition of a table as a data frame, with its index and all columns or only some."""
    frame = _awaited(adapter.read_partition(number, fields=fields))
    for convert in ("compute", "to_pandas"):  # dask, then Arrow
        if hasattr(frame, convert):
            frame = getattr(frame, convert)()
    return frame


def _slice(region: Region) -> tuple[slice, ...]:
    """The region as Tiled's own kind of tuple, which some adapters ask things of; an adapter of Tiled's has loaded it."""
    ndslice = sys.modules.get("tiled.ndslice")
    made: tuple[slice, ...] = ndslice.NDSlice(*region) if ndslice else region
    return made


def _awaited(result: Any) -> Any:
    """The result of a method that may be a coroutine; runs in a worker thread, which has no event loop."""
    return asyncio.run(result) if inspect.iscoroutine(result) else result


def _dtype(structure: Any) -> np.dtype[Any]:
    dtype: np.dtype[Any] = structure.data_type.to_numpy_dtype()
    if dtype.hasobject:
        raise Unavailable("an array of Python objects; convert it to numbers or fixed-size text")
    return dtype


def _chunks(structure: Any) -> tuple[int, ...] | None:
    return regular(structure.chunks) if structure.chunks is not None else None


def _dimension_names(structure: Any) -> tuple[str | None, ...] | None:
    return None if structure.dims is None else tuple(name if name is None else str(name) for name in structure.dims)


def _metadata(adapter: Any) -> dict[str, Any]:
    return {str(name): value for name, value in (adapter.metadata() or {}).items()}


_FAMILIES: Mapping[str, Callable[[Any], Node]] = {"container": _container, "array": _array, "sparse": _sparse, "table": _table}
