"""How many bytes may be decoded: a small file may decode to any number of them, or be sparse and have any number itself."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ... import _native
from ...nodes import Damaged
from .extras import require

LARGEST_DOCUMENT = 16 * 1024 * 1024
"""Bytes of a metadata document: parsed, empty lists take 50 times as much memory (measured 2026-11-26: 60 MiB took 3 GB).

Consolidated metadata takes about 1 kB an array, so this is enough for 16,000 arrays."""
LARGEST_INDEX = 64 * 1024 * 1024
"""Bytes of the index of a shard, 16 a chunk: 4 million chunks."""
LARGEST_TEXT = 256 * 1024 * 1024
"""Bytes of memory for reading the strings of one region; what takes more is refused as TooLarge. As much as a text table may take."""
HEADERS = 1024
"""Bytes for the headers, trailers and block tables of compressors."""


def grown(nbytes: int) -> int:
    """The most bytes to which a compressor or a checksum makes `nbytes`: base64, the worst one, adds a third.

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
        """What was given that lies behind the end."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Decode a piece, to so many bytes at most."""


STEP = 1024
"""Stored bytes that a stream is given at once: 1 MiB of gzip at most, so that no large pieces are left in the allocator's arenas."""
LZMA_MEMORY = 128 * 1024 * 1024
"""Bytes that an LZMA decoder may take. The strongest preset, 9, takes 65 MiB."""
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_BLOCK = 128 * 1024
"""The most bytes of a decoded block of Zstandard, RFC 8878 section 3.1.1.2.4."""
SMALL_FRAME = 16 * 1024 * 1024
"""Decoded bytes up to which a Zstandard frame is decoded whose size nobody knows."""


def gunzip(body: bytes, limit: int) -> bytearray:
    """Decode gzip members, one after the other. Raises Damaged beyond `limit` bytes, EOFError if the last one is cut short."""
    return _streamed("gzip", body, limit, lambda: zlib.decompressobj(31), repeats=True)


def decode(config: Mapping[str, Any], body: bytes, limit: int) -> Any:
    """Decode what a compressor of numcodecs made, named by its configuration. Raises Damaged if that is more than `limit` bytes.

    Nothing of more bytes is made before. Raises what numcodecs raises if the bytes are no such stream.
    """
    name = config["id"]
    match name:
        case "gzip":
            return gunzip(body, limit)
        case "zlib":
            return _streamed(name, body, limit, zlib.decompressobj)
        case "bz2":
            return _streamed(name, body, limit, bz2.BZ2Decompressor, repeats=True)
        case "lzma":
            return _streamed(name, body, limit, lambda: _lzma(config), repeats=config.get("format", 1) != lzma.FORMAT_RAW)
        case "blosc":
            return _sized(name, body, int.from_bytes(body[4:8], "little"), limit)
        case "lz4":
            return _sized(name, body, int.from_bytes(body[:4], "little"), limit)
        case "zstd":
            return _zstd(body, limit)
    raise ValueError(f"{name!r} is no compressor that is known here")


COMPRESSORS = frozenset({"gzip", "zlib", "bz2", "lzma", "blosc", "lz4", "zstd"})
"""What `decode` knows."""


NATIVE = {"blosc": 32001, "lz4": 65537, "zstd": 32015}
"""Numbers of the native decoder. numcodecs would read beyond the end of a Blosc chunk that was cut short."""


def _sized(name: str, body: bytes, nbytes: int, limit: int) -> bytearray:
    """Decode bytes that say their decoded size, or have to have it."""
    if nbytes > limit:
        raise Damaged(f"{name}: decodes to {nbytes} bytes, at most {limit} are expected; restore it from a copy")
    made = bytearray(nbytes)
    if nbytes:
        try:
            _native.Decoder([(NATIVE[name], ())], (nbytes,), 1).read(made, (0,), [((0,), body, 0)])
        except ValueError as error:
            raise Damaged(f"a chunk is damaged, or decodes to more than {nbytes} bytes of {name}; restore it from a copy") from error
    return made


def _streamed(name: str, body: bytes, limit: int, make: Callable[[], Stream], *, repeats: bool = False) -> bytearray:
    """Decode a stream, or several; zeros between them are padding.

    The whole limit is allocated at once: a large block is only resident as far as it is written, and goes back to the system.
    """
    made, nbytes, at, end = bytearray(limit), 0, 0, len(body)
    while at < end or not at:
        engine = make()
        while not engine.eof:
            piece = body[at : at + STEP]
            if not piece:
                raise EOFError(f"{name}: the stream ends early, after {nbytes} bytes")
            part = engine.decompress(piece, limit - nbytes + 1)
            if nbytes + len(part) > limit:
                raise Damaged(f"{name}: decodes to more than the {limit} bytes expected; restore it from a copy")
            made[nbytes : nbytes + len(part)] = part
            nbytes += len(part)
            at += len(piece) - len(engine.unused_data)
        while repeats and at < end and not body[at]:
            at += 1
        if not repeats:
            break
    del made[nbytes:]
    return made


def _lzma(config: Mapping[str, Any]) -> lzma.LZMADecompressor:
    form, filters = config.get("format", lzma.FORMAT_XZ), config.get("filters")
    if form == lzma.FORMAT_RAW:
        return lzma.LZMADecompressor(form, None, filters)
    return lzma.LZMADecompressor(form, LZMA_MEMORY)


def _zstd(body: bytes, limit: int) -> Any:
    """Decode a frame. One that does not say its size, and may be large, has to have exactly `limit` bytes."""
    said = zstd_content_size(body)
    if said is None and _most_of_blocks(body) <= SMALL_FRAME:
        made = require("numcodecs", "zarr").Zstd().decode(body)
        if len(made) > limit:
            raise Damaged(f"zstd: decodes to {len(made)} bytes, at most {limit} are expected; restore it from a copy")
        return made
    return _sized("zstd", body, limit if said is None else said, limit)


def zstd_content_size(body: bytes) -> int | None:
    """The decoded size that a Zstandard frame says, if it does: RFC 8878 section 3.1.1.1.4. Raises ValueError if it is none."""
    _zstd_fields(body)
    flag, is_single = body[4] >> 6, body[4] & 0x20
    width = (1 if is_single else 0, 2, 4, 8)[flag]
    at = _zstd_fields(body) - width
    return int.from_bytes(body[at : at + width], "little") + (256 if width == 2 else 0) if width else None


def _zstd_fields(body: bytes) -> int:
    """Where the blocks of a Zstandard frame begin. Raises ValueError if it is none."""
    if len(body) < 6 or not body.startswith(ZSTD_MAGIC):
        raise ValueError(f"zstd: {len(body)} bytes are no frame")
    is_single = bool(body[4] & 0x20)
    return 5 + (not is_single) + (0, 1, 2, 4)[body[4] & 3] + (1 if is_single else 0, 2, 4, 8)[body[4] >> 6]


def _most_of_blocks(body: bytes) -> int:
    """The most bytes to which the blocks of a Zstandard frame can decode."""
    at, size, is_last = _zstd_fields(body), 0, False
    while not is_last and at + 3 <= len(body):
        header = int.from_bytes(body[at : at + 3], "little")
        is_last, kind, nbytes = bool(header & 1), header >> 1 & 3, header >> 3
        size += nbytes if kind < 2 else ZSTD_BLOCK
        at += 3 + (1 if kind == 1 else nbytes)
    return size
