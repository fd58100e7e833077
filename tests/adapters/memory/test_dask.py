import dask.array
import numpy as np
import pytest
import zarr

import tiled_zarr
from tiled_zarr.adapters.memory.dask import adapt_array
from tiled_zarr.adapters.memory.numpy import adapt_masked
from tiled_zarr.nodes import Unavailable
from tiled_zarr.testing import ARRAYS, Contract, assert_same


def chunked(array, chunks="auto"):
    if array.dtype.hasobject and chunks == "auto":
        chunks = -1
    return lambda _: (adapt_array(dask.array.from_array(array, chunks)), array)


IMAGE = np.arange(63 * 40, dtype="<u2").reshape(63, 40)
CHUNKED = {
    "regular": chunked(IMAGE, (16, 20)),
    "irregular": chunked(IMAGE, ((10, 50, 3), (39, 1))),
    "one_row": chunked(IMAGE, (1, 40)),
}


class TestArrays(Contract, cases={name: chunked(array) for name, array in ARRAYS.items()}): ...


class TestChunked(Contract, cases=CHUNKED): ...


@pytest.mark.parametrize(
    ("chunks", "kept"),
    [((16, 20), (16, 20)), (((16, 47), (40,)), None), (((60, 3), (40,)), (60, 40)), (((3, 30, 30), (40,)), None)],
    ids=["regular", "larger_last", "smaller_last", "smaller_first"],
)
def test_only_regular_chunks_are_kept(chunks, kept):
    assert adapt_array(dask.array.from_array(IMAGE, chunks)).chunks == kept


def test_only_the_tasks_behind_a_region_run():
    seen = []

    def block(block_info=None):
        seen.append(block_info[None]["chunk-location"])
        return np.ones((10, 10))

    node = adapt_array(dask.array.map_blocks(block, chunks=((10,) * 4, (10,) * 4), dtype=float, meta=np.empty((0, 0))))
    node.read((slice(5, 15), slice(30, 40)))
    assert sorted(seen) == [(0, 3), (1, 3)]


def test_a_failing_task_raises():
    def block(_):
        raise OSError("the disk is gone")

    node = adapt_array(dask.array.map_blocks(block, dask.array.zeros(5), dtype=float, meta=np.empty(0)))
    with pytest.raises(OSError, match="the disk is gone"):
        node.read((slice(0, 5),))


BASE = np.arange(600).reshape(20, 30)
RECORD = np.array([(1, "a", 2.5), (2, "b", 3)], [("i", "i4"), ("s", "U4"), ("f", "f8")])
TIMES = np.array(["2026-01-01", "2026-01-02"], "M8[D]")
MASKED = {
    "integers": (np.ma.masked_greater(BASE, 500), 999999),
    "own_fill": (np.ma.MaskedArray(np.arange(6, dtype="i2"), np.arange(6) > 3, fill_value=-9), -9),
    "floats": (np.ma.masked_greater(BASE.astype("f4"), 500), None),
    "times": (np.ma.MaskedArray(TIMES, [0, 1]), None),
    "no_axes": (np.ma.MaskedArray(np.array(3), True), 999999),
    "nothing_masked": (np.ma.MaskedArray(np.arange(6)), 999999),
    "records": (np.ma.MaskedArray(RECORD, [(0, 1, 0), (1, 0, 1)]), {"i": 999999, "s": "N/A", "f": None}),
}


@pytest.mark.parametrize(("masked", "named"), MASKED.values(), ids=MASKED.keys())
def test_masked_items_are_filled_as_numpys_are(masked, named):
    """Masked items get NaN or NaT if the type has one, else the array's fill value.

    That is the value of `np.ma.filled`, and the attributes name it.
    """
    node = adapt_array(dask.array.from_array(masked, chunks=(7, 11)[: masked.ndim]))
    expected = adapt_masked(masked)
    whole = tuple(slice(0, size) for size in masked.shape)
    assert_same(node.read(whole), expected.read(whole), "")
    assert node.attributes == {"tiled_zarr": {"masked": named}}
    if masked.dtype.kind == "i":
        np.testing.assert_array_equal(node.read(whole), np.ma.filled(masked), strict=True)


def test_computed_masks_are_filled():
    """dask's operations lose each block's own fill value; that of the graph's type holds."""
    masked = dask.array.ma.masked_greater(dask.array.from_array(BASE, (7, 11)), 500)
    node = adapt_array(masked)
    assert node.read((slice(0, 20), slice(0, 30))).tolist() == np.ma.filled(masked.compute()).tolist()
    assert node.read((slice(18, 20), slice(5, 25))).tolist() == np.ma.filled(masked.compute())[18:20, 5:25].tolist()


def mask(block):
    return np.ma.masked_equal(block, 3)


def test_masks_that_the_graph_does_not_tell_of():
    numbers = dask.array.arange(5, chunks=5)
    floats = numbers.astype("f8").map_blocks(mask, dtype="f8", meta=np.empty(0))
    np.testing.assert_array_equal(adapt_array(floats).read((slice(0, 5),)), [0, 1, 2, np.nan, 4])
    with pytest.raises(ValueError, match="a block of int64 has masked items, and its source did not say so"):
        adapt_array(numbers.map_blocks(mask, dtype="i8", meta=np.empty(0, "i8"))).read((slice(0, 5),))


def test_an_item_that_is_no_text_is_named():
    texts = np.array(["one", "two", None], object)
    array = zarr.open_array(tiled_zarr.store(dask.array.from_array(texts, 3)), mode="r")
    with pytest.raises(Exception, match="the source returned an item of type NoneType, but text was promised"):
        array[:]


def test_a_block_of_another_shape_raises():
    lying = dask.array.map_blocks(lambda _: np.zeros(3), dask.array.zeros(5), dtype=float, meta=np.empty(0))
    with pytest.raises(ValueError, match=r"of shape \(3,\), but \(5,\) was requested"):
        adapt_array(lying).read((slice(0, 5),))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (dask.array.arange(5)[dask.array.arange(5) > 2], "unknown size"),
        (dask.array.from_array(np.array([{}, []], object), -1), "holds other objects than text"),
    ],
    ids=["unknown_size", "objects"],
)
def test_unavailable(source, reason):
    with pytest.raises(Unavailable, match=reason):
        adapt_array(source)
