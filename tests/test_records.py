"""Records that are no array in Zarr are groups of their fields.

zarr-python reads these fields as numpy has them.
"""

from __future__ import annotations

import gc
import json
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from strategies import array_node, scalars
from tiled_zarr import Array, Group, Unavailable, records
from tiled_zarr.hierarchy import names, v2, v3
from tiled_zarr.hierarchy.keyspace import Chunk, KeySpace
from tiled_zarr.hierarchy.metadata import Config
from tiled_zarr.nodes import Dense, Options, Revision
from tiled_zarr.stores import KeySpaceStore, value

FORMATS = pytest.mark.parametrize("format_", [v2, v3], ids=["v2", "v3"])
pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning", "ignore:Consolidated metadata is currently")

ARRAYS = np.array(
    [(1, [1, 2, 3], [[1, 2], [3, 4]]), (2, [4, 5, 6], [[5, 6], [7, 8]])], [("id", "u1"), ("v", ">f4", 3), ("m", "i2", (2, 2))]
)
NESTED = np.array([((1, 2), True), ((3, 4), False)], [("z", [("re", "f4"), ("im", "f4")]), ("ok", "?")])
FLAT = np.array([(1, "a", 2.5), (2, "bb", 3.5)], [("i", "i4"), ("s", "U4"), ("f", "f8")])
DEEP = np.zeros((2, 3), [("a", [("b", [("c", "i2", 2)], (3,)), ("d", "S3")], 2)])
DEEP["a"]["b"]["c"] = np.arange(72).reshape(2, 3, 2, 3, 2)
DEEP["a"]["d"] = b"xy"
PADDED = np.array([(1, (1, 2), "2026-01-01"), (0, (3, 4), "NaT")], np.dtype([("f", "?"), ("p", ">f8", 2), ("t", "M8[s]")], align=True))
TEXTS = np.array([(1, "ä"), (2, "")], [("n", "i4"), ("text", object)])
NO_AXES = np.array((7, [1.5, 2.5]), [("a", "i4"), ("b", "f8", 2)])
ODD_NAMES = np.array([(1, 2, 3, [4])], [("a b", "i4"), ("größe", "i4"), ("x/y", "i4"), ("zarr.json", "i4", 1)])
RECORDS = {
    "arrays": ARRAYS,
    "nested": NESTED,
    "deep": DEEP,
    "padded": PADDED,
    "texts": TEXTS,
    "no_axes": NO_AXES,
    "odd_names": ODD_NAMES,
    "no_items": ARRAYS[:0],
}


def open_root(tree: Group, format_: ModuleType, config: Config | None = None) -> zarr.Group:
    """Through the consolidated document of the whole tree."""
    found = zarr.open_consolidated(KeySpaceStore(KeySpace(tree, format_, config)), mode="r", zarr_format=2 if format_ is v2 else 3)
    assert found.metadata.consolidated_metadata is not None
    return found


def assert_fields(found: zarr.Group, values: np.ndarray[Any, Any]) -> None:
    assert sorted(found.keys()) == sorted(map(names.wire, values.dtype.names))
    assert found.attrs["tiled_zarr"]["record"] == list(values.dtype.names)
    for name in values.dtype.names:
        field, read = values[name], found[names.wire(name)]
        if field.dtype.names:
            assert_fields(read, field)
        else:
            assert read.shape == field.shape
            assert field.dtype.kind == "O" or read.dtype == field.dtype.newbyteorder("<")
            np.testing.assert_array_equal(np.asarray(read[...]).astype(field.dtype), field)


@FORMATS
@pytest.mark.parametrize("values", RECORDS.values(), ids=RECORDS.keys())
def test_a_whole_tree_opens_and_fields_are_equal(format_: ModuleType, values: np.ndarray[Any, Any]) -> None:
    tree = Group(children={"record": array_node(values, attributes={"unit": "mm"}), "beside": array_node(FLAT)})
    root = open_root(tree, format_)
    assert root["record"].attrs["unit"] == "mm"
    assert_fields(root["record"], values)
    np.testing.assert_array_equal(root["beside"][...], FLAT)


fields = st.one_of(
    scalars, st.builds(lambda kind, shape: np.dtype((kind, shape)), scalars, npst.array_shapes(max_dims=2, min_side=0, max_side=3))
)
any_record = st.recursive(
    fields,
    lambda inner: st.builds(
        lambda kinds, align: np.dtype([(f"f{i}", kind) for i, kind in enumerate(kinds)], align=align),
        st.lists(inner, min_size=1, max_size=3),
        st.booleans(),
    ),
    max_leaves=6,
).filter(lambda kind: kind.names and not records.is_flat(kind))


@FORMATS
@given(dtype=any_record, shape=npst.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=5), data=st.data())
def test_any_record(format_: ModuleType, dtype: np.dtype, shape: tuple[int, ...], data: st.DataObject) -> None:
    count = int(np.prod(shape)) * dtype.itemsize
    values = np.frombuffer(data.draw(st.binary(min_size=count, max_size=count)), "u1").copy().view("u1")
    record = np.zeros(shape, dtype)
    fill(record, iter(values.tolist()))
    chunks = tuple(data.draw(st.integers(1, max(1, size))) for size in shape)
    node = array_node(record, chunks or None)
    assert_fields(open_root(Group(children={"a": node}), format_)["a"], record)


def fill(block: np.ndarray[Any, Any], numbers: Any) -> None:
    """Numbers in every field."""
    for name in block.dtype.names or ():
        fill(block[name], numbers)
    if block.dtype.names is None and block.size:
        items = np.array([next(numbers, 0) for _ in range(block.size)], "u1").reshape(block.shape)
        block[...] = (items % 2).astype(bool) if block.dtype.kind == "b" else items.astype("i8").astype(block.dtype)


@pytest.mark.parametrize("values", [FLAT, np.zeros(3)], ids=["flat", "no_record"])
def test_what_both_formats_can_hold_stays_an_array(values: np.ndarray[Any, Any]) -> None:
    node = array_node(values)
    assert records.Shown().of(node) is node


def test_the_group_is_the_same_while_it_is_used_and_forgotten_afterwards() -> None:
    node = array_node(ARRAYS)
    shown = records.Shown()
    group = shown.of(node)
    assert shown.of(node) is group
    del group, node
    gc.collect()
    assert len(shown._groups) == 0


WIDE = np.dtype([("id", "i4"), ("mean", "f8"), ("extended", "f16"), ("v", "f4", 2)])


@FORMATS
def test_fields_that_zarr_has_no_type_for_are_named(format_: ModuleType) -> None:
    root = open_root(Group(children={"a": array_node(np.zeros(3, WIDE))}), format_)
    assert sorted(root["a"].keys()) == ["id", "mean", "v"]
    assert root["a"].attrs["tiled_zarr"]["unavailable"] == {
        "extended": "Zarr has no type for numpy's float128; convert it, for example with .astype('f8')"
    }


@pytest.mark.parametrize("dtype", [np.dtype([("a", "f16"), ("b", "V3")]), np.dtype([])], ids=["no_field", "no_fields"])
def test_a_record_without_a_field_that_can_be_shown_is_unavailable(dtype: np.dtype) -> None:
    keyspace = KeySpace(Group(children={"a": array_node(np.zeros(3, dtype))}), v3)
    assert keyspace.resolve("a/zarr.json") is None
    assert "a" in json.loads(value(keyspace, "zarr.json"))["attributes"]["tiled_zarr"]["unavailable"]


def test_what_the_array_says_of_itself_is_kept() -> None:
    revised: list[Any] = []

    def of_region(region: Any) -> str:
        revised.append(region)
        return "r"

    node = Array(
        shape=(6, 4),
        dtype=ARRAYS.dtype,
        source=Dense(
            lambda region: np.zeros((6, 4), ARRAYS.dtype)[region],
            lambda region, steps: np.zeros((6, 4), ARRAYS.dtype)[
                tuple(slice(part.start, part.stop, step) for part, step in zip(region, steps, strict=True))
            ],
            unit=(1, 4),
        ),
        chunks=(2, 4),
        dimension_names=("y", "x"),
        revision=Revision(lambda: "1", of_region),
        options=Options(codec="zstd:1", chunk_shape=(3, 2)),
    )
    group = records.as_group(node)
    matrix = group.children["m"]
    assert isinstance(matrix, Array)
    assert (matrix.shape, matrix.dtype, matrix.blocking) == ((6, 4, 2, 2), np.dtype("i2"), True)
    assert (matrix.chunks, matrix.source.unit, matrix.options.chunk_shape) == ((2, 4, 2, 2), (1, 4, 2, 2), (3, 2, 2, 2))
    assert (matrix.dimension_names, matrix.options.codec) == (("y", "x", None, None), "zstd:1")
    assert (matrix.revision(), group.revision(), group.blocking) == ("1", "1", False)
    region = (slice(0, 2), slice(1, 3), slice(0, 1), slice(0, 2))
    assert matrix.revision(region) == "r"
    assert revised == [region[:2]]
    assert matrix.source.read_stepped is not None
    assert matrix.source.read_stepped(region, (2, 1, 1, 2)).shape == (1, 2, 1, 1)


def test_a_chunk_counts_and_reads_whole_records_once() -> None:
    """A megabyte of records at a time, not of the field: a wide record would be gigabytes."""
    dtype = np.dtype([("a", "u1"), ("rest", "f8", 1000)])
    values, read = np.zeros(10_000, dtype), []

    def slow(region: Any) -> np.ndarray[Any, Any]:
        read.append(region)
        return values[region]

    node = Array(shape=values.shape, dtype=dtype, read=slow, revision=lambda: "1")
    keyspace = KeySpace(Group(children={"r": node}), v2)
    chunk = keyspace.resolve("r/a/0")
    assert isinstance(chunk, Chunk)
    (rows,) = chunk.grid.chunk_shape
    assert 500 * 1024 < rows * dtype.itemsize <= 1024 * 1024
    assert chunk.weight >= rows * dtype.itemsize
    value(keyspace, "r/a/0")
    assert read == [(slice(0, rows),)]


@FORMATS
def test_a_field_is_found_before_a_chunk(format_: ModuleType) -> None:
    values = np.array([(1, [2, 3])], [("0", "i4"), ("c", "i4", 2)])
    keyspace = KeySpace(Group(children={"r": array_node(values)}), format_, Config(codec="none"))
    assert value(keyspace, "r/0/0" if format_ is v2 else "r/0/c/0") == b"\1\0\0\0"


def test_unavailable_parts_of_the_source_are_named() -> None:
    group = records.as_group(array_node(ARRAYS), {"ref": "references"})
    assert group.unavailable() == {"ref": "references"}
    with pytest.raises(Unavailable, match="ref: references"):
        records.as_group(array_node(np.zeros(2, [])), {"ref": "references"})
