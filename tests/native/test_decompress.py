"""Streams of other libraries, decoded up to a bound, and the checksum of Zarr."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import google_crc32c
import numcodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr import _native

WRITERS: dict[str, tuple[Any, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip of two members": ("gzip", lambda data: gzip.compress(data[:100]) + bytes(3) + gzip.compress(data[100:])),
    "gzip of two equal members": ("gzip", lambda data: gzip.compress(data[: len(data) // 2]) * 2),
    "gzip with a name": ("gzip", lambda data: b"\x1f\x8b\x08\x08" + bytes(6) + b"name\0" + gzip.compress(data)[10:]),
    "zlib": ("zlib", zlib.compress),
    "zstd": ("zstd", lambda data: bytes(numcodecs.Zstd().encode(data))),
    "zstd with a checksum": ("zstd", lambda data: bytes(numcodecs.Zstd(checksum=True).encode(data))),
    "lz4": ("lz4", lambda data: bytes(numcodecs.LZ4().encode(data))),
    "blosc": ("blosc", lambda data: bytes(numcodecs.Blosc().encode(data))),
    "none": ("none", bytes),
}


@pytest.mark.parametrize("writer", WRITERS)
@given(piece=st.binary(min_size=101, max_size=300), repeats=st.sampled_from([2, 8, 1000]), more=st.integers(0, 100))
def test_a_bound_is_exact(writer: str, piece: bytes, repeats: int, more: int) -> None:
    name, encode = WRITERS[writer]
    data = (piece * (repeats // 2)) * 2
    stored = encode(data)
    out = bytearray(b"\xaa") * (len(data) + more)
    assert _native.decompress(name, stored, out) == len(data)
    assert out[: len(data)] == data
    assert _native.decompress(name, stored, bytearray(len(data) - 1)) is None
    if name != "none":
        made = None
        with suppress(ValueError):
            made = _native.decompress(name, stored[:-1], out)
        assert made is None


def test_nothing_is_written_behind_the_bound() -> None:
    out = np.full(1000, 0xAA, "u1")
    for name, encode in WRITERS.values():
        assert _native.decompress(name, encode(bytes(100_000)), out[:500]) is None
    assert set(out[500:]) == {0xAA}


def test_a_damaged_checksum_is_seen() -> None:
    for name, stored in {"gzip": gzip.compress(b"abc"), "zlib": zlib.compress(b"abc")}.items():
        damaged = bytearray(stored)
        damaged[-5 if name == "gzip" else -1] ^= 1
        for size in (3, 10):
            with pytest.raises(ValueError, match="are no"):
                _native.decompress(name, damaged, bytearray(size))


def test_the_memory_has_to_be_writable_and_in_one_piece() -> None:
    with pytest.raises(ValueError, match="read-only"):
        _native.decompress("none", b"abc", b"abc")
    with pytest.raises(ValueError, match="not C-contiguous"):
        _native.decompress("none", b"abc", np.zeros(10, "u1")[::2])


@given(data=st.binary(max_size=5000))
def test_crc32c_is_that_of_google(data: bytes) -> None:
    assert _native.crc32c(data) == google_crc32c.value(data)


def test_crc32c_of_the_rfc() -> None:
    """RFC 3720, appendix B.4."""
    assert _native.crc32c(bytes(32)) == 0x8A9136AA
    assert _native.crc32c(b"\xff" * 32) == 0x62A8AB43
    assert _native.crc32c(bytes(range(32))) == 0x46DD794E
