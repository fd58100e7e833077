"""Tiled's adapters, known by what they can do: `structure_family`, `structure()`, `metadata()` and `read`.

https://blueskyproject.io/tiled/explanations/structures.html. Their values are live: nothing tells when they change. Structure and metadata
may change in place: the first is compared at each look, the second asked for by each document.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from ...attributes import Late
from ...nodes import Array, Changed, Dense, Group, MaxShape, Node, Region, Sparse, Table, Unavailable
from ...resources import Resources
from ..common.blocks import settle
from ..common.chunk_sizes import Chunking, lasting, regrown, regular, unit
from .adapted import Adapted


def adapt_tiled(adapter: Any, resources: Resources | None = None) -> Node:
    """The node of an adapter, by its structure family. Raises Unavailable for families that Zarr has no place for."""
    family = _family(adapter)
    if family not in _FAMILIES:
        raise Unavailable(f"Zarr has no {family} arrays; known are {', '.join(_FAMILIES)}")
    return _container(adapter, resources) if family == "container" else _FAMILIES[family](adapter)


def followed(adapter: Any, node: Node) -> Node:
    """The node of an adapter as it is now: the one that was made of it, unless its structure has changed since."""
    family = _family(adapter)
    match family, node:
        case "container", Group(kind="folder"):
            return node
        case "table", Group(kind="table"):
            count = getattr(node.children, "count", None)
            return node if count == int(adapter.structure().npartitions) else _table(adapter, node.children)
        case "array" | "sparse", Array() if _says(adapter.structure(), node):
            return node
    return regrown(adapt_tiled(adapter), Chunking.of(node))


def _family(adapter: Any) -> str:
    return str(getattr(adapter.structure_family, "value", adapter.structure_family))


def _says(structure: Any, node: Array) -> bool:
    """Whether a structure is the one that a node was made of; its chunks, which follow its length, are not compared."""
    is_same = _shape(structure) == node.shape and _dtype(structure) == node.dtype
    return is_same and _dimension_names(structure) == node.dimension_names


def _container(adapter: Any, resources: Resources | None = None) -> Group:
    if not isinstance(adapter, Mapping):
        raise Unavailable(f"{type(adapter).__name__} is no mapping of names to adapters; serve the files or the tree behind it")
    children = Adapted(adapter, resources)
    return Group(children=children, attributes=_attributes(adapter), unavailable=children.nameless, blocking=True, kind="folder")


def _array(adapter: Any) -> Array:
    structure = adapter.structure()
    dtype = _dtype(structure)
    chunks = _chunks(structure)
    own = lasting(chunks, structure.chunks)
    return Array(
        shape=_shape(structure),
        dtype=dtype,
        source=Dense(
            partial(_read, adapter, _shape(structure), dtype),
            unit=unit(chunks, dtype.itemsize) or (None if own == chunks else chunks),
        ),
        chunks=own,
        dimension_names=_dimension_names(structure),
        attributes=_attributes(adapter),
        maxshape=_maxshape(structure),
    )


def _sparse(adapter: Any) -> Array:
    structure = adapter.structure()
    dtype = _dtype(structure)
    return Sparse(
        shape=_shape(structure),
        dtype=dtype,
        entries=partial(_entries, adapter, dtype),
        chunks=lasting(_chunks(structure), structure.chunks),
        dimension_names=_dimension_names(structure),
        attributes=_attributes(adapter),
        maxshape=_maxshape(structure),
    )


def _table(adapter: Any, former: Mapping[str, Node] | None = None) -> Group:
    from .partitions import Partitions  # pandas and Arrow are asked for where there is a table

    columns = Partitions(partial(_partition, adapter), int(adapter.structure().npartitions), former)
    return Table(children=columns, attributes=_attributes(adapter), unavailable=columns.unavailable, blocking=True)


def _read(adapter: Any, shape: tuple[int, ...], dtype: np.dtype[Any], region: Region) -> np.ndarray[Any, Any]:
    """The region of an array; an adapter may answer in another byte order, with a lazy or sparse array, or later.

    Raises Changed where what it answers does not fit, since it has another structure by now.
    """
    try:
        return settle(_awaited(adapter.read(_slice(region))), dtype, region)
    except Exception as error:
        if (_shape(now := adapter.structure()), _dtype(now)) != (shape, dtype):
            raise Changed("the structure changed while it was being read; ask again") from error
        raise


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


def _shape(structure: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in structure.shape)


def _maxshape(structure: Any) -> MaxShape:
    """Arrays of measurements grow along their first axis, one item after the other; a structure may say more under `resizable`."""
    said: bool | Sequence[bool] = getattr(structure, "resizable", False)
    shape = _shape(structure)
    may_grow = [said] * len(shape) if isinstance(said, bool) else list(said)
    return tuple(None if axis == 0 or grows else size for axis, (size, grows) in enumerate(zip(shape, may_grow, strict=True)))


def _dtype(structure: Any) -> np.dtype[Any]:
    dtype: np.dtype[Any] = structure.data_type.to_numpy_dtype()
    if dtype.hasobject:
        raise Unavailable("an array of Python objects; convert it to numbers or fixed-size text")
    return dtype


def _chunks(structure: Any) -> tuple[int, ...] | None:
    return regular(structure.chunks) if structure.chunks is not None else None


def _dimension_names(structure: Any) -> tuple[str | None, ...] | None:
    return None if structure.dims is None else tuple(name if name is None else str(name) for name in structure.dims)


def _attributes(adapter: Any) -> Late:
    """The metadata of each moment. Raises what they raise now, so that an adapter that cannot tell them is known as bad at once."""
    _metadata(adapter)
    return Late(partial(_metadata, adapter))


def _metadata(adapter: Any) -> dict[str, Any]:
    return {str(name): value for name, value in (adapter.metadata() or {}).items()}


_FAMILIES: Mapping[str, Callable[[Any], Node]] = MappingProxyType(
    {"container": _container, "array": _array, "sparse": _sparse, "table": _table}
)
