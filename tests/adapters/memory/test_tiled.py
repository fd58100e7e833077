"""Stand-ins with the shape of Tiled's adapters; `in_tiled.py` compares with Tiled itself."""

from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Any

import dask.array
import dask.dataframe
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sparse

from tiled_zarr.adapters import adapt
from tiled_zarr.hierarchy import headers
from tiled_zarr.nodes import Array, Changed, Damaged, Options, Unavailable
from tiled_zarr.testing import ARRAYS, Contract

GRID = np.arange(60, dtype="<i4").reshape(6, 10)


class Family(str, Enum):  # noqa: UP042 - as Tiled's is, whose str() is not its value
    array = "array"
    sparse = "sparse"
    table = "table"
    container = "container"
    awkward = "awkward"


@dataclass
class Adapter:
    """What Tiled's adapters have in common; `answer` turns a request into what `read` returns."""

    source: Any
    answer: Any = field(default=lambda result: result)
    dtype: Any = None
    chunks: Any = None
    dims: Any = None
    attributes: dict = field(default_factory=dict)

    def metadata(self):
        return self.attributes

    def structure(self):
        dtype = np.dtype(self.dtype or self.source.dtype)
        data_type = SimpleNamespace(to_numpy_dtype=lambda: dtype)
        return SimpleNamespace(data_type=data_type, shape=self.source.shape, chunks=self.chunks, dims=self.dims)


class ArrayAdapter(Adapter):
    structure_family = Family.array

    def read(self, slice=...):  # noqa: A002 - Tiled's word
        return self.answer(self.source[slice])


class SparseAdapter(Adapter):
    structure_family = "sparse"

    def read(self, slice=...):  # noqa: A002 - Tiled's word
        return self.answer(self.source)


class TableAdapter(Adapter):
    structure_family = Family.table

    def structure(self):
        return SimpleNamespace(npartitions=len(self.source))

    def read_partition(self, partition, fields=None):
        frame = self.source[partition]
        return self.answer(frame if fields is None else frame[fields])


class ContainerAdapter(dict):
    structure_family = Family.container

    def metadata(self):
        return {"animal": "cat", 3: None}


class Broken(ContainerAdapter):
    def __getitem__(self, name):
        raise {"dangling": KeyError(name), "gone": OSError("the disk is gone")}.get(name) or RuntimeError(name)


async def awaited(block):
    return block


FRAMES = [
    pd.DataFrame({"a": [1, 2], "text": ["x", None], "flag": [True, None], "late": [None, None]}, index=[5, 6]),
    pd.DataFrame({"a": [3, None], "text": [None, None], "flag": [False, True], "late": [None, b"ab"]}, index=[7, 8]),
    pd.DataFrame({"a": [], "text": [], "flag": [], "late": []}, index=pd.Index([], dtype="int64")).astype({"a": "int64"}),
]
TABLE = {
    "index": np.array([5, 6, 7, 8]),
    "a": np.array([1, 2, 3, np.nan]),
    "text": np.array(["x", "", "", ""], object),
    "flag": np.array([1, 255, 0, 1], "u1"),
    "late": np.array([b"", b"", b"", b"ab"]),
}
FIXED = {name: array for name, array in ARRAYS.items() if array.dtype.kind != "O"}
COO = sparse.COO(np.where(GRID % 7 == 0, GRID, 0))

CASES = {
    **{name: lambda _, a=array: (adapt(ArrayAdapter(a)), a) for name, array in FIXED.items()},
    "dask": lambda _: (adapt(ArrayAdapter(dask.array.from_array(GRID, (4, 5)))), GRID),
    "other_order": lambda _: (adapt(ArrayAdapter(GRID, np.asfortranarray)), GRID),
    "other_bytes": lambda _: (adapt(ArrayAdapter(GRID, lambda block: block.astype(">i4"))), GRID),
    "smaller_type": lambda _: (adapt(ArrayAdapter(GRID, lambda block: block.astype("<i2"), "<i4")), GRID),
    "made_dense": lambda _: (adapt(ArrayAdapter(GRID, sparse.COO)), GRID),
    "awaited": lambda _: (adapt(ArrayAdapter(GRID, awaited)), GRID),
    "sparse": lambda _: (adapt(SparseAdapter(COO)), COO.todense()),
    "sparse_awaited": lambda _: (adapt(SparseAdapter(COO, awaited)), COO.todense()),
    "partitions": lambda _: (adapt(TableAdapter(FRAMES)), TABLE),
    "partitions_awaited": lambda _: (adapt(TableAdapter(FRAMES, awaited)), TABLE),
    "one_partition": lambda _: (adapt(TableAdapter([pd.DataFrame({"x": [1.5, 2.5]})])), {"index": np.arange(2), "x": np.array([1.5, 2.5])}),
    "no_columns": lambda _: (adapt(TableAdapter([pd.DataFrame(index=[1, 2])])), {"index": np.array([1, 2])}),
    "of_dask": lambda _: (
        adapt(TableAdapter([pd.DataFrame({"x": [1.5]})], lambda frame: dask.dataframe.from_pandas(frame, npartitions=1))),
        {"index": np.arange(1), "x": np.array([1.5])},
    ),
    "of_arrow": lambda _: (
        adapt(TableAdapter([pd.DataFrame({"x": [1.5]})], pa.Table.from_pandas)),
        {"index": np.arange(1), "x": np.array([1.5])},
    ),
    "container": lambda _: (adapt(ContainerAdapter(a=ContainerAdapter(b=ArrayAdapter(GRID)), c=GRID)), {"a": {"b": GRID}, "c": GRID}),
}


class TestTiled(Contract, cases=CASES): ...


def test_what_the_structure_tells():
    node = adapt(ArrayAdapter(GRID, chunks=((4, 2), (5, 5)), dims=("y", "x"), attributes={"unit": "m"}))
    assert (node.chunks, node.dimension_names, node.attributes) == ((4, 5), ("y", "x"), {"unit": "m"})
    assert (node.revision(), node.blocking) == (None, True)


def test_irregular_chunks_are_not_kept():
    assert adapt(ArrayAdapter(GRID, chunks=((1, 4, 1), (10,)))).chunks is None


def test_metadata_of_a_container():
    assert adapt(ContainerAdapter()).attributes == {"animal": "cat", "3": None}


def test_a_child_is_the_same_node_until_its_adapter_is_another():
    source = ContainerAdapter(a=ArrayAdapter(GRID))
    group = adapt(source)
    before = group.children["a"]
    assert group.children["a"] is before
    source["a"] = ArrayAdapter(GRID + 1)
    np.testing.assert_array_equal(group.children["a"].read((slice(0, 6), slice(0, 10))), GRID + 1)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (SimpleNamespace(structure_family=Family.awkward), "Zarr has no awkward arrays"),
        (SimpleNamespace(structure_family="ragged"), "Zarr has no ragged arrays"),
        (SimpleNamespace(structure_family="container"), "is no mapping of names to adapters"),
        (ArrayAdapter(np.array([{}])), "Python objects"),
    ],
    ids=["awkward", "ragged", "catalog", "objects"],
)
def test_unavailable(source, reason):
    with pytest.raises(Unavailable, match=reason):
        adapt(source)


@pytest.mark.parametrize(
    ("name", "error"),
    [("dangling", Damaged), ("gone", OSError), ("other", RuntimeError), ("missing", KeyError)],
)
def test_a_broken_child_raises_what_it_is(name, error):
    group = adapt(Broken(dangling=1, gone=2, other=3))
    assert list(group.children) == ["dangling", "gone", "other"]
    with pytest.raises(error):
        group.children[name]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda block: block.T[:1], "block of shape"),
        (lambda block: block.astype(float), "block of float64"),
        (lambda block: np.ma.masked_less(block, 100), "masked items"),
    ],
    ids=["shape", "dtype", "masked"],
)
def test_a_block_that_was_not_promised_raises(answer, reason):
    with pytest.raises(ValueError, match=reason):
        adapt(ArrayAdapter(GRID, answer)).read((slice(0, 6), slice(0, 10)))


def test_only_the_partitions_and_columns_needed_are_read():
    asked = []

    class Recording(TableAdapter):
        def read_partition(self, partition, fields=None):
            asked.append((partition, fields))
            return super().read_partition(partition, fields)

    table = adapt(Recording(FRAMES))
    column, index = table.children["text"], table.children["index"]
    asked.clear()
    column.read((slice(2, 3),))
    index.read((slice(1, 3),))
    assert asked == [(1, ["text"]), (0, ["a"]), (1, ["a"])]


@pytest.mark.parametrize(
    "later",
    [
        pd.DataFrame({"x": [1, 2, 3], "y": ["a", "b", "c"]}),
        pd.DataFrame({"x": [1.5, 2.5], "y": ["a", "b"]}),
    ],
    ids=["longer", "another_type"],
)
def test_a_table_that_changed_is_looked_at_anew(later):
    frames = [pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})]
    table = adapt(TableAdapter(frames))
    column = table.children["x"]
    frames[0] = later
    with pytest.raises(OSError, match="ask for its metadata again"):
        column.read((slice(0, 2),))
    again = table.children["x"]
    assert isinstance(again, Array)
    np.testing.assert_array_equal(again.read((slice(0, len(later)),)), later["x"].to_numpy())


def test_an_array_that_grows_in_place():
    adapter = ArrayAdapter(GRID[:1], chunks=((1,), (10,)))
    group = adapt({"a": adapter})
    before = group.children["a"]
    assert group.children["a"] is before
    grids = set()
    for count in range(1, 7):
        adapter.source = GRID[:count]
        adapter.chunks = ((count,), (10,)) if count < 4 else ((3, count - 3), (10,))
        node = group.children["a"]
        assert (node.shape, node.revision()) == ((count, 10), None)
        np.testing.assert_array_equal(node.read((slice(0, count), slice(0, 10))), GRID[:count])
        np.testing.assert_array_equal(before.read((slice(0, 1), slice(0, 10))), GRID[:1])
        grids.add(headers.chunk_grid(node, Options()).chunk_shape)
    assert len(grids) == 1


def test_a_new_adapter_for_an_array_that_has_grown():
    """As mappings give that make an adapter at each look-up."""
    source = {"a": None}
    group = adapt(source)
    grids = set()
    for count in range(1, 7):
        source["a"] = ArrayAdapter(GRID[:count], chunks=((count,) if count < 4 else (3, count - 3), (10,)))
        grids.add(headers.chunk_grid(group.children["a"], Options()).chunk_shape)
    assert len(grids) == 1


def test_chunks_that_an_adapter_has_several_of_are_kept():
    wide = np.zeros((300, 300))
    node = adapt(ArrayAdapter(wide, chunks=((100, 100, 100), (150, 150))))
    assert headers.chunk_grid(node, Options()).chunk_shape == (100, 150)


def test_another_type_or_rest_of_the_shape_is_another_array():
    adapter = ArrayAdapter(GRID)
    group = adapt({"a": adapter})
    assert group.children["a"].dtype == np.dtype("<i4")
    adapter.source = GRID.astype("<f8")[:, :5]
    node = group.children["a"]
    assert (node.shape, node.dtype, node.maxshape) == ((6, 5), np.dtype("<f8"), (None, 5))


@pytest.mark.parametrize(
    ("resizable", "maxshape"), [(False, (None, 10)), (True, (None, None)), ((False, True), (None, None)), (None, (None, 10))], ids=repr
)
def test_axes_that_may_grow(resizable, maxshape):
    class Resizable(ArrayAdapter):
        def structure(self):
            structure = super().structure()
            if resizable is not None:
                structure.resizable = resizable
            return structure

    assert adapt(Resizable(GRID)).maxshape == maxshape


def test_a_block_that_no_longer_fits_is_asked_for_again():
    adapter = ArrayAdapter(GRID)
    node = adapt({"a": adapter}).children["a"]
    adapter.source = GRID[:2]
    with pytest.raises(Changed):
        node.read((slice(0, 6), slice(0, 10)))


def test_metadata_are_those_of_the_moment():
    adapter = ArrayAdapter(GRID, attributes={"count": 1})
    node = adapt({"a": adapter}).children["a"]
    adapter.attributes["count"] = 2
    assert headers.own_attributes(node) == {"count": 2}


def test_a_sparse_array_that_grows_in_place():
    adapter = SparseAdapter(sparse.COO(COO.todense()[:2]))
    group = adapt({"a": adapter})
    before = group.children["a"]
    adapter.source = COO
    node = group.children["a"]
    assert (before.shape, node.shape) == ((2, 10), (6, 10))
    assert headers.chunk_grid(node, Options()).chunk_shape == headers.chunk_grid(before, Options()).chunk_shape


def test_a_table_that_gets_partitions():
    frames = FRAMES[:1]
    group = adapt({"t": TableAdapter(frames)})
    before = group.children["t"]
    assert group.children["t"] is before
    frames.append(pd.DataFrame({"a": [3, 4], "text": ["y", "z"], "flag": [True, False], "late": [None, None]}, index=[7, 8]))
    table = group.children["t"]
    assert table.children["index"].read((slice(0, 4),)).tolist() == [5, 6, 7, 8]
    grids = {headers.chunk_grid(one.children["index"], Options()).chunk_shape for one in (before, table)}
    assert len(grids) == 1


def test_values_of_a_table_are_live():
    frames = [pd.DataFrame({"x": [1, 2]})]
    column = adapt(TableAdapter(frames)).children["x"]
    frames[0] = pd.DataFrame({"x": [3, 4]})
    assert column.read((slice(0, 2),)).tolist() == [3, 4]


def test_a_nested_column_is_named():
    table = adapt(TableAdapter([pd.DataFrame({"x": [1], "nested": [[1, 2]]})]))
    assert list(table.children) == ["index", "x"]
    assert "Zarr has no such type" in table.unavailable()["nested"]
