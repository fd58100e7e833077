"""Tiled's description of an array, as JSON, in numpy's and our terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ...adapters.common.chunk_sizes import lasting, regular
from ...nodes import MaxShape, Unavailable

ORDERS = MappingProxyType({"big": ">", "little": "<", "not_applicable": "|"})
UCS4_BYTES = 4
"""Bytes of a character in numpy's fixed-length text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """Shape, type and chunks of an array.

    `blocks` is the shape of Tiled's blocks if they are regular. `chunks` is the same as the chunks
    of an array that may grow.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    blocks: tuple[int, ...] | None
    chunks: tuple[int, ...] | None
    dims: tuple[str | None, ...] | None
    maxshape: MaxShape


def structure_of(document: Mapping[str, Any]) -> Structure:
    """The structure in a document. Raises Unavailable for arrays of Python objects."""
    shape = tuple(int(size) for size in document["shape"])
    sizes: Sequence[Sequence[int]] | None = document.get("chunks")
    blocks = None if sizes is None else regular(sizes)
    dims = document.get("dims")
    return Structure(
        shape=shape,
        dtype=dtype_of(document["data_type"]),
        blocks=blocks,
        chunks=lasting(blocks, sizes),
        dims=None if dims is None else tuple(name if name is None else str(name) for name in dims),
        maxshape=maxshape(shape, document.get("resizable") or False),
    )


def maxshape(shape: tuple[int, ...], resizable: bool | Sequence[bool]) -> MaxShape:
    """The shape up to which an array may grow.

    Measurements grow along their first axis; a structure may name more axes as `resizable`.

    >>> maxshape((5, 7), False), maxshape((5, 7), [False, True])
    ((None, 7), (None, None))
    """
    may_grow = [resizable] * len(shape) if isinstance(resizable, bool) else list(resizable)
    return tuple(None if axis == 0 or grows else size for axis, (size, grows) in enumerate(zip(shape, may_grow, strict=True)))


def dtype_of(document: Mapping[str, Any]) -> np.dtype[Any]:
    """The type in a document. Raises Unavailable for Python objects.

    >>> dtype_of({"endianness": "little", "kind": "U", "itemsize": 12}).str
    '<U3'
    """
    if "fields" in document:
        return np.dtype([_field(field) for field in document["fields"]])
    kind, size = document["kind"], int(document["itemsize"])
    if kind == "O":
        raise Unavailable("an array of Python objects; convert it to numbers or fixed-size text")
    length = size // UCS4_BYTES if kind == "U" else size
    return np.dtype(f"{ORDERS[document['endianness']]}{kind}{length}{document.get('dt_units') or ''}")


def _field(document: Mapping[str, Any]) -> tuple[Any, ...]:
    """A field of a record, as numpy's list of fields has it."""
    shape = document.get("shape")
    named = (document["name"], dtype_of(document["dtype"]))
    return named if shape is None else (*named, tuple(shape))
