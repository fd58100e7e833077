"""Encodes a chunk: sends bytes that are stored, or reads, pads, filters and compresses.

The native encoder does everything after the read in one pass.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from .. import _native, budgets, dtypes
from ..clocks import CURRENT
from ..hierarchy.keyspace import Chunk
from ..nodes import Prepared, Region, Stored
from ..resources import Resources
from . import boxes, row_index

Block: TypeAlias = np.ndarray[Any, Any]
Pool: TypeAlias = "_native.Pool"
Arguments: TypeAlias = "tuple[Block, tuple[int, ...], _native.Codec, dtypes.Runs | None]"

COPIES = 4
"""How many times a chunk's text is in memory, at most, while it is encoded.

A buffer with room to grow, the compressed form, and the bytes that are sent."""
LONGEST_CHARACTER = 4
"""Bytes of the longest character in UTF-8."""


class SourceError(Exception):
    """A source returned a block of another shape or type than it was asked for."""


def encode(chunk: Chunk, resources: Resources | None = None) -> bytes:
    """The encoded bytes of a chunk; equal data give equal bytes.

    `resources` keep the row indexes of sparse arrays. Reads the source and blocks. Raises what the
    source raises, and SourceError if it returns another shape or type than it should.
    """
    clock = CURRENT.get()
    return _encode(chunk, resources) if clock is None else clock.encoding(_encode, chunk, resources)


def _encode(chunk: Chunk, resources: Resources | None) -> bytes:
    prepared, stored = chunk.recipe.prepared, chunk.recipe.stored
    body = None if prepared is None else _prepared(chunk, prepared)
    if body is None and stored is not None:
        body = _stored(chunk, stored)
    if body is not None:
        return body
    match chunk.recipe.form:
        case "dense":
            return _native.encode(*native_arguments(chunk, resources))
        case "strings":
            return _encode_strings(chunk)
        case "sparse":
            return _encode_sparse(chunk, resources)


def is_index_built(chunk: Chunk, resources: Resources | None = None) -> bool:
    """True if the row index for a chunk of a sparse array is built and still valid."""
    return row_index.has(chunk.node, resources)


def native_pool(threads: int) -> Pool | None:
    """A pool of threads for chunks whose way is `native`; None on Windows.

    Raises OSError if the system allows no more threads.
    """
    return _native.Pool(threads) if hasattr(_native, "Pool") else None


def native_arguments(chunk: Chunk, resources: Resources | None = None) -> Arguments:
    """The arguments of `_native.encode` for a chunk of a dense array. Reads the source.

    `resources` keep what the source has made for several chunks.

    Raises what the source raises, and SourceError as `encode` does.
    """
    recipe = chunk.recipe
    block = read_block(chunk, resources)
    runs = recipe.runs if block.dtype is chunk.node.dtype else dtypes.layout(block.dtype)
    return block.view(f"V{block.itemsize}"), recipe.grid.chunk_shape, recipe.native, runs


def _stored(chunk: Chunk, stored: Stored) -> bytes | None:
    """The source's stored bytes of a chunk if they can be sent unchanged, else None.

    None at the array's edge, since the stored chunk may hold anything beyond it. None also if the
    bytes are not one whole frame: then the source decodes them, and raises what is wrong with them.
    """
    return _read_as_it_is(chunk, stored.read) if chunk.is_whole else None


def _prepared(chunk: Chunk, prepared: Prepared) -> bytes | None:
    """The bytes of a chunk that were encoded in advance, also at the array's edge; None if none were."""
    return _read_as_it_is(chunk, prepared.read) if chunk.recipe.is_prepared else None


def _read_as_it_is(chunk: Chunk, read: Callable[[tuple[int, ...]], bytes | None]) -> bytes | None:
    """The bytes of a chunk that `read` returns, None if they are not one whole frame."""
    recipe = chunk.recipe
    clock = CURRENT.get()
    body = read(chunk.index) if clock is None else clock.reading(read, chunk.index)
    nbytes = None if recipe.form == "strings" else recipe.nbytes
    return body if body is not None and _native.is_whole(recipe.codec.name, body, nbytes, crc32c=recipe.codec.crc32c) else None


def _encode_sparse(chunk: Chunk, resources: Resources | None) -> bytes:
    start = tuple(part.start for part in chunk.region)
    return row_index.of(chunk.node, resources).encode(start, chunk.recipe.grid.chunk_shape, chunk.recipe.native)


def _encode_strings(chunk: Chunk) -> bytes:
    items = _padded_strings(read_block(chunk), chunk.recipe.grid.chunk_shape)
    with budgets.hold(COPIES * text_bytes(items)):
        return _native.encode_strings(items, chunk.recipe.native)


def read_block(chunk: Chunk, resources: Resources | None = None) -> Block:
    """The block of the array that a chunk holds.

    Raises what the source raises, and SourceError if the block has another shape or type.
    """
    kept = chunk.recipe.kept
    if kept is None:
        return read_region(chunk, chunk.region)
    return boxes.read(chunk, kept, partial(read_region, chunk), resources)


def read_region(chunk: Chunk, region: Region) -> Block:
    """The block that the source of a chunk gives for a region. Raises as `read_block` does."""
    node = chunk.node
    assert chunk.recipe.read is not None
    clock = CURRENT.get()
    read = chunk.recipe.read(region) if clock is None else clock.reading(chunk.recipe.read, region)
    # numpy's a[()] is a scalar
    block = np.asarray(read) if isinstance(read, np.ndarray) else np.array(read, dtype=node.dtype)
    expected = _shape(region)
    if block.shape != expected:
        raise SourceError(f"{chunk.key}: expected a block of shape {expected} from the source, got {block.shape}")
    if block.dtype is not node.dtype and dtypes.wire(block.dtype) != chunk.recipe.wire:
        raise SourceError(f"{chunk.key}: expected items of type {node.dtype} from the source, got {block.dtype}")
    return block


def _shape(region: Region) -> tuple[int, ...]:
    return tuple([part.stop - part.start for part in region])


def _padded_strings(block: Block, chunk_shape: tuple[int, ...]) -> list[str]:
    """The strings of a whole chunk in C order, with empty strings beyond the array's edge."""
    padded = np.full(chunk_shape, "", dtype=object)
    # without the ellipsis a 0-d array is an item itself
    inside: Any = (*map(slice, block.shape), ...)
    padded[inside] = block
    items: list[str] = padded.ravel().tolist()
    return items


def text_bytes(items: list[str]) -> int:
    """The bytes that strings take in UTF-8, at most. Raises ValueError if an item is no text."""
    try:
        return sum(len(item) if item.isascii() else LONGEST_CHARACTER * len(item) for item in items)
    except AttributeError as error:  # dask shows its first item alone before it computes the others
        found = next(type(item).__name__ for item in items if not isinstance(item, str))
        raise ValueError(f"the source returned an item of type {found}, but text was promised") from error
