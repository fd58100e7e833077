"""Boxes of sparse arrays: the row index against one addition after the other in numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numcodecs.blosc import decompress

from tiled_zarr import _native

NONE = _native.Codec("none")
NUMERIC = ["|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16", ">i2", ">f4", ">c16"]


def dense(coords, data, shape, fill):
    """The whole array: sums where there are entries, the fill elsewhere."""
    sums, hits = np.zeros(shape, data.dtype), np.zeros(shape, bool)
    for place, item in zip(coords.T, data, strict=True):
        with np.errstate(over="ignore", invalid="ignore"):
            sums[tuple(place)] = sums[tuple(place)] + item  # booleans: or
        hits[tuple(place)] = True
    return np.where(hits, sums, np.asarray(fill, data.dtype))


def box(array, start, chunk_shape):
    """The part of the array, zeros beyond its edge."""
    chunk = np.zeros(chunk_shape, array.dtype.newbyteorder("<"))
    part = array[tuple(slice(first, first + n) for first, n in zip(start, chunk_shape, strict=True))]
    chunk[tuple(slice(n) for n in part.shape)] = part
    return chunk.tobytes()


@st.composite
def cases(draw):
    shape = draw(npst.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=7))
    nnz = draw(st.integers(0, 30))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    coords = np.array([rng.integers(0, n, nnz) for n in shape], np.int64).reshape(len(shape), nnz)
    dtype = np.dtype(draw(st.sampled_from(NUMERIC)))
    data = rng.integers(0, 127, nnz).astype(dtype) * dtype.type(draw(st.sampled_from([1, 2, 0.25])) if dtype.kind in "fc" else 1)
    data = data.astype(dtype)
    fill = draw(st.sampled_from([None, 0, 1]))
    start = tuple(draw(st.integers(0, n)) for n in shape)
    return coords, data, shape, fill, start, tuple(draw(st.integers(0, 8)) for _ in shape)


@given(cases())
def test_boxes_are_those_of_the_dense_array(case):
    coords, data, shape, fill, start, chunk_shape = case
    coo = _native.Coo(
        coords, data.view(f"V{data.itemsize}"), shape, data.dtype.str, None if fill is None else np.array(fill, data.dtype).tobytes()
    )
    assert coo.encode(start, chunk_shape, NONE) == box(dense(coords, data, shape, fill or 0), start, chunk_shape)
    body = coo.encode(start, chunk_shape, _native.Codec("blosc", typesize=data.itemsize))
    if 0 not in chunk_shape:
        assert decompress(body) == coo.encode(start, chunk_shape, NONE)


@pytest.mark.parametrize("dtype", NUMERIC)
def test_sums_of_every_type(dtype):
    values = np.array([100, 100, 100, 1, 0, 127], "f8").astype(dtype)
    coords = np.array([[2, 2, 2, 0, 1, 2]], np.int64)
    coo = _native.Coo(coords, values.view(f"V{values.itemsize}"), (4,), dtype)
    assert coo.encode((0,), (4,), NONE) == box(dense(coords, values, (4,), 0), (0,), (4,))


def test_sums_are_made_in_the_order_of_the_entries():
    values = np.array([1e16, 1.0, -1e16, 1.0])
    coo = _native.Coo(np.zeros((1, 4), np.int64), values, (1,), "<f8")
    assert np.frombuffer(coo.encode((0,), (1,), NONE)) == ((1e16 + 1.0) - 1e16) + 1.0


@pytest.mark.parametrize("dtype", ["<M8[ns]", "|S3", "<U2", "|V5"])
def test_what_cannot_be_added_is_only_refused_twice_at_a_place(dtype):
    data = np.zeros(3, dtype)
    opaque = data.view(f"V{data.itemsize}")
    coords = np.array([[4, 0, 2]], np.int64)
    assert _native.Coo(coords, opaque, (5,), dtype).encode((0,), (6,), NONE) == bytes(6 * data.itemsize)
    with pytest.raises(ValueError, match=r"two entries at \[4\]: .*keep one of them"):
        _native.Coo(np.array([[4, 0, 4]], np.int64), opaque, (5,), dtype)


def test_an_empty_box_is_short_and_whole():
    coo = _native.Coo(np.array([[0], [0]], np.int64), np.ones(1), (4096, 4096), "<f8", np.array(7.0).tobytes())
    body = coo.encode((1024, 1024), (512, 512), _native.Codec("blosc", typesize=8))
    assert len(body) < 20_000
    assert decompress(body) == np.full((512, 512), 7.0).tobytes()


def test_a_shape_far_larger_than_memory():
    shape = (1 << 20, 1 << 20, 1 << 20)
    coords = np.array([[5], [1 << 19], [(1 << 20) - 1]], np.int64)
    coo = _native.Coo(coords, np.array([3], "u1"), shape, "|u1")
    assert coo.encode((0, 1 << 19, (1 << 20) - 8), (8, 1, 8), NONE) == bytes(47) + b"\3" + bytes(16)
    assert coo.nbytes < 100


@pytest.mark.parametrize(
    ("coords", "data", "shape", "dtype", "fill", "error", "text"),
    [
        ([[0, 9]], "u1", (4,), "|u1", None, ValueError, "entry 1 has coordinate 9 along axis 0, which has 4 elements"),
        ([[0, -1]], "u1", (4,), "|u1", None, ValueError, "entry 1 has coordinate -1 along axis 0, which has 4 elements"),
        ([[0, 0]], "u1", (4, 4), "|u1", None, ValueError, "2 coordinates: expected 2 axes times 2 items"),
        ([[0, 0]], "u1", (4,), "|u1", b"ab", ValueError, "fill has 2 bytes, an item has 1"),
        ([[0, 0]], "u1", (4,), "|O", None, ValueError, 'dtype "|O": expected numpy\'s spelling'),
        ([[0, 0], [0, 0]], "u1", (1 << 40, 1 << 40), "|u1", None, ValueError, "too many to count"),
    ],
)
def test_refusals(coords, data, shape, dtype, fill, error, text):  # noqa: PLR0917 - a table's columns
    with pytest.raises(error) as refused:
        _native.Coo(np.array(coords, np.int64), np.ones(2, data), shape, dtype, fill)
    assert text in str(refused.value)


def test_coordinates_are_int64():
    for coords in (np.zeros((1, 2), np.int32), np.zeros((1, 2), np.uint64), np.zeros((1, 2), ">i8"), np.zeros((1, 2), "f8")):
        with pytest.raises(TypeError, match="int64"):
            _native.Coo(coords, np.ones(2, "u1"), (4,), "|u1")


def test_a_box_has_the_array_s_axes():
    coo = _native.Coo(np.zeros((1, 0), np.int64), np.ones(0, "u1"), (4,), "|u1")
    with pytest.raises(ValueError, match="array has 1 axes, start has 2, chunk has 1"):
        coo.encode((0, 0), (1,), NONE)
