"""Zarr v2: its keys and documents.

https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html
"""

from __future__ import annotations

from typing import Any

from .. import dtypes, marks
from ..codecs import Codec
from . import names
from .headers import ArrayHeader, GroupHeader, Header, Members

NAME = "v2"
SEPARATOR = "."
FORBIDDEN = names.FORBIDDEN_V2
DOCUMENTS = frozenset({".zgroup", ".zarray", ".zattrs", ".zmetadata"})
CONSOLIDATED = ".zmetadata"
CHUNKS = ""
"""The folder of an array's chunks; they lie beside the array's documents."""


def parse_index(key: str, ndim: int, separator: str = SEPARATOR) -> tuple[int, ...] | None:
    """The chunk index that the rest of a key spells, or None if it is not in canonical form.

    >>> parse_index("1.2", 2), parse_index("0", 0), parse_index("01.2", 2), parse_index("1.2", 3)
    ((1, 2), (), None, None)
    """
    if ndim == 0:
        return () if key == "0" else None
    parts = key.split(separator)
    is_canonical = len(parts) == ndim and all(part.isascii() and part.isdigit() and (part[0] != "0" or part == "0") for part in parts)
    return tuple(map(int, parts)) if is_canonical and len(key) < 20 * ndim else None


def parse_folder(key: str, ndim: int, separator: str = SEPARATOR) -> tuple[int, ...] | None:
    """The beginning of a chunk index that a folder of chunks spells, or None if it is no folder.

    >>> parse_folder("1", 2, "/"), parse_folder("1", 2), parse_folder("1/2", 2, "/")
    ((1,), None, None)
    """
    length = key.count("/") + 1
    return parse_index(key, length, separator) if separator == "/" and length < ndim else None


def chunk_key(index: tuple[int, ...], separator: str = SEPARATOR) -> str:
    """The key of a chunk below its array.

    >>> chunk_key((1, 2)), chunk_key(())
    ('1.2', '0')
    """
    return separator.join(map(str, index)) or "0"


def documents(*, is_group: bool) -> tuple[str, ...]:
    """The documents that every group, or every array, has."""
    return (".zattrs", ".zgroup") if is_group else (".zarray", ".zattrs")


def check(dtype: dtypes.Dtype) -> None:
    """Raises Unavailable if this format has no type for a wire type."""
    dtypes.v2(dtype)


def codec(chosen: Codec) -> Codec:
    """The codec that arrays of this format are encoded with if `chosen` is configured."""
    return chosen


def passes(stored: Codec) -> bool:
    """True if chunks stored with a codec may be served with it when no codec is configured.

    Not if that needs a filter for the checksum, or is lz4 without a frame.
    """
    return stored.name != "lz4" and not stored.crc32c


def document(name: str, header: Header, members: Members | None = None) -> dict[str, Any] | None:
    """A document of a node; None if a node of its kind has none.

    `members` are the headers of all nodes below; without them there is no `.zmetadata`.
    """
    match name, header:
        case ".zgroup", GroupHeader():
            return {"zarr_format": 2}
        case ".zarray", ArrayHeader():
            return _array(header)
        case ".zattrs", ArrayHeader():
            return {**header.attributes, "_ARRAY_DIMENSIONS": list(header.dimension_names)}
        case ".zattrs", GroupHeader():
            return header.attributes
        case ".zmetadata", GroupHeader() if members is not None:
            return {"zarr_consolidated_format": 1, "metadata": _consolidated({"": header, **members})}
    return None


def _array(header: ArrayHeader) -> dict[str, Any]:
    compressor, filters = header.codec.v2()
    is_string = dtypes.is_string(header.dtype)
    return {
        "zarr_format": 2,
        "shape": list(header.shape),
        "chunks": list(header.chunk_shape),
        "dtype": dtypes.v2(header.dtype),
        # xarray masks it; we serve every chunk of the grid
        "fill_value": None if header.mark is None else marks.in_v2(header.mark),
        "order": "C",
        "filters": [{"id": "vlen-utf8"}, *(filters or [])] if is_string else filters,
        "compressor": compressor,
        "dimension_separator": header.separator,
    }


def _consolidated(members: Members) -> dict[str, Any]:
    documents = (
        (f"{path}/{name}".removeprefix("/"), document(name, header))
        for path, header in members.items()
        for name in (".zgroup", ".zarray", ".zattrs")
    )
    return {key: value for key, value in documents if value is not None}
