"""Compressed bytes told apart from truncated ones by what their frames say, without decoding them.

Blosc: https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst, gzip: https://www.rfc-editor.org/rfc/rfc1952,
zlib: https://www.rfc-editor.org/rfc/rfc1950, Zstandard: https://www.rfc-editor.org/rfc/rfc8878
"""

from __future__ import annotations

from ..codecs import Codec

CHECKSUM = 4
BLOSC_VERSION = 2
BLOSC_HEADER = 16
GZIP_MAGIC, GZIP_LEAST = b"\x1f\x8b\x08", 18
ZLIB_LEAST = 8
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
RLE = 1
"""A Zstandard block of one byte that is repeated."""


def is_whole(codec: Codec, body: bytes, nbytes: int | None) -> bool:
    """Whether `body` may be one whole frame of `nbytes` decoded bytes (None: nobody knows how many), which readers then can decode."""
    size = len(body) - CHECKSUM * codec.crc32c
    match codec.name:
        case "blosc":
            return _is_blosc(body, size, nbytes)
        case "zstd":
            return _is_zstd(body, size, nbytes)
        case "gzip":
            is_whole = size >= GZIP_LEAST and body.startswith(GZIP_MAGIC)
            return is_whole and nbytes in {None, _number(body, size - 4, 4)}
        case "zlib":
            return size >= ZLIB_LEAST and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
        case "lz4":
            return size > 4 and nbytes in {None, _number(body, 0, 4)}
        case "none":
            return nbytes in {None, size}


def _number(body: bytes, at: int, width: int) -> int:
    return int.from_bytes(body[at : at + width], "little")


def _is_blosc(body: bytes, size: int, nbytes: int | None) -> bool:
    """Whether it is a chunk of Blosc 1, and of the size that it names; readers in browsers take one of Blosc 2 for other values."""
    is_chunk = size >= BLOSC_HEADER and body[0] == BLOSC_VERSION and _number(body, 12, 4) == size
    return is_chunk and nbytes in {None, _number(body, 4, 4)}


def _is_zstd(body: bytes, size: int, nbytes: int | None) -> bool:
    """Whether it is one frame that names its decoded size, as many readers need it, and ends with its last block and checksum."""
    if size < 6 or not body.startswith(ZSTD_MAGIC):
        return False
    descriptor = body[4]
    is_single, has_checksum = bool(descriptor & 0x20), bool(descriptor & 0x04)
    at = 5 + (not is_single) + (0, 1, 2, 4)[descriptor & 3]
    width = (1 if is_single else 0, 2, 4, 8)[descriptor >> 6]
    if width == 0 or nbytes not in {None, _number(body, at, width) + (256 if width == 2 else 0)}:
        return False
    at += width
    is_last = False
    while not is_last and at + 3 <= size:
        header = _number(body, at, 3)
        is_last = bool(header & 1)
        at += 3 + (1 if header >> 1 & 3 == RLE else header >> 3)
    return is_last and at + CHECKSUM * has_checksum == size
