import tomllib
from collections import UserDict
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import dask.array
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
import sparse
import xarray as xr

from tiled_zarr.adapters import adapt, file_adapter, open_file, registry, suffixes
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.nodes import Array, Damaged, Group, Unavailable
from tiled_zarr.resources import Resources

TABLE = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["entry-points"]["tiled_zarr.adapters"]
GRID = np.arange(6.0).reshape(2, 3)
SOURCES = {
    "numpy": (GRID, Array),
    "matrix": (GRID.view(np.matrix), Array),
    "masked": (np.ma.masked_equal(GRID, 3), Array),
    "numpy_scalar": (np.float32(3), Array),
    "int": (3, Array),
    "bool": (True, Array),
    "float": (3.5, Array),
    "complex": (1j, Array),
    "text": ("ä", Array),
    "bytes": (b"a", Array),
    "list": ([1, 2], Array),
    "dask": (dask.array.from_array(GRID), Array),
    "coo": (sparse.COO(GRID), "sparse"),
    "gcxs": (sparse.GCXS(GRID), "sparse"),
    "csr_array": (scipy.sparse.csr_array(GRID), "sparse"),
    "csc_matrix": (scipy.sparse.csc_matrix(GRID), "sparse"),
    "dok_array": (scipy.sparse.dok_array(GRID), "sparse"),
    "frame": (pd.DataFrame(GRID), "table"),
    "series": (pd.Series([1, 2]), "table"),
    "arrow_table": (pa.table({"a": [1]}), "table"),
    "record_batch": (pa.record_batch({"a": [1]}), "table"),
    "dataset": (xr.Dataset({"a": 1}), Group),
    "data_array": (xr.DataArray([1]), Group),
    "data_tree": (xr.DataTree(), Group),
    "dict": ({"a": 1}, Group),
    "mapping": (UserDict(a=1), Group),
    "tiled": (SimpleNamespace(structure_family="container", keys=dict), None),
}


@pytest.fixture
def table(monkeypatch):
    """The table of adapters, made from the entry points given."""

    def install(*entries):
        monkeypatch.setattr(registry, "entry_points", lambda group: [entry for entry in entries if entry.group == group])
        registry._table.cache_clear()
        registry._entry_of.cache_clear()

    yield install
    monkeypatch.undo()
    registry._table.cache_clear()
    registry._entry_of.cache_clear()


class Theirs(EntryPoint):
    dist = SimpleNamespace(name="theirs")


class Ours(EntryPoint):
    dist = SimpleNamespace(name="tiled-zarr")


def entry(kind, name, value):
    return kind(name=name, value=value, group="tiled_zarr.adapters")


def test_what_is_installed_is_the_table():
    assert {found.name: found.value for found in entry_points(group="tiled_zarr.adapters")} == TABLE


@pytest.mark.parametrize("name", [*TABLE, *registry.BY_NATURE])
def test_every_adapter_loads(name):
    assert callable(registry._load(registry._table()[name]))


@pytest.mark.parametrize("name", [name for name in SOURCES if SOURCES[name][1]])
def test_a_type_has_its_node(name):
    source, kind = SOURCES[name]
    node = adapt(source)
    if kind in ("table", "sparse"):
        assert (isinstance(node, Group) and node.kind == "table") if kind == "table" else (isinstance(node, Array) and node.is_sparse)
    else:
        assert type(node) is kind
        assert not node.is_sparse if kind is Array else node.kind != "table"


def test_a_tiled_adapter_is_known_by_what_it_does():
    with pytest.raises(Unavailable, match="no mapping of names to adapters"):
        adapt(SOURCES["tiled"][0])


def test_a_node_is_itself():
    node = Group(children={})
    assert adapt(node) is node


def test_metadata_are_added_to_the_attributes(tmp_path):
    np.save(tmp_path / "t.npy", GRID)
    assert adapt(Group(children={}, attributes={"a": 1, "b": 1}), {"b": 2}).attributes == {"a": 1, "b": 2}
    assert adapt(GRID, {"a": 1}).attributes == {"a": 1}
    assert open_file(tmp_path / "t.npy", {"a": 1}).attributes == {"a": 1}


@pytest.mark.parametrize("source", [object(), {1, 2}, Path(), lambda: 1], ids=["object", "set", "path", "function"])
def test_what_has_no_place_is_unavailable(source):
    with pytest.raises(Unavailable, match=r"no adapter for .*; turn it into"):
        adapt(source)


@pytest.mark.parametrize(
    ("name", "adapter"),
    [
        ("a.h5", "open_hdf5"),
        ("a.h5ad", "open_hdf5"),
        ("a.NWB", "open_hdf5"),
        ("A.H5", "open_hdf5"),
        ("a.b.tif", "open_tiff"),
        ("a.ome.tif", "open_tiff"),
        ("a.csv.gz", "open_csv"),
        ("a.gz", None),
        ("a", None),
        ("csv", None),
        ("a.h5.bak", None),
        ("", None),
    ],
)
def test_a_file_is_known_by_its_suffix(name, adapter):
    found = file_adapter(Path(name))
    assert (found and found.__name__) == adapter


def test_a_folder_needs_no_suffix(tmp_path):
    np.save(tmp_path / "t.npy", GRID)
    group = open_file(tmp_path)
    assert isinstance(group, Group)
    assert list(group.children) == ["t"]


def test_an_unknown_suffix_names_those_that_are_known(tmp_path):
    with pytest.raises(Unavailable, match=r"suffix of 't\.xyz'; known are .*\.h5"):
        open_file(tmp_path / "t.xyz")


def test_the_longest_suffix_wins(table):
    table(entry(Ours, ".gz", "builtins:bytes"), entry(Ours, ".csv.gz", "builtins:str"))
    assert (file_adapter(Path("t.csv.gz"))(2), file_adapter(Path("t.gz"))(2), suffixes()) == ("2", bytes(2), {".gz", ".csv.gz"})


@pytest.mark.parametrize("order", [1, -1], ids=["ours_first", "theirs_first"])
def test_another_distribution_replaces_ours(table, order):
    table(*[entry(Ours, ".x", "builtins:bytes"), entry(Theirs, ".x", "builtins:str")][::order])
    assert file_adapter(Path("t.x"))(2) == "2"


def test_a_base_class_will_do(table):
    class Base:
        pass

    class Derived(Base):
        pass

    table(entry(Theirs, f"{Base.__module__}.{Base.__qualname__}", "tiled_zarr.nodes:Unavailable"))
    with pytest.raises(Unavailable, match="no adapter for"):
        adapt(object())
    assert isinstance(adapt(Derived()), Unavailable)


def test_a_missing_package_is_named(table):
    table(entry(Theirs, "builtins.set", "no_such_package:adapt"))
    with pytest.raises(Damaged, match="needs the package 'no_such_package', which is not installed"):
        adapt({1})


def of_one(source):
    """An adapter of a third party, as it was before there were resources."""
    return Group(children={}, attributes={"adapted": str(source)})


def of_two(source, resources=None):
    """An adapter that shares what the application shares."""
    return Group(children={}, attributes={"adapted": str(source), "has": resources is not None}, kin=resources)


def of_another_two(source, options=None):
    """Its second parameter is its own."""
    return Group(children={}, attributes={"adapted": str(source), "has": options is not None})


@pytest.mark.parametrize("adapter", [of_one, of_two, of_another_two], ids=lambda adapter: adapter.__name__)
def test_an_adapter_gets_resources_if_it_asks_for_them(table, tmp_path, adapter):
    table(entry(Theirs, ".x", f"{__name__}:{adapter.__name__}"), entry(Theirs, "builtins.set", f"{__name__}:{adapter.__name__}"))
    (tmp_path / "a.x").touch()
    resources, wants = Resources.of(), adapter is of_two
    for node in (
        adapt({1}, resources=resources),
        open_file(tmp_path / "a.x", resources=resources),
        open_directory(tmp_path, resources).children["a"],
    ):
        assert node.attributes.get("has", False) is wants
        assert node.kin is (resources if wants else None)
    for node in (adapt({1}), open_file(tmp_path / "a.x"), file_adapter(tmp_path / "a.x")(tmp_path / "a.x")):
        assert node.attributes.get("has", False) is False


def test_files_that_one_function_opens_are_of_one_kind(table):
    table(*[entry(Theirs, suffix, f"{__name__}:of_one") for suffix in (".x", ".y")], entry(Theirs, ".z", f"{__name__}:of_two"))
    x, y, z = (file_adapter(Path(f"a.{suffix}")) for suffix in "xyz")
    assert x is y is not z


def test_every_adapter_of_files_takes_resources():
    openers = {found.value: found.load() for found in entry_points(group="tiled_zarr.adapters") if found.name.startswith(".")}
    assert {value for value, opener in openers.items() if [*signature(opener).parameters][1:2] != ["resources"]} == set()
