import dask.array
import numpy as np
import pytest

from adapters.contract import ARRAYS, Contract
from tiled_zarr.adapters.dask import adapt_array
from tiled_zarr.nodes import Unavailable


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


def test_masked_items_are_not_passed_off_as_values():
    masked = dask.array.ma.masked_equal(dask.array.arange(5, chunks=5), 3)
    with pytest.raises(ValueError, match="masked items"):
        adapt_array(masked).read((slice(0, 5),))


def test_a_block_of_another_shape_raises():
    lying = dask.array.map_blocks(lambda _: np.zeros(3), dask.array.zeros(5), dtype=float, meta=np.empty(0))
    with pytest.raises(ValueError, match=r"shape \(3,\) where \(5,\)"):
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
