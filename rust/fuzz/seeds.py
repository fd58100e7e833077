"""Write the seeds of the fuzz targets: streams of other libraries, small, into seeds/TARGET.

    python rust/fuzz/seeds.py

A seed of a decoder is the size that it decodes to (2 bytes, little endian) and the stream. Files whose
names begin with `found-` are no seeds of this script: minimal inputs that reached new code, and findings.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import google_crc32c
import numcodecs
import numpy as np
from numcodecs.blosc import AUTOBLOCKS

SEEDS = Path(__file__).parent / "seeds"
RAMP = (np.arange(300) // 7).astype("<u2").tobytes()
NOISE = np.random.default_rng(1).bytes(60)
LARGE = np.arange(5000, dtype="<u4").tobytes()


def sized(data: bytes, stream: bytes) -> bytes:
    """A seed of a decoder."""
    return struct.pack("<H", len(data)) + stream


def zstds() -> Iterator[bytes]:
    """One frame, two, with a checksum, and without a size."""
    for data in (RAMP, NOISE, LARGE, b""):
        yield sized(data, numcodecs.Zstd(3).encode(data))
    yield sized(RAMP, numcodecs.Zstd(19, checksum=True).encode(RAMP))
    yield sized(RAMP + NOISE, numcodecs.Zstd(1).encode(RAMP) + numcodecs.Zstd(1).encode(NOISE))
    yield sized(bytes(512), b"\x28\xb5\x2f\xfd\x00\x38" + (512 << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"\0")


def bloscs() -> Iterator[bytes]:
    """Chunks by every compressor and filter, of several blocks, and stored."""
    for cname, shuffle in product(("blosclz", "lz4", "lz4hc", "zlib", "zstd"), (0, 1, 2)):
        yield sized(RAMP, bytes(numcodecs.Blosc(cname, 5, shuffle, AUTOBLOCKS).encode(np.frombuffer(RAMP, "<u2"))))
    yield sized(LARGE, bytes(numcodecs.Blosc("lz4", 5, 1, 4096).encode(np.frombuffer(LARGE, "<u4"))))
    yield sized(NOISE, bytes(numcodecs.Blosc("lz4", 5, 1).encode(NOISE)))


def lz4s() -> Iterator[bytes]:
    """Blocks as numcodecs writes them, and as the HDF5 filter does."""
    for data in (RAMP, NOISE, LARGE):
        stream = bytes(numcodecs.LZ4().encode(data))
        yield sized(data, stream)
        yield sized(data, struct.pack(">QII", len(data), len(data), len(stream) - 4) + stream[4:])


def bits() -> Iterator[bytes]:
    """The size of an item less 1 and eighths of the items of a block, then shuffled blocks behind their sizes."""
    data = RAMP[:512]
    for inner in (lambda block: bytes(numcodecs.LZ4().encode(block))[4:], lambda block: bytes(numcodecs.Zstd(1).encode(block))):
        blocks = b"".join(struct.pack(">I", len(inner(data[i : i + 256]))) + inner(data[i : i + 256]) for i in (0, 256))
        yield b"\x01\x10" + sized(data, struct.pack(">QI", 512, 256) + blocks)
    yield b"\x01\x02" + sized(data, data)


WRITTEN: dict[str, list[bytes]] = {
    "bitshuffle": list(bits()),
    "blosc": list(bloscs()),
    "checksums": [b"", b"123456789", RAMP, NOISE + google_crc32c.value(NOISE).to_bytes(4, "little")],
    "codec": [bytes([i, 0, 0, 0]) + RAMP for i in range(10)],
    "coo": [bytes(range(200)), NOISE * 3],
    "encode": [bytes(range(200)), NOISE * 3, b"\x00\x01" * 100],
    "frames": [seed[2:] for seed in (*bloscs(), *zstds())],
    "gzip": [
        *(sized(data, gzip.compress(data, 5, mtime=0)) for data in (RAMP, NOISE, LARGE, b"")),
        sized(RAMP + NOISE, gzip.compress(RAMP, mtime=0) + bytes(3) + gzip.compress(NOISE, mtime=0)),
        sized(NOISE, b"\x1f\x8b\x08\x1c\0\0\0\0\0\3\2\0ab" + b"name\0comment\0" + gzip.compress(NOISE, mtime=0)[10:]),
    ],
    "halve": [bytes(range(200)), NOISE * 3],
    "lz4": list(lz4s()),
    "lzf": [sized(b"abcabcabcabcaaaaaaaaaaaaaaaaaaaaa", b"\x02abc\xe0\x00\x02\x00a\xe0\x0b\x00"), sized(NOISE[:32], b"\x1f" + NOISE[:32])],
    "pipeline": [bytes(range(100)), zlib.compress(RAMP) + bytes(40)],
    "region": [bytes(range(100)), NOISE + zlib.compress(RAMP)],
    "spellings": [b"<f8", b">M8[ns]", b"|S5", b"<U2", struct.pack("<6I", 32008, 0, 4, 4, 16, 2)],
    "strings": [b"", b"a\n\n\xc3\xa9", "\U0001f984\n".encode()],
    "zlib": [sized(data, zlib.compress(data, 5)) for data in (RAMP, NOISE, LARGE, b"")],
    "zstd": list(zstds()),
}

for target, seeds in WRITTEN.items():
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (folder / f"{number:02}").write_bytes(seed)
