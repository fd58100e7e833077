"""Stored chunks become regions.

tests/adapters/hdf5/test_decoding.py tests every filter with files of the HDF5 library.
"""

from __future__ import annotations

import gzip
import zlib

import numcodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from native.gil import others_advance
from tiled_zarr import _native

DATA = np.arange(24 * 40, dtype="<u4").reshape(24, 40) * 77
DEFLATE = [(1, [5])]
FLETCHER = [(3, [])]
CHUNKS = {
    "deflate": (DEFLATE, zlib.compress(DATA.tobytes())),
    "shuffle deflate": ([(2, [4]), (1, [5])], zlib.compress(numcodecs.Shuffle(4).encode(DATA).tobytes())),
    "blosc lz4": ([(32001, [])], bytes(numcodecs.Blosc("lz4").encode(DATA))),
    "blosc blosclz": ([(32001, [])], bytes(numcodecs.Blosc("blosclz", 9).encode(DATA))),
    "blosc zstd bits": ([(32001, [])], bytes(numcodecs.Blosc("zstd", shuffle=numcodecs.Blosc.BITSHUFFLE).encode(DATA))),
    "zstd": ([(32015, [])], bytes(numcodecs.Zstd().encode(DATA))),
    "gzip": ([(65536, [])], gzip.compress(DATA.tobytes())),
    "lz4 behind its size": ([(65537, [])], bytes(numcodecs.LZ4().encode(DATA))),
    "gzip crc32c": ([(65536, []), (65538, [])], bytes(numcodecs.CRC32C(location="end").encode(gzip.compress(DATA.tobytes())))),
    "fletcher32": (FLETCHER, bytes(numcodecs.Fletcher32().encode(DATA))),
}
CHECKED = {"deflate", "shuffle deflate", "fletcher32", "gzip", "gzip crc32c"}


def empty(shape=DATA.shape):
    return np.full(shape, 0xAAAAAAAA, DATA.dtype)


def opaque(a):
    return a.view(f"V{a.itemsize}")


def read(filters, stored, mask=0):
    out = empty()
    _native.Decoder(filters, DATA.shape, 4).read(opaque(out), (0, 0), [((0, 0), stored, mask)])
    return out


@pytest.mark.parametrize(("filters", "stored"), CHUNKS.values(), ids=CHUNKS.keys())
def test_chunks_of_other_encoders(filters, stored):
    assert (read(filters, stored) == DATA).all()
    assert (read(filters, DATA.tobytes(), mask=(1 << len(filters)) - 1) == DATA).all()


@given(name=st.sampled_from(sorted(CHUNKS)), data=st.data())
def test_damaged_chunks_are_refused_or_decoded_to_something(name, data):
    filters, stored = CHUNKS[name]
    damaged = bytearray(stored)
    for place in data.draw(st.lists(st.integers(0, len(stored) - 1), min_size=1, max_size=8)):
        damaged[place] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.one_of(st.just(len(stored)), st.integers(0, len(stored))))]
    try:
        block = read(filters, bytes(damaged))
    except ValueError:
        return
    assert name not in CHECKED or (block == DATA).all()


@given(name=st.sampled_from(sorted(CHUNKS)), cut=st.integers(1, 200))
def test_chunks_that_are_cut_short_are_refused(name, cut):
    filters, stored = CHUNKS[name]
    with pytest.raises(ValueError, match=r"chunk \[0, 0\]: "):
        read(filters, stored[:-cut])


@given(
    start=st.tuples(st.integers(0, 40), st.integers(0, 70)),
    shape=st.tuples(st.integers(1, 30), st.integers(1, 50)),
    chunk_shape=st.tuples(st.integers(1, 20), st.integers(1, 40)),
    itemsize=st.sampled_from([1, 2, 3, 4, 8, 16]),
    filters=st.sampled_from([[], DEFLATE]),
)
def test_a_region_is_put_together(start, shape, chunk_shape, itemsize, filters):
    array = np.random.default_rng(1).integers(0, 9, (100, 160, itemsize), np.uint8).view(f"V{itemsize}")[..., 0]
    chunks = []
    for i in range(start[0] // chunk_shape[0], (start[0] + shape[0] - 1) // chunk_shape[0] + 1):
        for j in range(start[1] // chunk_shape[1], (start[1] + shape[1] - 1) // chunk_shape[1] + 1):
            chunk = np.zeros(chunk_shape, array.dtype)
            part = array[i * chunk_shape[0] : (i + 1) * chunk_shape[0], j * chunk_shape[1] : (j + 1) * chunk_shape[1]]
            chunk[: part.shape[0], : part.shape[1]] = part
            chunks.append(((i, j), zlib.compress(chunk.tobytes(), 1) if filters else chunk.tobytes(), 0))
    out = np.empty(shape, array.dtype)
    _native.Decoder(filters, chunk_shape, itemsize).read(out, start, chunks[::-1])
    assert out.tobytes() == array[start[0] : start[0] + shape[0], start[1] : start[1] + shape[1]].tobytes()


def test_what_lies_in_other_chunks_stays():
    out = empty((48, 40))
    _native.Decoder(DEFLATE, DATA.shape, 4).read(opaque(out), (0, 0), [((1, 0), CHUNKS["deflate"][1], 0)])
    assert (out[:24] == 0xAAAAAAAA).all()
    assert (out[24:] == DATA).all()


REFUSED = {
    "another filter": (lambda: _native.Decoder([(4, [32, 8])], (4,), 1), "filter 4 with the parameters [32, 8] is not known"),
    "two compressors": (lambda: _native.Decoder([(1, [5]), (32000, [])], (4,), 1), "2 filters with 2 compressors"),
    "no items": (lambda: _native.Decoder([], (4, 0), 1), "chunks of shape [4, 0] with items of 1 bytes hold nothing"),
    "other axes": (lambda: _native.Decoder([], (4,), 1).read(bytearray(4), (0, 0), []), "a region at [0, 0] of shape [4] in 4 bytes"),
    "other items": (lambda: _native.Decoder([], (4,), 8).read(bytearray(4), (0,), []), "chunks of shape [4] with items of 8 bytes"),
    "read-only": (lambda: _native.Decoder([], (4,), 1).read(bytes(4), (0,), []), "buffer is read-only"),
    "strided": (lambda: _native.Decoder([], (4,), 1).read(memoryview(bytearray(8))[::2], (0,), []), "buffer is not C-contiguous"),
    "elsewhere": (
        lambda: _native.Decoder([], (4,), 1).read(bytearray(4), (0,), [((1,), bytes(4), 0)]),
        "chunk [1] lies outside of the region at [0] of shape [4]",
    ),
    "other size": (
        lambda: _native.Decoder([], (4,), 1).read(bytearray(4), (0,), [((0,), bytes(5), 0)]),
        "chunk [0]: stored bytes: 5 bytes, 4 are expected",
    ),
}


@pytest.mark.parametrize(("act", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals(act, text):
    with pytest.raises(ValueError, match=r".") as refused:
        act()
    assert text in str(refused.value)


def test_too_large_a_chunk():
    with pytest.raises(MemoryError, match="chunk of 2147483648 bytes"):
        _native.Decoder([], (1 << 31,), 1)


def test_nothing_to_read():
    out = bytearray()
    _native.Decoder(DEFLATE, (4,), 1).read(out, (0,), [])
    out.append(1)  # a BufferError if the buffer were still held


def test_another_thread_advances_while_chunks_are_decoded():
    rows = np.random.default_rng(1).integers(0, 99, (1000, 1000), "u1")
    stored = zlib.compress(rows.tobytes(), 1)
    decoder = _native.Decoder(DEFLATE, rows.shape, 1)
    assert others_advance(lambda: decoder.read(rows, (0, 0), [((0, 0), stored, 0)] * 50))
