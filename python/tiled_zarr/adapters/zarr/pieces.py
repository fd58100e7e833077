"""Blocks made of decoded chunks, natively."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np

from ... import _native
from ...codecs import Codec
from ...nodes import Damaged, Region

BLOSC, ZSTD, ZLIB, GZIP, LZ4, CRC32C = 32001, 32015, 1, 65536, 65537, 65538
FILTERS = MappingProxyType({"blosc": BLOSC, "zstd": ZSTD, "zlib": ZLIB, "gzip": GZIP, "lz4": LZ4})
"""The native decoder's numbers of codecs."""


def decoder_of(codec: Codec, shape: tuple[int, ...], itemsize: int) -> _native.Decoder | None:
    """The native decoder of chunks of this shape, or None if there is none for the codec.

    It stops at the size of a chunk, whatever the stored bytes would decode to.
    """
    compressor = [] if codec.name == "none" else [FILTERS[codec.name]]
    filters: list[tuple[int, list[int]]] = [(number, []) for number in [*compressor, *[CRC32C] * codec.crc32c]]
    try:
        return _native.Decoder(filters, shape, itemsize)
    except (ValueError, MemoryError):
        return None


def decoded(
    decoder: _native.Decoder, block: np.ndarray[Any, Any], index: tuple[int, ...], stored: bytes, name: str
) -> np.ndarray[Any, Any]:
    """`block`, after the chunk at `index` is decoded into it; `name` is that of its file.

    Raises Damaged if the bytes decode to more or fewer elements, or are not valid.
    """
    try:
        start = [i * size for i, size in zip(index, block.shape, strict=True)]
        decoder.read(block.view(f"V{block.dtype.itemsize}"), start, [(index, stored, 0)])
    except ValueError as error:
        what = f"it is damaged, or decodes to more or less than {block.nbytes} bytes"
        raise Damaged(f"the chunk {name!r} cannot be decoded: {what}; restore it from a copy") from error
    return block


def assembled(
    region: Region,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    piece: Callable[[tuple[int, ...], Region], np.ndarray[Any, Any] | None],
) -> np.ndarray[Any, Any] | None:
    """The elements of a region that is not empty, out of chunks of a shape.

    `piece(index, inner)` returns a part of one chunk, in elements of that chunk. None if the region
    is empty, or if `piece` returns None for one of its chunks.
    """
    sizes = [part.stop - part.start for part in region]
    if 0 in sizes:
        return None
    ranges = [range(part.start // size, -(-part.stop // size)) for part, size in zip(region, shape, strict=True)]
    if all(len(places) == 1 for places in ranges):
        return _of_chunk(region, shape, piece)
    block = np.empty(sizes, dtype)
    for index in product(*ranges):
        common = _common(index, shape, region)
        part = _of_chunk(common, shape, piece)
        if part is None:
            return None
        target = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(common, region, strict=True))
        block[target] = part
    return block


def _common(index: tuple[int, ...], shape: tuple[int, ...], region: Region) -> Region:
    """The intersection of a region and a chunk."""
    every = zip(index, shape, region, strict=True)
    return tuple(slice(max(i * size, part.start), min((i + 1) * size, part.stop)) for i, size, part in every)


def _of_chunk(
    region: Region, shape: tuple[int, ...], piece: Callable[[tuple[int, ...], Region], np.ndarray[Any, Any] | None]
) -> np.ndarray[Any, Any] | None:
    """The elements of a region inside one chunk."""
    index = tuple(part.start // size for part, size in zip(region, shape, strict=True))
    start = tuple(i * size for i, size in zip(index, shape, strict=True))
    return piece(index, tuple(slice(part.start - first, part.stop - first) for part, first in zip(region, start, strict=True)))
