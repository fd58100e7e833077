"""Chunk -> bytes: as the source has stored them, or read once, gathered, padded, filtered and compressed natively."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import numpy as np

from .. import _native, budgets, codecs, dtypes
from ..hierarchy import headers
from ..hierarchy.keyspace import Chunk
from ..nodes import Array, Sparse
from . import row_index

Block: TypeAlias = np.ndarray[Any, Any]
Pool: TypeAlias = "_native.Pool"
Arguments: TypeAlias = "tuple[Block, tuple[int, ...], _native.Codec, dtypes.Layout | None]"

COPIES = 4
"""Of the text of a chunk while it is encoded: one with room to grow, its compressed form, and the bytes that are sent."""
LONGEST_CHARACTER = 4
"""Bytes in UTF-8."""


class SourceError(Exception):
    """A source gave something else than it was asked for."""


def encode(chunk: Chunk) -> bytes:
    """The encoded bytes of a chunk, the same for the same data. Reads the source, blocks, and raises what the source raises."""
    return _stored(chunk) or _encode(chunk)


def _stored(chunk: Chunk) -> bytes | None:
    """The bytes that the source has stored, if they are what is to be sent; edges are not, since nobody knows what lies beyond them.

    Bytes that are not whole are left to whoever decodes them, who says what is wrong with them.
    """
    node = chunk.node
    if headers.stored_codec(node, chunk.grid) != chunk.codec or not chunk.grid.is_whole(chunk.index):
        return None
    assert isinstance(node, Array)
    assert node.stored is not None
    body = node.stored.read(chunk.index)
    nbytes = None if dtypes.is_string(node.dtype) else chunk.work
    return body if body is not None and _native.is_whole(chunk.codec.name, body, nbytes, crc32c=chunk.codec.crc32c) else None


def _encode(chunk: Chunk) -> bytes:
    node = chunk.node
    if isinstance(node, Sparse):
        return row_index.shared.of(node).encode(chunk.grid.start(chunk.index), chunk.grid.chunk_shape, _codec(chunk))
    block = _read(node, chunk)
    if dtypes.is_string(node.dtype):
        items = _padded_strings(block, chunk.grid.chunk_shape)
        with budgets.hold(COPIES * _text_bytes(items)):
            return _native.encode_strings(items, _codec(chunk))
    return _native.encode(*_arguments(block, chunk))


def is_at_hand(chunk: Chunk) -> bool:
    """Whether encoding a chunk takes no more than its decoded bytes say, where reading it does not block."""
    node = chunk.node
    return row_index.shared.has(node) if isinstance(node, Sparse) else not dtypes.is_string(node.dtype)


def is_native(chunk: Chunk) -> bool:
    """Whether all that encoding a chunk takes, besides a look at data in memory, is done natively."""
    node = chunk.node
    return isinstance(node, Array) and not node.blocking and node.stored is None and not dtypes.is_string(node.dtype)


def native_pool(threads: int) -> Pool | None:
    """Threads that encode such chunks; None on Windows. Raises OSError where there can be no more threads."""
    return _native.Pool(threads) if hasattr(_native, "Pool") else None


def native_arguments(chunk: Chunk) -> Arguments:
    """What `_native.encode` is called with for such a chunk. Raises what the source raises."""
    assert isinstance(chunk.node, Array)
    return _arguments(_read(chunk.node, chunk), chunk)


def _arguments(block: Block, chunk: Chunk) -> Arguments:
    return block.view(f"V{block.itemsize}"), chunk.grid.chunk_shape, _codec(chunk), dtypes.layout(block.dtype)


def _read(node: Array, chunk: Chunk) -> Block:
    read = node.read(chunk.region)
    block = np.asarray(read) if isinstance(read, np.ndarray) else np.array(read, dtype=node.dtype)  # numpy's a[()] is a scalar
    expected = tuple(part.stop - part.start for part in chunk.region)
    if block.shape != expected:
        raise SourceError(f"{chunk.key}: the source was asked for a block of shape {expected} and gave {block.shape}")
    if dtypes.wire(block.dtype) != dtypes.wire(node.dtype):
        raise SourceError(f"{chunk.key}: the source was to give items of type {node.dtype} and gave {block.dtype}")
    return block


def _padded_strings(block: Block, chunk_shape: tuple[int, ...]) -> list[str]:
    """The strings of a whole chunk in C order, empty ones beyond the array's edge."""
    padded = np.full(chunk_shape, "", dtype=object)
    inside: Any = (*map(slice, block.shape), ...)  # without the ellipsis a 0-d array is an item itself
    padded[inside] = block
    items: list[str] = padded.ravel().tolist()
    return items


def _text_bytes(items: list[str]) -> int:
    """As many bytes as strings take in UTF-8 at most; nobody knows before they are read."""
    return sum(len(item) if item.isascii() else LONGEST_CHARACTER * len(item) for item in items)


def _codec(chunk: Chunk) -> _native.Codec:
    return _native_codec(chunk.codec, headers.typesize(dtypes.wire(chunk.node.dtype)))


@cache
def _native_codec(codec: codecs.Codec, typesize: int) -> _native.Codec:
    return _native.Codec(
        codec.name,
        level=codec.level,
        cname=codec.written_cname,
        shuffle=codec.shuffle or "noshuffle",
        typesize=typesize,
        crc32c=codec.crc32c,
    )
