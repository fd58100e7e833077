"""The index of a shard: for each of its chunks, where it lies in the file and how long it is.

https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/index.html
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import _native
from ...nodes import Damaged
from ..common.bounds import LARGEST_INDEX
from .layout import Shards

CHECKSUM = 4
NOT_STORED = 2**64 - 1


def index_size(shards: Shards) -> int:
    """Bytes of a shard's index with its checksum. Raises Damaged if the index is too large."""
    size = 16 * shards.chunks
    if size > LARGEST_INDEX:
        raise Damaged(f"a shard of {shards.chunks} chunks has an index of {size} bytes, at most {LARGEST_INDEX} are read")
    return size + CHECKSUM


def parsed(body: bytes, shards: Shards, name: str) -> np.ndarray[Any, Any]:
    """Offset and number of bytes of each chunk. Raises Damaged if the checksum is wrong."""
    size = len(body) - CHECKSUM
    expected, got = int.from_bytes(body[size:], "little"), _native.crc32c(memoryview(body)[:size])
    if expected != got:
        raise Damaged(f"the index of the shard {name!r} has the checksum {got:08x}, expected {expected:08x}; restore it from a copy")
    return np.frombuffer(body, "<u8", 2 * shards.chunks).reshape(*shards.counts, 2)


def find(shard_index: np.ndarray[Any, Any], shards: Shards, index: tuple[int, ...]) -> tuple[int, int] | None:
    """Offset and number of bytes of a chunk in its shard; None if it was never written."""
    offset, nbytes = map(int, shard_index[shards.inner(index)])
    return None if offset == nbytes == NOT_STORED else (offset, nbytes)
