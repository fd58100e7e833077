"""Zarr v3: its keys and documents.

https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .. import dtypes, marks
from ..attributes import OURS, Json
from ..codecs import Codec
from . import names, v2
from .headers import ArrayHeader, GroupHeader, Header, Members, typesize

NAME = "v3"
SEPARATOR = "/"
FORBIDDEN = names.FORBIDDEN
DOCUMENTS = frozenset({"zarr.json"})
CONSOLIDATED = "zarr.json"
CHUNKS = "c"
"""The folder of an array's chunks."""


def parse_index(key: str, ndim: int, separator: str = SEPARATOR) -> tuple[int, ...] | None:
    """The chunk index that the rest of a key spells, or None if it is not in canonical form.

    >>> parse_index("c/1/2", 2), parse_index("c", 0), parse_index("c/1/+2", 2), parse_index("c.1.2", 2)
    ((1, 2), (), None, None)
    """
    if ndim == 0:
        return () if key == "c" else None
    prefix, _, rest = key.partition(separator)
    return v2.parse_index(rest, ndim, separator) if prefix == "c" else None


def parse_folder(key: str, ndim: int, separator: str = SEPARATOR) -> tuple[int, ...] | None:
    """The beginning of a chunk index that a folder of chunks spells, or None if it is no folder.

    >>> parse_folder("c", 2), parse_folder("c/1", 2), parse_folder("c/1/2", 2), parse_folder("c", 0)
    ((), (1,), None, None)
    """
    prefix, _, rest = key.partition("/")
    if prefix != "c" or ndim == 0 or separator != "/":
        return None
    return v2.parse_folder(rest, ndim, separator) if rest else () if key == "c" else None


def chunk_key(index: tuple[int, ...], separator: str = SEPARATOR) -> str:
    """The key of a chunk below its array.

    >>> chunk_key((1, 2)), chunk_key(())
    ('c/1/2', 'c')
    """
    return separator.join(("c", *map(str, index)))


def documents(*, is_group: bool) -> tuple[str, ...]:  # noqa: ARG001 - the twin of v2.documents
    """The documents that every node has."""
    return ("zarr.json",)


def check(dtype: dtypes.Dtype) -> None:
    """Raises Unavailable if this format has no type for a wire type."""
    dtypes.v3(dtype)


def codec(chosen: Codec) -> Codec:
    """The codec that arrays of this format are encoded with if `chosen` is configured."""
    return chosen.for_v3()


def passes(stored: Codec) -> bool:
    """True if chunks stored with a codec may be served with it when no codec is configured."""
    return stored == stored.for_v3()


def document(name: str, header: Header, members: Members | None = None) -> dict[str, Any] | None:
    """The document of a node, for a group consolidated with `members` unless they are None.

    None if the name is not `zarr.json`.
    """
    if name != "zarr.json":
        return None
    if isinstance(header, ArrayHeader):
        return _array(header)
    return _group(header) if members is None else {**_group(header), "consolidated_metadata": _consolidated(members)}


def _group(header: GroupHeader) -> dict[str, Any]:
    return {"zarr_format": 3, "node_type": "group", "attributes": header.attributes}


def _array(header: ArrayHeader) -> dict[str, Any]:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(header.shape),
        "data_type": dtypes.v3(header.dtype, header.struct),
        "chunk_grid": _chunk_grid(header.chunk_shape),
        "chunk_key_encoding": _chunk_key_encoding(header.separator),
        "fill_value": dtypes.v3_fill(header.dtype, header.struct),
        "codecs": _codecs(header.dtype, header.codec),
        "dimension_names": list(header.dimension_names),
        "attributes": _attributes(header),
    }


def _attributes(header: ArrayHeader) -> dict[str, Json]:
    """The attributes of an array, with the item that means "missing value".

    It is in `_FillValue`, where xarray reads it, if it can be spelled there, else under our own
    key.
    """
    if header.mark is None:
        return header.attributes
    spelled = marks.in_v3(header.mark, header.attributes)
    if spelled is not None:
        return {**header.attributes, marks.ATTRIBUTE: spelled}
    ours = header.attributes.get(OURS)
    return {**header.attributes, OURS: {**(ours if isinstance(ours, dict) else {}), marks.ATTRIBUTE: marks.in_v2(header.mark)}}


# Parts that many arrays have in common are built once and cached: a large consolidated document
# contains more than half a million of them.


@lru_cache
def _chunk_grid(chunk_shape: tuple[int, ...]) -> dict[str, Any]:
    return {"name": "regular", "configuration": {"chunk_shape": list(chunk_shape)}}


@lru_cache
def _chunk_key_encoding(separator: str) -> dict[str, Any]:
    return {"name": "default", "configuration": {"separator": separator}}


@lru_cache
def _codecs(dtype: dtypes.Dtype, codec: Codec) -> list[dict[str, Any]]:
    return [_serializer(dtype), *codec.v3(typesize(dtype))]


def _serializer(dtype: dtypes.Dtype) -> dict[str, Any]:
    if dtypes.is_string(dtype):
        return {"name": "vlen-utf8", "configuration": {}}
    if dtype.kind == "S" or dtype.itemsize == 1:
        return {"name": "bytes"}
    return {"name": "bytes", "configuration": {"endian": "little"}}


def _consolidated(members: Members) -> dict[str, Any]:
    return {
        "kind": "inline",
        "must_understand": False,
        "metadata": {path: document("zarr.json", header) for path, header in members.items()},
    }
