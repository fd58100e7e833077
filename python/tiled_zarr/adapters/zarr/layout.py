"""How an array of a Zarr hierarchy lies in its folder, according to its metadata document.

https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html,
https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html,
https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/index.html
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...codecs import Codec
from ..common.bounds import LARGEST_DOCUMENT
from ..common.codec_names import blosc, spelled
from ..common.fences import Fence

V2, V3 = ".zarray", "zarr.json"
SEPARATORS = frozenset({".", "/"})
AUTOMATIC_SHUFFLE = -1
SHUFFLES: tuple[str, ...] = ("noshuffle", "shuffle", "bitshuffle")
STRINGS = "vlen-utf8"
PLAIN_INDEX = (
    "bytes",
    "crc32c",
)


@dataclass(frozen=True, slots=True)
class Shards:
    """Files that each hold `counts` chunks along the axes and an index, at the start or the end."""

    counts: tuple[int, ...]
    is_index_first: bool

    @property
    def chunks(self) -> int:
        """The number of chunks in a file."""
        return math.prod(self.counts)

    def place(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """The index of the file that holds a chunk, in the grid of files."""
        return tuple(i // count for i, count in zip(index, self.counts, strict=True))

    def inner(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """The index of a chunk inside its file."""
        return tuple(i % count for i, count in zip(index, self.counts, strict=True))


@dataclass(frozen=True, slots=True)
class Layout:
    """An array's files: one for every `file_shape` elements, named after its index in the grid.

    `codec` is how chunks are compressed if there is no other step between them and an array of the
    node's type in C order, else None. If `shards` is None, each file is one chunk.
    """

    document: str
    prefix: str
    separator: str
    file_shape: tuple[int, ...]
    codec: Codec | None
    shards: Shards | None

    def path(self, place: tuple[int, ...]) -> str:
        """The path of the file at an index of the grid of files."""
        parts = self.separator.join(map(str, place))
        name = f"{self.prefix}{self.separator}{parts}" if self.prefix and parts else self.prefix or parts or "0"
        return os.path.join(os.path.dirname(self.document), name)  # noqa: PTH118, PTH120 - texts all the way, on every request


def layout(folder: Path, fence: Fence, dtype: np.dtype[Any]) -> Layout | None:
    """The layout of the array in a folder, whose items have this type.

    None if its grid is not regular, or its chunk keys have an unknown encoding.
    """
    for name, parse in ((V3, _v3), (V2, _v2)):
        document = folder / name
        if document.is_file():
            return _known(parse(str(document), json.loads(fence.read(document, LARGEST_DOCUMENT)), dtype))
    return None


def layout_of(document: str, metadata: Mapping[str, Any], dtype: np.dtype[Any]) -> Layout | None:
    """The same for an array whose `document` is a key of a store; paths are then keys as well."""
    return _known((_v3 if metadata.get("zarr_format") == 3 else _v2)(document, metadata, dtype))


def _known(found: Layout | None) -> Layout | None:
    return found if found and found.separator in SEPARATORS else None


def _v2(document: str, metadata: Mapping[str, Any], dtype: np.dtype[Any]) -> Layout:
    filters = [step.get("id") for step in metadata.get("filters") or ()]
    is_plain = metadata.get("order") == "C" and filters == ([STRINGS] if dtype.hasobject else [])
    return Layout(
        document=document,
        prefix="",
        separator=metadata.get("dimension_separator") or ".",
        file_shape=tuple(metadata["chunks"]),
        codec=_v2_codec(metadata.get("compressor"), _typesize(dtype)) if is_plain else None,
        shards=None,
    )


def _v2_codec(compressor: Mapping[str, Any] | None, typesize: int) -> Codec | None:
    if compressor is None:
        return spelled("none")
    match compressor.get("id"):
        case "blosc":
            automatic = SHUFFLES[2 if typesize == 1 else 1]
            shuffles: dict[Any, str] = {AUTOMATIC_SHUFFLE: automatic, **dict(enumerate(SHUFFLES))}
            return blosc(compressor.get("cname"), compressor.get("clevel"), shuffles.get(compressor.get("shuffle")))
        case "lz4":
            return spelled("lz4", compressor.get("acceleration"))
        case "zstd" | "gzip" | "zlib" as name:
            return spelled(name, compressor.get("level"))
    return None


def _v3(document: str, metadata: Mapping[str, Any], dtype: np.dtype[Any]) -> Layout | None:
    grid, names = metadata["chunk_grid"], metadata["chunk_key_encoding"]
    prefixes = {"default": ("c", "/"), "v2": ("", ".")}
    if _name(grid) != "regular" or _name(names) not in prefixes or metadata.get("storage_transformers"):
        return None
    prefix, separator = prefixes[_name(names)]
    file_shape = tuple(_configuration(grid)["chunk_shape"])
    codec, shards = _v3_codecs(metadata["codecs"], file_shape, dtype)
    return Layout(
        document=document,
        prefix=prefix,
        separator=_configuration(names).get("separator", separator),
        file_shape=file_shape,
        codec=codec,
        shards=shards,
    )


def _v3_codecs(codecs: list[Any], file_shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Codec | None, Shards | None]:
    """The compressor of chunks and the shards around them; None for what we do not know."""
    names = [_name(codec) for codec in codecs]
    if names != ["sharding_indexed"]:
        return _v3_codec(names, codecs, dtype), None
    sharding = codecs[0]["configuration"]
    index = sharding.get("index_codecs", [])
    if tuple(_name(codec) for codec in index) != PLAIN_INDEX or _configuration(index[0]).get("endian") != "little":
        return None, None
    inner = sharding["codecs"]
    codec = _v3_codec([_name(codec) for codec in inner], inner, dtype)
    counts = tuple(size // chunk for size, chunk in zip(file_shape, sharding["chunk_shape"], strict=True))
    return codec, Shards(counts, sharding.get("index_location", "end") == "start")


def _v3_codec(names: list[str], codecs: list[Any], dtype: np.dtype[Any]) -> Codec | None:
    if not names or not _is_plain(names[0], _configuration(codecs[0]), dtype):
        return None
    has_checksum = names[-1] == "crc32c"
    compressors = codecs[1 : -1 if has_checksum else None]
    if len(compressors) > 1:
        return None
    codec = _v3_compressor(_name(compressors[0]), _configuration(compressors[0]), _typesize(dtype)) if compressors else spelled("none")
    return codec and replace(codec, crc32c=has_checksum)


def _is_plain(name: str, configuration: Mapping[str, Any], dtype: np.dtype[Any]) -> bool:
    """True if the array-to-bytes step writes exactly what we would send.

    That is items in little-endian order or of single bytes, or strings as vlen-utf8. The fields of
    structured items have the byte orders of their types, unless the step sets one.
    """
    if dtype.hasobject:
        return name == STRINGS
    endian = configuration.get("endian", "little" if dtype.kind == "V" else None)
    return name == "bytes" and (endian == "little" or dtype.itemsize == 1 or dtype.kind == "S")


def _v3_compressor(name: str, configuration: Mapping[str, Any], typesize: int) -> Codec | None:
    match name:
        case "blosc":
            shuffle = configuration.get("shuffle")
            is_same = shuffle == SHUFFLES[0] or configuration.get("typesize", typesize) == typesize
            return blosc(configuration.get("cname"), configuration.get("clevel"), shuffle) if is_same else None
        case "zstd" | "gzip":
            return spelled(name, configuration.get("level"))
    return None


def _name(codec: Any) -> str:
    """The name of a codec; a codec without a configuration may be spelled as its name alone."""
    name = codec if isinstance(codec, str) else codec.get("name")
    return str(name)


def _configuration(codec: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = {} if isinstance(codec, str) else codec.get("configuration") or {}
    return found


def _typesize(dtype: np.dtype[Any]) -> int:
    """Bytes of the units that Blosc shuffles; for Blosc, strings are single bytes."""
    return 1 if dtype.hasobject else dtype.itemsize
