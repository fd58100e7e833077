"""Shards: objects of several chunks, with an index behind them.

https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/index.html
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from .. import _native
from ..adapters.zarr.layout import Shards
from ..adapters.zarr.shards import NOT_STORED, find, index_size, parsed
from .targets import Input, Output

Shape: TypeAlias = tuple[int, ...]
Table: TypeAlias = np.ndarray[Any, Any]
"""Offset and number of bytes of each chunk of a shard."""
CHECKED = _native.Codec("none", crc32c=True)
"""The codec of a shard's index."""


def shards_of(shard_shape: Shape, chunk_shape: Shape) -> Shards:
    """The chunks of a shard along each axis; both shapes are in elements."""
    return Shards(tuple(size // chunk for size, chunk in zip(shard_shape, chunk_shape, strict=True)), is_index_first=False)


class Writer:
    """Writes a shard to `file`, chunk by chunk in any order."""

    def __init__(self, file: Output, shards: Shards) -> None:
        self._file = file
        self._shards = shards
        self._table: Table = np.full((*shards.counts, 2), NOT_STORED, "<u8")
        self._end = 0

    def add(self, index: Shape, body: bytes) -> None:
        """Append the encoded chunk at an index of the array's grid."""
        self._file.write(body)
        self._table[self._shards.inner(index)] = self._end, len(body)
        self._end += len(body)

    def end(self) -> None:
        """Append the index."""
        self._file.write(CHECKED.encode(self._table))


def table(file: Input, shards: Shards, name: str) -> Table:
    """The index of a shard; `name` is for errors. Raises Damaged if its checksum is wrong."""
    return parsed(file.tail(index_size(shards)), shards, name)


def body(file: Input, shards: Shards, known: Table, index: Shape) -> bytes | None:
    """The encoded chunk at an index of the array's grid, None if the shard has none."""
    found = find(known, shards, index)
    return None if found is None else file.part(*found)


def sharded(document: dict[str, Any], chunk_shape: Shape, shard_shape: Shape) -> dict[str, Any]:
    """The document of an array whose chunks are the inner chunks of shards."""
    configuration = {
        "chunk_shape": list(chunk_shape),
        "codecs": document["codecs"],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
        "index_location": "end",
    }
    return {
        **document,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(shard_shape)}},
        "codecs": [{"name": "sharding_indexed", "configuration": configuration}],
    }
