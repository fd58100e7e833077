"""Blocks become chunks: the native copy against a few lines of numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numcodecs.blosc import decompress

from native.buffers import blosc
from tiled_zarr import _native

NONE = _native.Codec("none")
DTYPES = ["?", "i1", "u1", "<i2", "<u4", "<i8", "<f2", "<f4", "<f8", "<c8", "<c16", "S3", "<U5", "<M8[ns]", "<m8[s]", "V7"]
SWAPPED = [">i2", ">u4", ">i8", ">f2", ">f4", ">f8", ">c8", ">c16", ">U5", ">M8[ns]"]


def opaque(a):
    return a.view(f"V{a.itemsize}")


def naive(a, chunk_shape):
    """The chunk as numpy makes it."""
    chunk = np.zeros(chunk_shape, a.dtype.newbyteorder("<"))
    chunk[tuple(slice(n) for n in a.shape)] = a
    return chunk.tobytes()


def layout(dtype):
    """The one run of an item of a big-endian type."""
    unit = {"c": dtype.itemsize // 2, "U": 4}.get(dtype.kind, dtype.itemsize)
    return [(0, dtype.itemsize, unit)]


@st.composite
def blocks(draw, dtypes):
    """Arrays, each with a chunk shape into which it fits.

    They are in any order, reversed, stepped or repeated, and some have axes of no or one element.
    """
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    shape = draw(npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6))
    count = int(np.prod(shape))
    a = np.random.default_rng(draw(st.integers(0, 3))).integers(0, 256, count * dtype.itemsize, dtype=np.uint8).view(dtype).reshape(shape)
    if dtype.kind in "?U":
        a = (np.arange(count) % 2).astype(dtype).reshape(shape)
    a = a.transpose(draw(st.permutations(range(a.ndim))))
    a = a[(*(slice(None, None, draw(st.sampled_from([1, 1, 2, -1, -2]))) for _ in shape), ...)]
    if draw(st.booleans()):
        a = np.broadcast_to(a, (draw(st.integers(0, 3)), *a.shape))
    return a, tuple(n + draw(st.integers(0, 3)) for n in a.shape)


@given(blocks(DTYPES))
def test_any_strided_block_is_gathered_and_padded(case):
    a, chunk_shape = case
    assert _native.encode(opaque(a), chunk_shape, NONE) == naive(a, chunk_shape)


@given(blocks(SWAPPED))
def test_big_endian_items_are_swapped(case):
    a, chunk_shape = case
    assert _native.encode(opaque(a), chunk_shape, NONE, layout(a.dtype)) == naive(a, chunk_shape)


@given(case=blocks(["u1", "<u2", "<f4", "<f8", "<c16", "V12"]), value=st.sampled_from([None, 0, 1]))
def test_blosc_of_any_block(case, value):
    a, chunk_shape = case
    if value is not None:
        a = np.full_like(a, np.frombuffer(bytes([value]) * a.itemsize, a.dtype)[0])
    chunk = naive(a, chunk_shape)
    body = _native.encode(opaque(a), chunk_shape, blosc(typesize=a.itemsize))
    if chunk:
        assert decompress(body) == chunk


@pytest.mark.parametrize("dtype", ["u1", "<u2", "<i4", "<f8", "<c16", "V3", "V300"])
@pytest.mark.parametrize("cname", ["lz4", "lz4hc", "zlib", "zstd"])
def test_chunks_of_one_value(dtype, cname):
    dtype = np.dtype(dtype)
    item = np.frombuffer(bytes(range(1, 256)) * 2, "u1")[: dtype.itemsize].view(dtype)[0]
    codec = blosc(cname=cname, typesize=dtype.itemsize)
    full = np.full((130, 70), item, dtype)
    broken = full.copy()
    broken.view("u1")[-1, -1] ^= 1
    pictures = {
        "full": full,
        "reversed": full[::-1, ::-1],
        "F": np.asfortranarray(full),
        "broadcast": np.broadcast_to(full[0, 0], full.shape),
    }
    for name, picture in {**pictures, "one differs": broken}.items():
        body = _native.encode(opaque(picture), full.shape, codec)
        assert decompress(body) == picture.tobytes(), name
    padded = np.zeros((140, 70), dtype)
    padded[:130] = full
    assert decompress(_native.encode(opaque(full), padded.shape, codec)) == padded.tobytes()
    assert decompress(_native.encode(opaque(np.zeros_like(full)), padded.shape, codec)) == bytes(padded.nbytes)


@pytest.mark.parametrize("cname", ["lz4", "zstd", "zlib"])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">f4", "<f8", "<c16"])
def test_chunks_of_many_blocks(cname, dtype):
    """Gathered row by row, a block at a time, padded or not, of any row length and memory order."""
    noise = np.random.default_rng(1).poisson(900, (300, 640)).astype(dtype)
    smooth = np.add.outer(np.arange(300), np.arange(640)).astype(dtype)
    codec = blosc(cname=cname, typesize=noise.itemsize)
    for a in (
        noise,
        noise[::-1, ::2],
        np.asfortranarray(noise),
        smooth,
        smooth[:5],
        smooth.reshape(1, 1, 300, 640),
        noise[:, :333],
        noise.T,
    ):
        for chunk_shape in (a.shape, (*a.shape[:-2], a.shape[-2] + 400, a.shape[-1]), (*a.shape[:-1], a.shape[-1] + 11)):
            body = _native.encode(opaque(a), chunk_shape, codec, layout(a.dtype) if dtype[0] == ">" else None)
            assert decompress(body) == naive(a, chunk_shape)


def test_a_large_transposed_block():
    a = np.random.default_rng(1).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    for axes in [(2, 0, 1), (2, 1, 0), (1, 0, 2), (0, 2, 1)]:
        b = a.transpose(axes)
        assert _native.encode(opaque(b), b.shape, NONE) == b.tobytes()


def test_structs_are_packed():
    aligned = np.zeros((4, 5), np.dtype([("a", "i1"), ("b", ">f8"), ("c", "<u2", (3,))], align=True))
    aligned["a"], aligned["b"], aligned["c"] = 1, np.arange(20).reshape(4, 5), [7, 8, 9]
    fields = aligned.dtype.fields
    runs = [(fields["a"][1], 1, 1), (fields["b"][1], 8, 8), (fields["c"][1], 6, 1)]
    packed = np.zeros((6, 5), [("a", "i1"), ("b", "<f8"), ("c", "<u2", (3,))])
    for name in packed.dtype.names:
        packed[name][:4] = aligned[name]
    assert _native.encode(opaque(aligned), (6, 5), NONE, runs) == packed.tobytes()


def test_other_buffers_than_numpy_s():
    assert _native.encode(b"abc", (5,), NONE) == b"abc\0\0"
    assert _native.encode(memoryview(b"abcdef")[::-2], (3,), NONE) == b"fdb"
    assert _native.encode(bytearray(), (2,), NONE) == b"\0\0"
    assert _native.encode(np.float64(1), (), NONE) == np.float64(1).tobytes()


@pytest.mark.parametrize(
    ("block", "chunk_shape", "runs", "error", "text"),
    [
        (np.zeros(4, "u1"), (2, 2), None, ValueError, "block has 1 axes, chunk has 2"),
        (np.zeros((2, 4), "u1"), (2, 3), None, ValueError, "block has 4 elements along axis 1, chunk has 3: a block is at most as large"),
        (np.zeros(4, "<u2"), (4,), [(1, 2, 1)], ValueError, "layout takes 2 bytes from byte 1 of an item of 2 bytes"),
        (np.zeros(4, "<u4"), (4,), [(0, 4, 3)], ValueError, "layout swaps units of 3 bytes in a run of 4"),
        (np.zeros(4, "<u4"), (4,), [(0, 4, 0)], ValueError, "layout swaps units of 0 bytes in a run of 4"),
        (np.zeros(1, "u1"), (1 << 31,), None, MemoryError, "chunk of 2147483648 bytes: at most 2113929216"),
        (np.zeros((1, 1), "u1"), (1 << 40, 1 << 40), None, MemoryError, "chunk size overflows; choose a smaller chunk shape"),
        (np.array(["a"], object), (1,), None, TypeError, "buffer holds Python objects: only items of fixed size"),
        (np.zeros(1, [("O", "u1"), ("b", object)]), (1,), None, TypeError, "buffer holds Python objects"),
        ([1, 2], (2,), None, TypeError, "a bytes-like object is required"),
    ],
)
def test_refusals(block, chunk_shape, runs, error, text):
    with pytest.raises(error) as refused:
        _native.encode(block, chunk_shape, NONE, runs)
    assert text in str(refused.value)


def test_a_field_named_o_is_no_object():
    a = np.ones(3, [("O", "u1")])
    assert _native.encode(a, (3,), NONE) == b"\1\1\1"


def test_a_negative_chunk_shape_is_refused():
    with pytest.raises(OverflowError):
        _native.encode(b"a", (-1,), NONE)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=30))
def test_strings(items):
    expected = len(items).to_bytes(4, "little") + b"".join(len(b := item.encode()).to_bytes(4, "little") + b for item in items)
    assert _native.encode_strings(items, NONE) == expected
    assert _native.encode_strings(np.array([*items, None], object)[:-1], NONE) == expected


def test_strings_are_read_back_by_numcodecs():
    from numcodecs import VLenUTF8, Zstd

    items = ["", "a", "é🦄"] * 10
    body = _native.encode_strings(items, _native.Codec("zstd"))
    assert VLenUTF8().decode(Zstd().decode(body)).tolist() == items


def test_only_strings_are_strings():
    with pytest.raises(TypeError, match="str"):
        _native.encode_strings(["a", 1], NONE)
    with pytest.raises(UnicodeEncodeError):
        _native.encode_strings(["\ud800"], NONE)
