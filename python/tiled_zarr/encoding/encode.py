"""Chunk -> bytes: as the source has stored them, or read once, gathered, padded, filtered and compressed natively."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from .. import _native, budgets, dtypes
from ..hierarchy.keyspace import Chunk
from ..nodes import Region, Stored
from ..resources import Resources
from . import row_index

Block: TypeAlias = np.ndarray[Any, Any]
Pool: TypeAlias = "_native.Pool"
Arguments: TypeAlias = "tuple[Block, tuple[int, ...], _native.Codec, dtypes.Runs | None]"

COPIES = 4
"""Of the text of a chunk while it is encoded: one with room to grow, its compressed form, and the bytes that are sent."""
LONGEST_CHARACTER = 4
"""Bytes in UTF-8."""


class SourceError(Exception):
    """A source gave something else than it was asked for."""


def encode(chunk: Chunk, resources: Resources | None = None) -> bytes:
    """The encoded bytes of a chunk, the same for the same data.

    Row indexes lie in `resources`. Reads the source, blocks, and raises what the source raises.
    """
    stored = chunk.recipe.stored
    body = None if stored is None else _stored(chunk, stored)
    if body is not None:
        return body
    match chunk.recipe.form:
        case "dense":
            return _native.encode(*native_arguments(chunk))
        case "strings":
            return _encode_strings(chunk)
        case "sparse":
            return _encode_sparse(chunk, resources)


def is_index_built(chunk: Chunk, resources: Resources | None = None) -> bool:
    """Whether the row index of a chunk of a sparse array is built and still valid."""
    return row_index.has(chunk.node, resources)


def native_pool(threads: int) -> Pool | None:
    """Threads that encode chunks whose way is `native`; None on Windows. Raises OSError where there can be no more threads."""
    return _native.Pool(threads) if hasattr(_native, "Pool") else None


def native_arguments(chunk: Chunk) -> Arguments:
    """What `_native.encode` is called with for a chunk of a dense array. Raises what the source raises."""
    recipe = chunk.recipe
    block = _read(chunk)
    runs = recipe.runs if block.dtype is chunk.node.dtype else dtypes.layout(block.dtype)
    return block.view(f"V{block.itemsize}"), recipe.grid.chunk_shape, recipe.native, runs


def _stored(chunk: Chunk, stored: Stored) -> bytes | None:
    """The bytes that the source has stored, if they are what is to be sent; edges are not, since nobody knows what lies beyond them.

    Bytes that are not whole are left to whoever decodes them, who says what is wrong with them.
    """
    recipe = chunk.recipe
    body = stored.read(chunk.index) if chunk.is_whole else None
    nbytes = None if recipe.form == "strings" else recipe.nbytes
    return body if body is not None and _native.is_whole(recipe.codec.name, body, nbytes, crc32c=recipe.codec.crc32c) else None


def _encode_sparse(chunk: Chunk, resources: Resources | None) -> bytes:
    start = tuple(part.start for part in chunk.region)
    return row_index.of(chunk.node, resources).encode(start, chunk.recipe.grid.chunk_shape, chunk.recipe.native)


def _encode_strings(chunk: Chunk) -> bytes:
    items = _padded_strings(_read(chunk), chunk.recipe.grid.chunk_shape)
    with budgets.hold(COPIES * _text_bytes(items)):
        return _native.encode_strings(items, chunk.recipe.native)


def _read(chunk: Chunk) -> Block:
    """The part of the array that a chunk holds. Raises what the source raises, and SourceError if it is something else."""
    node = chunk.node
    assert chunk.recipe.read is not None
    read = chunk.recipe.read(chunk.region)
    block = np.asarray(read) if isinstance(read, np.ndarray) else np.array(read, dtype=node.dtype)  # numpy's a[()] is a scalar
    expected = _shape(chunk.region)
    if block.shape != expected:
        raise SourceError(f"{chunk.key}: the source was asked for a block of shape {expected} and gave {block.shape}")
    if block.dtype is not node.dtype and dtypes.wire(block.dtype) != chunk.recipe.wire:
        raise SourceError(f"{chunk.key}: the source was to give items of type {node.dtype} and gave {block.dtype}")
    return block


def _shape(region: Region) -> tuple[int, ...]:
    return tuple([part.stop - part.start for part in region])


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
