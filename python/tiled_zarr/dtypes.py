"""numpy's types as Zarr v2 and v3 write them; raises `Unavailable` for a type that neither has.

https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html#data-type-encoding,
https://zarr-specs.readthedocs.io/en/latest/v3/data-types/index.html,
https://github.com/zarr-developers/zarr-extensions/tree/main/data-types
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np

from .nodes import Unavailable
from .texts import plain

Dtype: TypeAlias = np.dtype[Any]
Runs: TypeAlias = tuple[tuple[int, int, int], ...]
"""How a wire item is made of a source item: (source offset, nbytes, swap width) each."""
StructName: TypeAlias = Literal["structured", "struct"]

MOST_KEPT = 1024
"""Types whose forms are remembered: those of records are without number."""
CORE = MappingProxyType(
    {
        "b1": "bool",
        **{f"i{n}": f"int{8 * n}" for n in (1, 2, 4, 8)},
        **{f"u{n}": f"uint{8 * n}" for n in (1, 2, 4, 8)},
        **{f"f{n}": f"float{8 * n}" for n in (2, 4, 8)},
        "c8": "complex64",
        "c16": "complex128",
    }
)
"""Zarr v3's names of types by numpy's short names."""


def is_string(dtype: Dtype) -> bool:
    """Whether items are `str` of any length, which nodes give the object dtype."""
    return dtype.kind == "O"


@lru_cache(MOST_KEPT)
def wire(dtype: Dtype) -> Dtype:
    """The type of an item inside a chunk: little-endian and packed.

    Raises Unavailable for a type that Zarr cannot express.

    >>> wire(np.dtype(">u2")).str, wire(np.dtype([("a", "u1"), ("b", ">f8")], align=True)).itemsize
    ('<u2', 9)
    """
    if is_string(dtype):
        return dtype
    if dtype.names is not None:
        if any(plain(name) != name for name in dtype.names):
            raise Unavailable("the name of a field is no text")
        packed = [(name, wire(field)) for name, field, _ in _fields(dtype)]
        return _sized(np.dtype([(name, field.base, field.shape) for name, field in packed]))
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.dtype((wire(base), shape))
    if dtype.kind in "SUMm" or dtype.str[1:] in CORE:
        return _sized(dtype.newbyteorder("<"))
    raise Unavailable(f"Zarr has no type for numpy's {dtype.name}; convert it, for example with .astype('f8')")


def _fields(dtype: Dtype) -> list[tuple[str, Dtype, int]]:
    """Name, type and byte offset of each field of a structured type, in order."""
    fields: Mapping[str, Any] = dtype.fields or {}
    return [(name, *fields[name][:2]) for name in dtype.names or ()]


def _sized(dtype: Dtype) -> Dtype:
    if dtype.itemsize == 0:
        raise Unavailable(f"items of type {dtype} have no bytes; Zarr needs at least one")
    return dtype


@lru_cache(MOST_KEPT)
def layout(dtype: Dtype) -> Runs | None:
    """How the native encoder makes wire items from source items; None if they are equal.

    It is a list of runs: (source offset, nbytes, width of the units whose bytes are swapped, or 1).

    >>> layout(np.dtype("<u2")), layout(np.dtype(">c8")), layout(np.dtype([("a", "u1"), ("b", "<f8")], align=True))
    (None, ((0, 8, 4),), ((0, 1, 1), (8, 8, 1)))
    """
    runs = _joined(_runs(dtype, 0))
    return None if runs == [(0, dtype.itemsize, 1)] else tuple(runs)


def _runs(dtype: Dtype, offset: int) -> list[tuple[int, int, int]]:
    if dtype.names is not None:
        return [run for _, field, start in _fields(dtype) for run in _runs(field, offset + start)]
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return [run for i in range(int(np.prod(shape))) for run in _runs(base, offset + i * base.itemsize)]
    is_swapped = dtype.newbyteorder("<") != dtype
    width = {"c": dtype.itemsize // 2, "U": 4}.get(dtype.kind, dtype.itemsize)
    return [(offset, dtype.itemsize, width if is_swapped else 1)]


def _joined(runs: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The runs, with adjacent runs of the same swap width merged."""
    joined: list[tuple[int, int, int]] = []
    for offset, nbytes, swap in runs:
        if joined and joined[-1][0] + joined[-1][1] == offset and joined[-1][2] == swap:
            offset, nbytes = joined[-1][0], joined.pop()[1] + nbytes  # noqa: PLW2901 - the run grows backwards
        joined.append((offset, nbytes, swap))
    return joined


@lru_cache(MOST_KEPT)
def v2(dtype: Dtype) -> str | list[Any]:
    """The `dtype` of a Zarr v2 array for a wire type."""
    if is_string(dtype):
        return "|O"
    if dtype.names is None:
        return dtype.str
    return [[name, v2(field.base), *([list(field.shape)] if field.shape else [])] for name, field, _ in _fields(dtype)]


@lru_cache(MOST_KEPT)
def v3(dtype: Dtype, struct: StructName = "structured") -> Any:
    """The `data_type` of a Zarr v3 array for a wire type.

    `struct` is the name of structured types.
    """
    if is_string(dtype):
        return "string"
    if dtype.str[1:] in CORE:
        return CORE[dtype.str[1:]]
    if dtype.subdtype is not None:
        raise Unavailable("Zarr v3 has no type for an array inside a structured item; it is served as an array of its own")
    match dtype.kind:
        case "S":
            return {"name": "null_terminated_bytes", "configuration": {"length_bytes": dtype.itemsize}}
        case "U":
            return {"name": "fixed_length_utf32", "configuration": {"length_bytes": dtype.itemsize}}
        case "M" | "m":
            unit, scale = np.datetime_data(dtype)
            name = "numpy.datetime64" if dtype.kind == "M" else "numpy.timedelta64"
            return {"name": name, "configuration": {"unit": unit, "scale_factor": scale}}
        case _:
            types = [(name, v3(field, struct)) for name, field, _ in _fields(dtype)]
            is_list = struct == "structured"
            fields: list[Any] = [[name, type_] if is_list else {"name": name, "data_type": type_} for name, type_ in types]
            return {"name": struct, "configuration": {"fields": fields}}


@lru_cache(MOST_KEPT)
def v3_fill(dtype: Dtype, struct: StructName = "structured") -> Any:
    """The `fill_value` of a Zarr v3 array: the type's zero.

    No chunk inside the grid is ever missing.
    """
    match dtype.kind:
        case "b":
            return False
        case "c":
            return [0.0, 0.0]
        case "f":
            return 0.0
        case "S" | "U" | "O":
            return ""
        case "M" | "m":
            return "NaT"
        case "V" if struct == "struct":
            return {name: v3_fill(field, struct) for name, field, _ in _fields(dtype)}
        case "V":
            return base64.b64encode(bytes(dtype.itemsize)).decode()
        case _:
            return 0
