from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse

from tiled_zarr.adapters.memory.scipy import adapt_sparse
from tiled_zarr.nodes import Unavailable
from tiled_zarr.testing import Contract

DENSE = np.where(np.arange(600).reshape(20, 30) % 7 == 0, np.arange(600).reshape(20, 30), 0)
KINDS = [f"{layout}_{kind}" for layout in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil") for kind in ("array", "matrix")]


def make(kind, dtype="<i4"):
    dense = DENSE.astype(dtype)
    return lambda _: (adapt_sparse(getattr(scipy.sparse, kind)(dense)), dense)


def doubled(_):
    dense = np.array([[0, 0, 4.5, 0], [0, 0, 0, 2.0], [0, 0, 0, 0]])
    return adapt_sparse(scipy.sparse.coo_array(([1.5, 2.0, 3.0], ([0, 1, 0], [2, 3, 2])), shape=(3, 4))), dense


CASES = {
    **{kind: make(kind) for kind in KINDS},
    **{f"csr_{dtype}": make("csr_array", dtype) for dtype in ("?", "u1", "<f4", "<c16")},
    "one_axis": lambda _: (adapt_sparse(scipy.sparse.coo_array(DENSE[1])), DENSE[1]),
    "empty": lambda _: (adapt_sparse(scipy.sparse.csr_array((0, 5))), np.zeros((0, 5))),
    "doubled_entries_add_up": doubled,
}


class TestSparse(Contract, cases=CASES): ...


def test_nothing_is_made_dense(monkeypatch: pytest.MonkeyPatch):
    source = scipy.sparse.csr_array(DENSE)
    monkeypatch.setattr(type(source), "toarray", None)
    monkeypatch.setattr(type(source), "todense", None)
    coords, data = adapt_sparse(source).source.entries()
    assert coords.shape == (2, data.size)


def test_objects_are_unavailable():
    with pytest.raises(Unavailable, match="sparse array of object"):
        adapt_sparse(SimpleNamespace(dtype=np.dtype(object)))  # newer versions of scipy make none
