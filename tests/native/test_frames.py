"""A frame that was cut, or is of something else, is not whole; one that any library wrote is."""

from __future__ import annotations

import gzip
import zlib

import numcodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr import _native, codecs

FRAMED = [
    "blosc:lz4:5:shuffle",
    "blosc:zstd:1:noshuffle",
    "blosc:lz4:0:noshuffle",
    "zstd:1",
    "zstd:19",
    "gzip:1",
    "zlib:1",
    "lz4:1",
    "none",
]
FOUND = {"blosc", "zstd", "none"}
"""What tells by itself where it ends."""
CONTENTS = {
    "one byte": b"x",
    "zeros": bytes(300_000),
    "noise": np.random.default_rng(0).bytes(300_000),
    "ramp": np.arange(70_000, dtype="<u4").tobytes(),
    "256 bytes": bytes(range(256)),
}


def is_whole(codec: codecs.Codec, body: bytes, nbytes: int | None) -> bool:
    return _native.is_whole(codec.name, body, nbytes, crc32c=codec.crc32c)


def frame(codec: codecs.Codec, data: bytes) -> bytes:
    written = _native.Codec(codec.name, level=codec.level, shuffle=codec.shuffle or "noshuffle", typesize=4, crc32c=codec.crc32c)
    return written.encode(data)


@pytest.mark.parametrize("data", CONTENTS.values(), ids=CONTENTS.keys())
@pytest.mark.parametrize("spelling", [*FRAMED, "zstd:3+crc32c", "gzip:1+crc32c", "none+crc32c", "blosc:lz4:5:shuffle+crc32c"])
def test_whole_and_cut(spelling: str, data: bytes) -> None:
    codec = codecs.parse(spelling)
    body = frame(codec, data)
    assert is_whole(codec, body, len(data))
    assert is_whole(codec, body, None)
    if codec.name != "zlib":
        assert not is_whole(codec, body, len(data) + 1)
    if codec.name in FOUND:
        assert not is_whole(codec, body + b"\0", len(data))
        for cut in [cut for cut in (0, 1, 5, 15, len(body) // 2, len(body) - 1) if cut < len(body)]:
            assert not is_whole(codec, body[:cut], len(data)), cut


@pytest.mark.parametrize("data", CONTENTS.values(), ids=CONTENTS.keys())
@pytest.mark.parametrize(
    ("spelling", "write"),
    [
        ("zstd:1", numcodecs.Zstd(1).encode),
        ("zstd:1", numcodecs.Zstd(1, checksum=True).encode),
        ("zstd:22", numcodecs.Zstd(22).encode),
        ("blosc:lz4:5:shuffle", numcodecs.Blosc("zstd", 9).encode),
        ("blosc:blosclz:5:shuffle", numcodecs.Blosc("blosclz", 5).encode),
        ("gzip:5", gzip.compress),
        ("gzip:5", numcodecs.GZip(1).encode),
        ("zlib:1", zlib.compress),
        ("lz4:1", numcodecs.LZ4().encode),
    ],
)
def test_what_others_write(spelling: str, write, data: bytes) -> None:
    assert is_whole(codecs.parse(spelling, stored=True), write(data), len(data))


@pytest.mark.parametrize("spelling", FRAMED)
@given(body=st.binary(max_size=40))
def test_anything_else_is_no_error(spelling: str, body: bytes) -> None:
    assert is_whole(codecs.parse(spelling), body, 10**6) is False or spelling == "zlib:1"


@given(spelling=st.sampled_from(FRAMED), data=st.binary(min_size=1, max_size=3000), at=st.integers(0, 30), change=st.integers(1, 255))
def test_a_change_of_the_header_is_no_error(spelling: str, data: bytes, at: int, change: int) -> None:
    codec = codecs.parse(spelling)
    body = bytearray(frame(codec, data))
    body[at % len(body)] ^= change
    assert is_whole(codec, bytes(body), len(data)) in {False, True}
    _native.decoded_size(codec.name, bytes(body))


def test_sizes_that_frames_say() -> None:
    for data in CONTENTS.values():
        for name, stored in {
            "blosc": numcodecs.Blosc().encode(data),
            "zstd": numcodecs.Zstd().encode(data),
            "lz4": numcodecs.LZ4().encode(data),
        }.items():
            assert _native.decoded_size(name, stored) == len(data)
        assert _native.decoded_size("gzip", gzip.compress(data)) is None
        assert _native.decoded_size("zlib", zlib.compress(data)) is None
    assert _native.decoded_size("zstd", b"abc") is None
    with pytest.raises(ValueError, match='"bz2": choose one of blosc, zstd, gzip, zlib, lz4, none'):
        _native.decoded_size("bz2", b"")  # type: ignore[arg-type]


def test_a_stream_without_its_size_is_left_to_those_who_can_read_it() -> None:
    """Zstandard, one raw block of three bytes, no size of the content."""
    body = b"\x28\xb5\x2f\xfd" + bytes([0, 0x40]) + (3 << 3 | 1).to_bytes(3, "little") + b"abc"
    assert bytes(numcodecs.Zstd().decode(body)) == b"abc"
    assert not is_whole(codecs.parse("zstd:1"), body, 3)
