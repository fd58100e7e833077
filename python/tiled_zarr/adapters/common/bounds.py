"""Bounds for decoded bytes: a small file may decode to any number, or be sparse and large."""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from ... import _native
from ...nodes import Damaged

Bytes: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
Native: TypeAlias = Literal["gzip", "zlib", "blosc", "lz4", "zstd"]

LARGEST_DOCUMENT = 16 * 1024 * 1024
"""Bytes of a metadata document at most.

Parsing empty lists takes 50 times as much memory (measured 2026-11-26: 60 MiB took 3 GB).
Consolidated metadata takes about 1 kB per array, so this is enough for 16,000 arrays.
"""
LARGEST_INDEX = 64 * 1024 * 1024
"""Bytes of the index of a shard at most, 16 per chunk: 4 million chunks."""
LARGEST_TEXT = 256 * 1024 * 1024
"""Bytes of memory for the strings of one region, as much as a text table may take.

A region that takes more is refused as TooLarge.
"""
HEADERS = 1024
"""Bytes that we allow for the headers, trailers and block tables of compressors."""


def grown(nbytes: int) -> int:
    """The most bytes to which a compressor or checksum can expand `nbytes`.

    The worst one is base64, which adds a third.

    >>> grown(1000)
    2524
    """
    return nbytes + nbytes // 2 + HEADERS


class Stream(Protocol):
    """A decompressor of the standard library."""

    @property
    def eof(self) -> bool:
        """True after the end of the stream."""

    @property
    def unused_data(self) -> bytes:
        """Input bytes after the end of the stream."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Decode a piece, to at most `max_length` bytes."""


STEP = 1024
"""Stored bytes per call of a decompressor.

They decode to 1 MiB of gzip at most, so that no large pieces stay in the allocator's arenas.
"""
LZMA_MEMORY = 128 * 1024 * 1024
"""Bytes that an LZMA decoder may take. The strongest preset, 9, takes 65 MiB."""
NATIVE: Mapping[str, Native] = MappingProxyType({"gzip": "gzip", "zlib": "zlib", "blosc": "blosc", "lz4": "lz4", "zstd": "zstd"})
"""Compressors that are decoded natively."""
COMPRESSORS = frozenset({*NATIVE, "bz2", "lzma"})
"""What `decode` knows."""


def decode(config: Mapping[str, Any], body: bytes, limit: int) -> Bytes:
    """Decode what a compressor of numcodecs made, named by its configuration.

    Memory is allocated for the whole limit at once and not zeroed: it is resident only as far as it
    is written. Raises Damaged if there are more than `limit` bytes, ValueError, EOFError or what the
    standard library raises if the bytes are no such stream.
    """
    name = config["id"]
    if name in NATIVE:
        return _native_decode(NATIVE[name], body, limit)
    match name:
        case "bz2":
            return _streamed(name, body, limit, bz2.BZ2Decompressor, repeats=True)
        case "lzma":
            return _streamed(name, body, limit, lambda: _lzma(config), repeats=config.get("format", 1) != lzma.FORMAT_RAW)
    raise ValueError(f"{name!r} is not a known compressor")


def _native_decode(name: Native, body: bytes, limit: int) -> Bytes:
    """Decode a frame."""
    said = _native.decoded_size(name, body)
    if said is not None and said > limit:
        raise Damaged(f"{name}: decodes to {said} bytes, at most {limit} are expected; restore it from a copy")
    made = np.empty(limit if said is None else said, "u1")
    nbytes = _native.decompress(name, body, made)
    if nbytes is None:
        raise Damaged(f"{name}: decodes to more than the {limit} bytes expected; restore it from a copy")
    return _cut(made, nbytes)


def _cut(made: Bytes, nbytes: int) -> Bytes:
    """The first bytes, in the same memory; the rest goes back to the allocator."""
    made.resize(nbytes, refcheck=False)
    return made


def _streamed(name: str, body: bytes, limit: int, make: Callable[[], Stream], *, repeats: bool = False) -> Bytes:
    """Decode a stream, or several; zeros between them are padding."""
    made, nbytes, at, end = np.empty(limit, "u1"), 0, 0, len(body)
    while at < end or not at:
        engine = make()
        while not engine.eof:
            piece = body[at : at + STEP]
            if not piece:
                raise EOFError(f"{name}: the stream ends early, after {nbytes} bytes")
            part = engine.decompress(piece, limit - nbytes + 1)
            if nbytes + len(part) > limit:
                raise Damaged(f"{name}: decodes to more than the {limit} bytes expected; restore it from a copy")
            made[nbytes : nbytes + len(part)] = np.frombuffer(part, "u1")
            nbytes += len(part)
            at += len(piece) - len(engine.unused_data)
        while repeats and at < end and not body[at]:
            at += 1
        if not repeats:
            break
    return _cut(made, nbytes)


def _lzma(config: Mapping[str, Any]) -> lzma.LZMADecompressor:
    form, filters = config.get("format", lzma.FORMAT_XZ), config.get("filters")
    if form == lzma.FORMAT_RAW:
        return lzma.LZMADecompressor(form, None, filters)
    return lzma.LZMADecompressor(form, LZMA_MEMORY)
