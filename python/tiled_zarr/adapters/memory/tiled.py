"""Tiled's adapters, recognized by their interface.

That is `structure_family`, `structure()`, `metadata()` and `read`. Their values have no revision,
since nobody can tell when they change. Structure and metadata may change in place: we compare the
structure at each look, and ask for the metadata in each document.
https://blueskyproject.io/tiled/explanations/structures.html
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
from ...nodes import Array, Changed, Dense, Group, MaxShape, Node, Region, Sparse, Table, TooSlow, Unavailable, Unprocessable
from ...resources import Resources
from ..common.blocks import settle
from ..common.chunk_sizes import Chunking, lasting, regrown, regular, unit
from .adapted import Adapted


def adapt_tiled(adapter: Any, resources: Resources | None = None, family: str | None = None) -> Node:
    """The node of an adapter, by its structure family, unless the caller knows that.

    Raises Unavailable for families that have no form in Zarr.
    """
    family = family or _family(adapter)
    if family not in _FAMILIES:
        raise Unavailable(f"Zarr has no {family} arrays; known are {', '.join(_FAMILIES)}")
    return _container(adapter, resources) if family == "container" else _FAMILIES[family](adapter)


def followed(adapter: Any, node: Node) -> Node:
    """The node of an adapter as it is now: `node`, unless the structure has changed since."""
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
    """True if a node was made from an equal structure.

    We do not compare chunks, which follow the length.
    """
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
            recomputes=True,
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
    # not at the head: only tables need pandas and Arrow
    from .partitions import Partitions

    columns = Partitions(partial(_partition, adapter), int(adapter.structure().npartitions), former)
    return Table(children=columns, attributes=_attributes(adapter), unavailable=columns.unavailable, blocking=True)


def _read(adapter: Any, shape: tuple[int, ...], dtype: np.dtype[Any], region: Region) -> np.ndarray[Any, Any]:
    """The region of an array.

    An adapter may answer in another byte order, with a lazy or sparse array, or with a coroutine.
    Raises Changed if the answer does not fit because the structure has changed.
    """
    try:
        return settle(_awaited(adapter.read(_slice(region))), dtype, region)
    except Exception as error:
        if (_shape(now := adapter.structure()), _dtype(now)) != (shape, dtype):
            raise Changed("the structure changed while it was being read; ask again") from error
        fault = _fault(error)
        if fault is None:
            raise
        raise fault from error


def _fault(error: Exception) -> TooSlow | Unprocessable | None:
    """What an error of an adapter means that Tiled answers with 503 or 422, else None.

    The data do not have the shape of the structure: not yet, or at all.
    """
    utils = sys.modules.get("tiled.adapters.utils")
    if utils is None or not isinstance(error, utils.ShapeMismatchError):
        return None
    return TooSlow(str(error)) if isinstance(error, utils.DataNotReadyError) else Unprocessable(str(error))


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
    """The region as Tiled's own type of tuple, whose methods some adapters use.

    If Tiled is not loaded, no adapter is one of its own, and a plain tuple will do.
    """
    ndslice = sys.modules.get("tiled.ndslice")
    made: tuple[slice, ...] = ndslice.NDSlice(*region) if ndslice else region
    return made


def _awaited(result: Any) -> Any:
    """The result of a method that may be a coroutine function.

    Runs in a worker thread, which has no event loop.
    """
    return asyncio.run(result) if inspect.iscoroutine(result) else result


def _shape(structure: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in structure.shape)


def _maxshape(structure: Any) -> MaxShape:
    """The shape up to which an array may grow.

    Arrays of measurements grow along their first axis, item by item; a structure may name more axes
    under `resizable`.
    """
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
    """The metadata, read for each document.

    Raises now what the adapter raises now, so that one without readable metadata is known to be bad
    at once.
    """
    _metadata(adapter)
    return Late(partial(_metadata, adapter))


def _metadata(adapter: Any) -> dict[str, Any]:
    return {str(name): value for name, value in (adapter.metadata() or {}).items()}


_FAMILIES: Mapping[str, Callable[[Any], Node]] = MappingProxyType(
    {"container": _container, "array": _array, "sparse": _sparse, "table": _table}
)
