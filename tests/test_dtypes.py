from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from zarr.core.dtype import get_data_type_from_json, parse_dtype

from strategies import dtypes as any_dtype
from tiled_zarr import Unavailable, dtypes

SPELLED = {
    "?": ("|b1", "bool", False),
    "<i2": ("<i2", "int16", 0),
    ">u4": ("<u4", "uint32", 0),
    "f2": ("<f2", "float16", 0.0),
    "c8": ("<c8", "complex64", [0.0, 0.0]),
    "S3": ("|S3", {"name": "null_terminated_bytes", "configuration": {"length_bytes": 3}}, ""),
    ">U2": ("<U2", {"name": "fixed_length_utf32", "configuration": {"length_bytes": 8}}, ""),
    "M8[ns]": ("<M8[ns]", {"name": "numpy.datetime64", "configuration": {"unit": "ns", "scale_factor": 1}}, "NaT"),
    "m8[25us]": ("<m8[25us]", {"name": "numpy.timedelta64", "configuration": {"unit": "us", "scale_factor": 25}}, "NaT"),
    "O": ("|O", "string", ""),
}
STRUCT = np.dtype([("a", ">i4"), ("b", "U2")], align=True)


@pytest.mark.parametrize(("name", "v2", "v3", "fill"), [(name, *spelled) for name, spelled in SPELLED.items()])
def test_spellings(name: str, v2: object, v3: object, fill: object) -> None:
    wire = dtypes.wire(np.dtype(name))
    assert (dtypes.v2(wire), dtypes.v3(wire), dtypes.v3_fill(wire)) == (v2, v3, fill)


def test_a_struct_is_spelled_as_zarr_3_1_does_or_as_newer_ones_do() -> None:
    wire = dtypes.wire(STRUCT)
    text = {"name": "fixed_length_utf32", "configuration": {"length_bytes": 8}}
    assert dtypes.v2(wire) == [["a", "<i4"], ["b", "<U2"]]
    assert dtypes.v3(wire) == {"name": "structured", "configuration": {"fields": [["a", "int32"], ["b", text]]}}
    assert dtypes.v3_fill(wire) == "AAAAAAAAAAAAAAAA"
    fields = [{"name": "a", "data_type": "int32"}, {"name": "b", "data_type": text}]
    assert dtypes.v3(wire, "struct") == {"name": "struct", "configuration": {"fields": fields}}
    assert dtypes.v3_fill(wire, "struct") == {"a": 0, "b": ""}


def test_arrays_inside_items_are_for_v2_alone() -> None:
    wire = dtypes.wire(np.dtype([("a", ">i2", (2, 3))]))
    assert dtypes.v2(wire) == [["a", "<i2", [2, 3]]]
    with pytest.raises(Unavailable, match="array inside a structured item"):
        dtypes.v3(wire)


@pytest.mark.parametrize(
    ("dtype", "reason"),
    [
        (np.dtype("f16"), "Zarr has no type for numpy's float128"),
        (np.dtype("V4"), "Zarr has no type for numpy's void32"),
        (np.dtype("S0"), "have no bytes"),
        (np.dtype([]), "have no bytes"),
        (np.dtype([("a", "f16")]), "Zarr has no type"),
    ],
)
def test_what_zarr_cannot_say(dtype: np.dtype, reason: str) -> None:
    with pytest.raises(Unavailable, match=reason):
        dtypes.wire(dtype)


@given(any_dtype)
def test_zarr_python_reads_every_spelling_as_the_wire_type(dtype: np.dtype) -> None:
    wire = dtypes.wire(dtype)
    spelled = json.loads(json.dumps(dtypes.v3(wire)))
    read = get_data_type_from_json(spelled, zarr_format=3)
    assert read.to_native_dtype() == wire
    read.from_json_scalar(dtypes.v3_fill(wire), zarr_format=3)
    assert parse_dtype(wire, zarr_format=2).to_native_dtype() == wire


@given(any_dtype)
def test_a_layout_makes_wire_items(dtype: np.dtype) -> None:
    item = bytes(range(1, dtype.itemsize + 1))
    runs = dtypes.layout(dtype) or ((0, dtype.itemsize, 1),)
    made = b"".join(swapped(item[offset : offset + nbytes], width) for offset, nbytes, width in runs)
    assert made == b"".join(naive_items(dtype, item))
    assert len(made) == dtypes.wire(dtype).itemsize


def naive_items(dtype: np.dtype, item: bytes) -> list[bytes]:
    """The wire bytes of an item, field by field."""
    if dtype.names:
        parts = [(field, offset) for field, offset, *_ in (dtype.fields[name] for name in dtype.names)]
        return [made for field, offset in parts for made in naive_items(field, item[offset : offset + field.itemsize])]
    width = {"c": dtype.itemsize // 2, "U": 4, "S": 1}.get(dtype.kind, dtype.itemsize)
    return [swapped(item, width if dtype.str[0] == ">" else 1)]


def swapped(raw: bytes, width: int) -> bytes:
    return b"".join(raw[at : at + width][::-1] for at in range(0, len(raw), width))
