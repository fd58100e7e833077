"""Marks of missing values, spelled as xarray's own coder and zarr-python spell them."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from xarray import Variable
from xarray.backends.zarr import FillValueCoder
from xarray.conventions import decode_cf_variable

from tiled_zarr import marks
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.nodes import Array, Group

MARKS = {
    "bool": np.True_,
    "int": np.int16(-32768),
    "unsigned": np.uint64(2**64 - 1),
    "float": np.float32(-999.9),
    "nan": np.float64("nan"),
    "infinite": np.float32("-inf"),
    "complex": np.complex64(complex("nan+1j")),
    "text": np.str_("none"),
    "bytes": np.bytes_(b"\xff"),
    "time": np.datetime64("NaT", "ns"),
    "span": np.timedelta64(-1, "s"),
}
IN_V3 = {name: mark for name, mark in MARKS.items() if mark.dtype.kind in "biufc"}


def served(mark, module, attributes=None):
    array = np.full((2,), mark)
    node = Array(shape=(2,), dtype=array.dtype, read=lambda region: array[region], mark=mark, attributes=attributes or {"unit": "m"})
    keys = KeySpace(Group(children={"x": node}), module)
    return {name: keys.resolve(f"x/{name}") for name in module.DOCUMENTS}


def document(found, name):
    import json

    return json.loads(found[name].body())


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS.keys())
def test_zarr_python_reads_the_mark_in_v2(mark):
    """The right value is what zarr-python makes of the document's `fill_value`."""
    found = document(served(mark, v2), ".zarray")
    metadata = zarr.core.metadata.v2.ArrayV2Metadata.from_dict({**found, "attributes": {}})
    got = np.asarray(metadata.fill_value, mark.dtype)
    assert got.tobytes() == np.asarray(mark).tobytes()
    assert "_FillValue" not in document(served(mark, v2), ".zattrs")


@pytest.mark.parametrize("mark", IN_V3.values(), ids=IN_V3.keys())
def test_xarray_reads_the_mark_in_v3(mark):
    found = document(served(mark, v3), "zarr.json")["attributes"]
    assert found["unit"] == "m"
    got = np.asarray(FillValueCoder.decode(found["_FillValue"], mark.dtype), mark.dtype)
    assert got.tobytes() == np.asarray(mark).tobytes()
    assert found["_FillValue"] == FillValueCoder.encode(mark.item(), mark.dtype)
    assert marks.from_v3(found["_FillValue"], mark.dtype).tobytes() == np.asarray(mark).tobytes()


@pytest.mark.parametrize("mark", [mark for name, mark in MARKS.items() if name not in IN_V3], ids=str)
def test_marks_that_xarray_refuses_in_v3_stand_under_our_key(mark):
    found = document(served(mark, v3, {"tiled_zarr": {"axes": "y"}}), "zarr.json")["attributes"]
    assert "_FillValue" not in found
    assert found["tiled_zarr"].keys() == {"axes", "_FillValue"}


@pytest.mark.parametrize(
    ("value", "dtype"), [(300, "u1"), (0.5, "i4"), ([1, 2], "i4"), ("n/a", "f8"), (object(), "f8"), (None, "i4")], ids=repr
)
def test_what_marks_nothing_is_shown_and_marks_nothing(value, dtype):
    node = Array(shape=(1,), dtype=np.dtype(dtype), read=lambda _: np.zeros(1, dtype), attributes={"_FillValue": value})
    assert node.mark is None
    assert "_FillValue" not in node.attributes
    assert "_FillValue" in node.attributes["tiled_zarr"] or node.attributes["tiled_zarr"]["left_out"]


def test_without_a_mark_there_is_none():
    node = Array(shape=(1,), dtype=np.dtype("f8"), read=lambda _: np.zeros(1))
    keys = KeySpace(Group(children={"x": node}), v2)
    found = keys.resolve("x/.zarray")
    assert b'"fill_value":null' in found.body()


@pytest.mark.parametrize("dtype", ["u1", ">u2"])
def test_xarray_reads_the_mark_of_unsigned_items_that_it_makes_signed(dtype):
    """The mark as xarray reads it in v3, where it refuses 255 in place of -1.

    The right value is what xarray makes of a netCDF variable.
    """
    values, mark = np.array([-1, 0, 5]).astype(dtype), np.array(-1).astype(dtype)[()]
    attributes = {"_FillValue": mark, "_Unsigned": "false"}
    expected = decode_cf_variable("x", Variable("x", values, attributes))
    said = document(served(mark, v3, {"_Unsigned": "false"}), "zarr.json")["attributes"]
    assert decode_cf_variable("x", Variable("x", values, said)).equals(expected)
    assert marks.from_v3(said["_FillValue"], np.dtype(dtype), said) == mark


@pytest.mark.parametrize(
    ("values", "mark"),
    [
        (np.float32([0.1, 1]), np.float64(0.1)),
        (np.float32([0.5, 1]), np.float64(0.5)),
        (np.array([b"*", b"ab"]), "*"),
        (np.array([b"", b"ab"]), ""),
    ],
    ids=["not of its precision", "of another type", "text", "no text"],
)
def test_a_mark_is_of_the_same_items_as_in_xarray(values, mark):
    """Text stands for the bytes as which netCDF has it."""
    attribute = mark.encode() if isinstance(mark, str) else mark
    expected = decode_cf_variable("x", Variable("x", values, {"_FillValue": attribute})).isnull()
    found = marks.of(mark, values.dtype)
    np.testing.assert_array_equal(expected, np.zeros(values.shape, bool) if found is None else values == found)
