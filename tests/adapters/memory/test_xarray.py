import datetime as dt

import dask.array
import numpy as np
import pandas as pd
import pytest
import sparse
import xarray as xr
from xarray.backends import BackendArray
from xarray.core.indexing import IndexingSupport, LazilyIndexedArray, explicit_indexing_adapter

from tiled_zarr import Array
from tiled_zarr.adapters import adapt
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.nodes import Unavailable
from tiled_zarr.revisions import launch_nonce
from tiled_zarr.stores import KeySpaceStore
from tiled_zarr.testing import Contract

GRID = np.arange(12, dtype="<f4").reshape(3, 4)
TIMES = np.array(["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"], "<M8[ns]")
SIMPLE = xr.Dataset(
    {"grid": (("y", "x"), GRID), "flags": ("y", [True, False, True])},
    {"x": [1, 2, 3, 4]},
    {"title": "simple", "version": 3},
)
COORDINATES = xr.Dataset(
    {"grid": (("y", "x"), GRID, {"units": "m"}), "count": (("y", "x"), np.zeros((3, 4), "<i8"))},
    {
        "time": ("x", TIMES),
        "lat": (("y", "x"), GRID + 40),
        "lon": (("y", "x"), GRID - 90),
        "height": 2.5,
        "name": ("y", ["a", "ä", ""]),
        "x": TIMES,
    },
)
TYPES = xr.Dataset(
    {
        **{f"type_{dtype}": ("x", np.arange(4).astype(dtype)) for dtype in ("i1", "u2", "i8", "f2", "f4", "f8", "c8")},
        "fixed": ("x", np.array(["a", "bc", "", "é"])),
        "texts": ("x", np.array(["a", "longer", " ", "é"], object)),
        "with_nan": ("x", [0.0, np.nan, 1.0, -1.0]),
        "with_nat": ("x", np.array(["2026-11-23", "NaT", "1969-01-01", "2000-01-01"], "<M8[ns]")),
        "spans": ("x", np.array([1, 2, -3, 4], "<m8[ns]")),
        "scalar": 42,
        "big_endian": ("x", np.arange(4, dtype=">i4")),
    }
)
CHUNKED = xr.Dataset({"grid": (("y", "x"), dask.array.from_array(GRID, (2, 4)))}, {"x": [1, 2, 3, 4]})
EMPTY = xr.Dataset({"nothing": ("x", np.empty(0))}, attrs={"empty": True})
TREE = xr.DataTree.from_dict({"/": SIMPLE, "/inner": xr.Dataset({"b": ("x", [1, 2, 3, 4])}), "/inner/leaf": xr.Dataset({"c": 1.5})})
DATASETS = {"simple": SIMPLE, "coordinates": COORDINATES, "types": TYPES, "chunked": CHUNKED, "empty": EMPTY}


def truth(dataset):
    return {str(name): variable.to_numpy() for name, variable in dataset.variables.items()}


class File(BackendArray):
    """A grid in a file, and the regions that were read of it."""

    shape = GRID.shape
    dtype = GRID.dtype

    def __init__(self):
        self.read = []

    def __getitem__(self, key):
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.BASIC, self._read)

    def _read(self, key):
        self.read.append(key)
        return GRID[key]


def unloaded(file, **encoding):
    return xr.Dataset({"grid": xr.Variable(("y", "x"), LazilyIndexedArray(file), encoding=encoding)})


CASES = {
    **{name: lambda _, dataset=dataset: (adapt(dataset), truth(dataset)) for name, dataset in DATASETS.items()},
    "unloaded": lambda _: (adapt(unloaded(File())), {"grid": GRID}),
    "data_array": lambda _: (adapt(COORDINATES["grid"]), truth(COORDINATES["grid"].to_dataset())),
    "nameless": lambda _: (adapt(xr.DataArray(GRID)), {"data": GRID}),
    "coordinate": lambda _: (adapt(SIMPLE["x"]), {"x": SIMPLE["x"].to_numpy()}),
    "tree": lambda _: (adapt(TREE), {**truth(SIMPLE), "inner": {"b": np.arange(1, 5), "leaf": {"c": np.array(1.5)}}}),
    "names_that_are_no_text": lambda _: (adapt(xr.Dataset({3: ((0,), [1, 2])})), {"3": np.array([1, 2])}),
}


class TestDatasets(Contract, cases=CASES): ...


@pytest.mark.parametrize("format_", [v2, v3], ids=["v2", "v3"])
@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS.keys())
@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning", "ignore:Consolidated metadata is currently")
def test_xarray_finds_the_same_dataset(dataset, format_):
    store = KeySpaceStore(KeySpace(adapt(dataset), format_))
    served = xr.open_zarr(store, chunks=None, zarr_format=2 if format_ is v2 else 3).load()
    xr.testing.assert_identical(served, dataset.compute())
    assert {name: variable.dtype.kind for name, variable in served.variables.items() if name != "texts"} == {
        name: variable.dtype.kind for name, variable in dataset.variables.items() if name != "texts"
    }


@pytest.mark.parametrize("format_", [v2, v3], ids=["v2", "v3"])
@pytest.mark.filterwarnings("ignore:Consolidated metadata is currently")
def test_xarray_finds_the_same_tree(format_):
    store = KeySpaceStore(KeySpace(adapt(TREE), format_))
    xr.testing.assert_identical(xr.open_datatree(store, engine="zarr", chunks=None, zarr_format=2 if format_ is v2 else 3).load(), TREE)


def test_axes_and_attributes_are_the_variables_own():
    node = adapt(COORDINATES).children["grid"]
    assert (node.dimension_names, node.attributes) == (("y", "x"), {"units": "m"})
    assert adapt(COORDINATES).attributes == {"coordinates": "time lat lon height name"}
    assert adapt(SIMPLE).attributes == {"title": "simple", "version": 3}


def test_chunks_are_those_of_dask():
    assert adapt(CHUNKED).children["grid"].chunks == (2, 4)


def test_a_sparse_variable_stays_sparse():
    node = adapt(xr.Dataset({"s": ("x", sparse.COO(np.eye(3)[0]))})).children["s"]
    assert isinstance(node, Array)
    assert node.is_sparse
    assert node.dimension_names == ("x",)


def test_times_of_another_calendar_are_numbers_with_units():
    times = xr.date_range("2001-02-26", periods=4, calendar="noleap", use_cftime=True)
    node = adapt(xr.Dataset(coords={"time": times})).children["time"]
    assert node.dtype.kind == "i"
    assert node.attributes == {"units": "days since 2001-02-26 00:00:00.000000", "calendar": "noleap"}


def test_missing_text_is_empty():
    node = adapt(xr.Dataset({"t": ("x", np.array(["a", None], object))})).children["t"]
    assert node.read((slice(0, 2),)).tolist() == ["a", ""]


@pytest.mark.parametrize("items", [[{}, {}], [1, "a"], [dt.date(2026, 1, 1), None]], ids=["dicts", "mixed", "dates"])
def test_other_objects_are_unavailable(items):
    values = np.empty(2, object)
    values[:] = items
    with pytest.raises(Unavailable, match="a variable of objects"):
        adapt(xr.Dataset({"o": ("x", values)})).children["o"]


def pandas_types() -> xr.Dataset:
    """Variables of types that numpy has not, and one that Zarr has not either."""
    columns = {
        "category": pd.Categorical(["b", "a", "b"]),
        "missing": pd.Categorical(["x", None, "y"]),
        "numbered": pd.Categorical([10, 20, 10]),
        "nullable": pd.array([1, None, 3], "Int64"),
        "flags": pd.array([True, None, False], "boolean"),
        "zone": pd.date_range("2020", periods=3, tz="Asia/Kolkata"),
        "interval": pd.interval_range(0, 3),
    }
    variables = {name: ("x", values, {"long_name": name}) for name, values in columns.items()}
    return xr.Dataset({**variables, "plain": ("x", [1, 2, 3])}, {"label": ("x", pd.Categorical(["p", "q", "p"]))}, {"title": "types"})


def test_one_variable_of_pandas_types_does_not_take_its_dataset_away():
    group = adapt(pandas_types())
    column = {name: group.children[name] for name in group.children if name != "interval"}
    values = {name: node.read((slice(0, 3),)) for name, node in column.items()}
    assert values["category"].tolist() == ["b", "a", "b"]
    assert values["missing"].tolist() == ["x", "", "y"]
    assert values["numbered"].tolist() == [10, 20, 10]
    np.testing.assert_array_equal(values["nullable"], [1, np.nan, 3])
    assert values["flags"].tolist() == [1, 255, 0]
    zone = np.array(["2019-12-31T18:30", "2020-01-01T18:30", "2020-01-02T18:30"], "M8[s]")
    assert (values["zone"] == zone).all()  # in ns by pandas 2, in us by pandas 3
    assert values["label"].tolist() == ["p", "q", "p"]
    assert column["flags"].attributes == {"long_name": "flags", "tiled_zarr": {"source_type": "bool", "null": 255}}
    assert {node.dimension_names for node in column.values()} == {("x",)}
    assert group.blocking


@pytest.mark.parametrize("format_", [v2, v3], ids=["v2", "v3"])
@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning", "ignore:Consolidated metadata is currently")
def test_xarray_opens_the_rest_of_a_dataset(format_):
    store = KeySpaceStore(KeySpace(adapt(pandas_types()), format_))
    served = xr.open_zarr(store, chunks=None, zarr_format=2 if format_ is v2 else 3).load()
    assert list(served.attrs["tiled_zarr"]["unavailable"]) == ["interval"]
    assert set(served.variables) == set(pandas_types().variables) - {"interval"}
    assert served["category"].to_numpy().tolist() == pandas_types()["category"].to_numpy().tolist()
    assert "label" in served.coords


def test_levels_of_an_index_are_variables():
    index = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["letter", "number"])
    group = adapt(xr.Dataset(coords=xr.Coordinates.from_pandas_multiindex(index, "x")))
    assert group.children["number"].read((slice(0, 4),)).tolist() == [1, 2, 1, 2]
    with pytest.raises(Unavailable):
        group.children["x"]


def test_a_file_is_read_by_regions():
    file = File()
    group = adapt(unloaded(file, chunksizes=(2, 2)))
    node = group.children["grid"]
    np.testing.assert_array_equal(node.read((slice(1, 2), slice(0, 2))), GRID[1:2, :2])
    assert file.read == [(slice(1, 2, 1), slice(0, 2, 1))]
    assert (node.chunks, node.blocking, group.revision()) == ((2, 2), True, launch_nonce())


def test_the_revision_of_a_file(tmp_path):
    path = tmp_path / "t.nc"
    path.write_bytes(b"1")
    node = adapt(unloaded(File(), source=str(path))).children["grid"]
    before = node.revision()
    path.write_bytes(b"22")
    assert node.revision() != before


@pytest.mark.parametrize("encoding", [{}, {"source": "http://host/t.nc"}], ids=["no_file", "remote"])
def test_what_nobody_can_tell_has_no_revision(encoding):
    assert adapt(unloaded(File(), **encoding)).children["grid"].revision() is None
