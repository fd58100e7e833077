"""Packed numbers and marks in the display view, as xarray decodes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray

from ome.twins import node_of, whole
from tiled_zarr.adapters import open_file
from tiled_zarr.nodes import Array, Group
from tiled_zarr.ome.display.display import display

RNG = np.random.default_rng(0)
PACKED = {
    "packed": ("i2", {"scale_factor": 0.01, "add_offset": 273.15, "_FillValue": -32768}, -32768),
    "scaled": ("i2", {"scale_factor": 2.0}, None),
    "moved": ("u1", {"add_offset": -100}, None),
    "negative scale": ("i4", {"scale_factor": -0.5, "missing_value": -1}, -1),
    "unscaled": ("i2", {"_FillValue": -9999}, -9999),
    "big-endian": (">i2", {"_FillValue": -9999, "scale_factor": 0.1}, -9999),
    "bytes": ("u1", {"_FillValue": 255}, 255),
    "floats": ("f4", {"_FillValue": -999.25}, -999.25),
    "doubles": ("f8", {"missing_value": 1e20}, 1e20),
    "a mark that 32 bits round": ("f8", {"_FillValue": 0.1}, 0.1),
    "two marks": ("i4", {"_FillValue": -1, "missing_value": -1}, -1),
    "unsigned": ("i1", {"_Unsigned": "true", "_FillValue": -1}, -1),
    "unsigned and packed": ("i2", {"_Unsigned": "true", "_FillValue": -1, "scale_factor": 0.5, "add_offset": 3.0}, -1),
    "signed": ("u1", {"_Unsigned": "false", "_FillValue": 255}, 255),
    "long integers": ("i8", {"_FillValue": -(2**63)}, -(2**63)),
}


def raw(dtype: str, mark: float | None) -> np.ndarray:
    limits = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else np.iinfo("i2")
    values = RNG.integers(max(limits.min, -30_000), min(limits.max, 30_000), (60, 70)).astype(dtype)
    if mark is not None:
        values[RNG.random(values.shape) < 0.2] = mark
    return values


@pytest.mark.parametrize(("dtype", "attributes", "mark"), PACKED.values(), ids=PACKED)
@pytest.mark.parametrize("is_list", [False, True], ids=["numbers", "lists of one"])
def test_numbers_are_those_of_xarray(dtype: str, attributes: dict[str, Any], mark: float | None, is_list: bool) -> None:
    values = raw(dtype, mark)
    typed = {name: np.array(value, dtype) if name in {"_FillValue", "missing_value"} else value for name, value in attributes.items()}
    typed = {name: value[()] if isinstance(value, np.ndarray) else value for name, value in typed.items()}
    decoded = xarray.decode_cf(xarray.Dataset({"a": (("y", "x"), values, typed)}))["a"].values
    said = {name: [value] if is_list and name != "_Unsigned" else value for name, value in attributes.items()}
    made = display(node_of(values, attributes=said))
    assert made is not None
    got = whole(made.array)
    assert got.dtype == made.array.dtype == np.dtype("f4")
    np.testing.assert_allclose(got, decoded.astype("f4"), rtol=2e-7)
    assert np.isnan(got).any() == (mark is not None)


def test_a_mark_of_zero_marks_nothing() -> None:
    values = RNG.integers(0, 3, (60, 70)).astype("u2")
    for attributes in ({"_FillValue": 0}, {"missing_value": [0]}, {"tiled_zarr": {"no_data": 0}}):
        made = display(node_of(values, attributes=attributes))
        assert made is not None
        np.testing.assert_array_equal(whole(made.array), values, strict=True)


@pytest.mark.parametrize(
    "attributes",
    [
        {"_FillValue": "x"},
        {"_FillValue": 0.5},
        {"_FillValue": 10**400},
        {"_FillValue": -1},
        {"missing_value": []},
        {"missing_value": {"a": 1}},
        {"scale_factor": "2"},
        {"scale_factor": [1, 2]},
        {"scale_factor": 0},
        {"scale_factor": 1, "add_offset": 0},
        {"add_offset": None},
        {"_Unsigned": "perhaps"},
        {"_Unsigned": "true"},
        {"valid_range": "all"},
        {"valid_min": [], "valid_max": {}},
        {"tiled_zarr": {"no_data": "none"}},
    ],
    ids=str,
)
def test_what_means_nothing_changes_nothing(attributes: dict[str, Any]) -> None:
    values = RNG.integers(0, 3, (60, 70)).astype("u2")
    made = display(node_of(values, attributes=attributes))
    assert made is not None
    np.testing.assert_array_equal(whole(made.array), values, strict=True)


def test_several_marks_may_be_given() -> None:
    values = np.arange(12, dtype="u2").reshape(3, 4)
    for attributes in ({"missing_value": [3, 5]}, {"tiled_zarr": {"no_data": [3, 5]}, "_FillValue": 7}):
        made = display(node_of(values, attributes=attributes))
        assert made is not None
        np.testing.assert_array_equal(whole(made.array), np.where(np.isin(values, [3, 5]), np.nan, values).astype("f4"))


def test_names_and_colours_are_shown_as_they_are() -> None:
    attributes = {"_FillValue": 1, "scale_factor": 0.5}
    for values, more in ((np.ones((40, 40), "u2"), {"tiled_zarr": {"is_label": True}}), (np.ones((40, 40, 3), "u1"), {})):
        made = display(node_of(values, attributes={**attributes, **more}))
        assert made is not None
        assert made.array.dtype == values.dtype
        assert (whole(made.array) == 1).all()


def test_blocks_are_unpacked_slab_by_slab() -> None:
    values = np.arange(3 * 2000 * 300, dtype="i4").reshape(3, 2000, 300)
    made = display(node_of(values, attributes={"scale_factor": 0.25, "_FillValue": 5}))
    assert made is not None
    expected = (values * 0.25).astype("f4")
    expected[values == 5] = np.nan
    np.testing.assert_array_equal(whole(made.array), expected)


@pytest.mark.parametrize("shape", [(), (1,)], ids=["scalar", "one element"])
def test_attributes_of_netcdf_files(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """HDF5 attributes have their own types, so a mark of 32 bits is looked for in 32 bits."""
    random = raw("i2", -32767)
    floats = np.where(random == -32767, np.float32(9.969209968386869e36), random.astype("f4"))
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["packed"], file["floats"] = random, floats
        file["packed"].attrs["scale_factor"] = np.full(shape, 0.01, "f4")
        for name, mark in (("packed", np.int16(-32767)), ("floats", np.float32(9.969209968386869e36))):
            file[name].attrs["_FillValue"] = np.full(shape, mark)
    group = open_file(tmp_path / "a.nc")
    assert isinstance(group, Group)
    scaled = np.where(random == -32767, np.nan, random * float(np.float32(0.01)))
    for name, expected in (("packed", scaled), ("floats", np.where(random == -32767, np.nan, floats))):
        node = group.children[name]
        assert isinstance(node, Array)
        made = display(node)
        assert made is not None
        np.testing.assert_array_equal(whole(made.array), expected.astype("f4"))
