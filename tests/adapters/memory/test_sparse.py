import numpy as np
import pytest
import sparse

from tiled_zarr import Array
from tiled_zarr.adapters.memory.sparse import adapt_sparse
from tiled_zarr.nodes import Unavailable
from tiled_zarr.testing import Contract


def scattered(shape, dtype):
    values = np.random.default_rng(1).integers(1, 100, shape)
    return np.where(values > 80, values, 0).astype(dtype)


def filled():
    dense = scattered((6, 7), "<f8")
    return sparse.COO(dense) + 2.5, dense + 2.5


SHAPES = ((50,), (20, 30), (4, 5, 6))
DENSE = {f"{dtype}_{len(shape)}d": scattered(shape, dtype) for dtype in ("?", "u1", "<i4", "<f8", "<c16") for shape in SHAPES}
EMPTY = {"nothing_stored": np.zeros((3, 4)), "empty": np.zeros((0, 4)), "big_endian": scattered((5, 6), ">f8")}
CASES = {
    **{f"coo_{name}": lambda _, a=array: (adapt_sparse(sparse.COO(a)), a) for name, array in {**DENSE, **EMPTY}.items()},
    **{f"gcxs_{name}": lambda _, a=array: (adapt_sparse(sparse.GCXS(a)), a) for name, array in DENSE.items()},
    "dok": lambda _: (adapt_sparse(sparse.DOK(DENSE["<i4_2d"])), DENSE["<i4_2d"]),
    "fill_value": lambda _: (adapt_sparse(filled()[0]), filled()[1]),
}


class TestSparse(Contract, cases=CASES): ...


def test_nothing_is_made_dense():
    node = adapt_sparse(sparse.COO(np.array([[2**29], [2**29]]), np.array([7]), shape=(2**30, 2**30)))
    assert isinstance(node, Array)
    assert node.is_sparse
    coords, data = node.source.entries()
    assert (coords.tolist(), data.tolist()) == ([[2**29], [2**29]], [7])


def test_objects_are_unavailable():
    with pytest.raises(Unavailable, match="sparse array of object"):
        adapt_sparse(sparse.COO(np.array([[0]]), np.array([{}], object), shape=(3,), fill_value=None))
