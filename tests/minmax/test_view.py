"""The tree as min/max levels, as zarr-python reads it in process."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray
import zarr

from minmax.twins import extremes, node_of, stores
from tiled_zarr import Array, Group, Sparse, Table, minmax
from tiled_zarr import open as opened
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.nodes import Node
from tiled_zarr.stores import KeySpaceStore

FORMATS = pytest.mark.parametrize("format_", [v2, v3], ids=["v2", "v3"])
pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning", "ignore:Consolidated metadata is currently")
LENGTH = 130_001
TIMES = np.datetime64("2026-11-27", "ns") + np.arange(LENGTH) * np.timedelta64(1, "s")
NUMBERS = np.random.default_rng(5).normal(size=LENGTH)


def open_root(tree: Group, format_: ModuleType) -> zarr.Group:
    space = KeySpace(minmax.view(tree, stores()), format_)
    return zarr.open_group(KeySpaceStore(space), mode="r", zarr_format=2 if format_ is v2 else 3)


def assert_is_line(group: zarr.Group, values: np.ndarray, mark: Any = None) -> None:
    said = group.attrs["tiled_zarr"]["minmax"]
    assert said["length"] == len(values)
    assert [level["factor"] for level in said["levels"]] == [64, 128]
    assert said["sampled"] == []
    assert sorted(group.keys()) == [level["path"] for level in said["levels"]]
    for level in said["levels"]:
        array, expected = group[level["path"]], extremes(values, level["factor"], mark)
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array[:], expected)


LINES = {
    **{name: (np.arange(LENGTH) % 101).astype(name) for name in ("u1", "<u2", ">u4", "<u8", "i1", ">i2", "<i4", "<i8", "<f2", ">f4")},
    "bool": np.arange(LENGTH) > LENGTH // 2,
    "NaN": np.where(np.arange(LENGTH) // 100 % 2, NUMBERS, np.nan),
    "times": np.where(np.arange(LENGTH) // 100 % 2, TIMES, np.datetime64("NaT", "ns")),
    "spans": TIMES - TIMES[0],
}


@FORMATS
@pytest.mark.parametrize("name", LINES)
def test_lines_of_any_type(format_: ModuleType, name: str) -> None:
    root = open_root(Group(children={"a": Group(children={"line": node_of(LINES[name])})}), format_)
    assert_is_line(root["a/line"], LINES[name])


@FORMATS
@pytest.mark.parametrize(
    ("values", "fields", "mark"),
    {
        "the source's": (np.where(NUMBERS > 0, -9, 5).astype("i2"), {"attributes": {"_FillValue": -9}}, -9),
        "of floats": (np.where(NUMBERS > 0, -9.0, NUMBERS), {"attributes": {"_FillValue": -9.0}}, -9.0),
        "CF's older one": (np.where(NUMBERS > 0, 77, 5).astype("u1"), {"attributes": {"missing_value": 77}}, 77),
        "a column's null": (np.where(NUMBERS > 0, 255, 1).astype("u1"), {"attributes": {"tiled_zarr": {"null": 255}}}, 255),
        "a whole bin's": (np.repeat(np.array([3, 4, 3], "u4"), LENGTH // 3 + 1)[:LENGTH], {"mark": np.uint32(4)}, 4),
    }.values(),
    ids=["the source's", "of floats", "CF's older one", "a column's null", "a whole bin's"],
)
def test_marks_do_not_count(format_: ModuleType, values: np.ndarray, fields: dict[str, Any], mark: Any) -> None:
    assert_is_line(open_root(Group(children={"line": node_of(values, **fields)}), format_)["line"], values, mark)


@FORMATS
def test_two_marks_do_not_count(format_: ModuleType) -> None:
    """The level has the first of them: it stands for bins that have neither another value."""
    values = np.repeat(np.array([3, -9, 77, 5], "i2"), LENGTH // 4 + 1)[:LENGTH]
    node = node_of(values, mark=np.int16(-9), attributes={"missing_value": [77]})
    assert_is_line(open_root(Group(children={"line": node}), format_)["line"], np.where(values == 77, np.int16(-9), values), -9)


@FORMATS
def test_what_is_no_line_is_absent(format_: ModuleType) -> None:
    children: dict[str, Node] = {
        "line": node_of(NUMBERS),
        "image": node_of(np.zeros((5, 5))),
        "scalar": node_of(np.zeros(())),
        "text": node_of(np.zeros(5, "U3")),
        "complex": node_of(np.zeros(5, "c8")),
        "sparse": Sparse((5,), np.dtype("f8"), lambda: (np.zeros((1, 0), "i8"), np.zeros(0))),
    }
    root = open_root(Group(children=children, attributes={"a": 1}), format_)
    assert list(root.keys()) == ["line"]
    assert root.attrs["a"] == 1


@FORMATS
def test_short_lines_are_groups_without_levels(format_: ModuleType) -> None:
    root = open_root(Group(children={"none": node_of(np.zeros(0)), "few": node_of(np.zeros(128_000))}), format_)
    for name, length in (("none", 0), ("few", 128_000)):
        assert root[name].attrs["tiled_zarr"]["minmax"] == {"length": length, "levels": [], "sampled": []}


@FORMATS
def test_attributes_stay_beside_the_levels(format_: ModuleType) -> None:
    node = node_of(NUMBERS, attributes={"units": "m", "tiled_zarr": {"axes": "x"}}, dimension_names=("time",))
    group = open_root(Group(children={"line": node}), format_)["line"]
    assert group.attrs["units"] == "m"
    assert group.attrs["tiled_zarr"]["axes"] == "x"
    store = KeySpaceStore(KeySpace(minmax.view(Group(children={"line": node}), stores()), format_))
    dataset = xarray.open_zarr(store, group="line", consolidated=False, zarr_format=2 if format_ is v2 else 3)
    assert dict(dataset.sizes) == {"time_64": 2032, "time_128": 1016, "minmax": 2}


def parquet(folder: Path, frame: pd.DataFrame) -> Node:
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), folder / "table.parquet", row_group_size=30_000)
    return opened(folder / "table.parquet")


def csv(folder: Path, frame: pd.DataFrame) -> Node:
    frame.to_csv(folder / "table.csv", index=False)
    return opened(folder / "table.csv")


def hdf5(folder: Path, frame: pd.DataFrame) -> Node:
    with h5py.File(folder / "table.h5", "w") as file:
        for name in frame:
            file.create_dataset(str(name), data=frame[name].to_numpy(), chunks=(7000,), compression="gzip")
    return opened(folder / "table.h5")


def records(folder: Path, frame: pd.DataFrame) -> Node:
    np.save(folder / "records.npy", frame.to_records(index=False))
    return opened(folder / "records.npy")


def in_memory(_: Path, frame: pd.DataFrame) -> Node:
    return opened({"table": frame})


def found(node: Node, name: str) -> Group:
    """The group that has a child of this name, at any depth."""
    assert isinstance(node, Group)
    if name in node.children:
        return node
    return found(next(iter(node.children.values())), name)


@pytest.mark.parametrize("make", [parquet, csv, hdf5, records, in_memory])
def test_columns_wherever_they_lie(make: Callable[[Path, pd.DataFrame], Node], tmp_path: Path) -> None:
    frame = pd.DataFrame({"count": np.arange(LENGTH) * 7 % 1000, "height": NUMBERS.round(3)})
    frame.loc[3::50, "height"] = np.nan
    shown = minmax.view(Group({"top": make(tmp_path, frame)}), stores())
    root = zarr.open_group(KeySpaceStore(KeySpace(found(shown, "count"), v3)), mode="r", zarr_format=3)
    assert_is_line(root["count"], frame["count"].to_numpy())
    assert_is_line(root["height"], frame["height"].to_numpy())


def test_nulls_of_parquet_do_not_count(tmp_path: Path) -> None:
    flags = [None if i % 3 else i < 1000 for i in range(LENGTH)]
    times = pd.Series(TIMES).where(np.arange(LENGTH) % 2 == 0)
    pq.write_table(pa.table({"flag": flags, "time": times}), tmp_path / "a.parquet")
    root = open_root(Group({"t": opened(tmp_path / "a.parquet")}), v3)["t"]
    assert_is_line(root["flag"], np.array([255 if flag is None else flag for flag in flags], "u1"), 255)
    assert_is_line(root["time"], times.to_numpy())


COUNT = 100
COLUMNS = {
    "signed": pa.array(range(-50, 50)),
    "unsigned": pa.array([2**64 - 1 - 7 * i for i in range(COUNT)], pa.uint64()),
    "floats": pa.array([None if i % 9 == 0 else float("nan") if i % 7 == 0 else i / 3 for i in range(COUNT)]),
    "half floats": pa.array(np.arange(COUNT, dtype="f2")),
    "flags": pa.array([i < 40 for i in range(COUNT)]),
    "nulls": pa.array([None if i < 35 or i % 2 else i for i in range(COUNT)]),
    "decimals": pa.array([Decimal(i).scaleb(-2) for i in range(COUNT)], pa.decimal128(9, 2)),
    "days": pa.array(range(COUNT), pa.date32()),
    "times": pa.array(TIMES[:COUNT]),
    "times in a zone": pa.array(TIMES[:COUNT].astype("M8[us]"), pa.timestamp("us", "Europe/Paris")),
    "spans": pa.array(range(COUNT), pa.duration("s")),
    "hours": pa.array(range(COUNT), pa.time64("us")),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_statistics_of_parquet_are_those_of_its_rows(name: str, tmp_path: Path) -> None:
    """Half floats have none that pyarrow reads."""
    pq.write_table(pa.table({"a": COLUMNS[name]}), tmp_path / "a.parquet", row_group_size=30)
    node = opened(tmp_path / "a.parquet").children["a"]
    assert isinstance(node, Array)
    assert node.dense.extremes is not None
    stored = node.dense.extremes()
    assert (stored is None) == (name == "half floats")
    if stored is not None:
        starts, pairs = stored
        assert starts.tolist() == [0, 30, 60, 90]
        values = node.read((slice(0, COUNT),))
        nat = np.datetime64("NaT") if values.dtype.kind == "M" else None
        expected = [extremes(values[first : first + 30], 30, nat)[0] for first in starts]
        np.testing.assert_array_equal(pairs.astype(expected[0].dtype), np.array(expected))


def test_parquet_without_statistics_has_none(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": NUMBERS, "b": NUMBERS}), tmp_path / "a.parquet", row_group_size=30_000, write_statistics=["a"])
    children = opened(tmp_path / "a.parquet").children
    assert children["a"].dense.extremes() is not None
    assert children["b"].dense.extremes() is None


def test_tables_are_no_tables_here() -> None:
    """Their children are groups, not columns."""
    shown = minmax.view(Group({"t": Table(children={"a": node_of(NUMBERS)})}), stores()).children["t"]
    assert isinstance(shown, Group)
    assert shown.kind == "source"
    assert shown.children["a"] is shown.children["a"]
