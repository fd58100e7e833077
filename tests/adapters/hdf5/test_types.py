"""HDF5 types that numpy or Zarr lack, and text that is not what the file says it is."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from tiled_zarr.adapters.hdf5 import open_hdf5
from tiled_zarr.nodes import Array, Group, Node, Unavailable
from tiled_zarr.testing import ReaderContract, Truth

UNITS = ["µm", "°C", "mm", "Å"]
LATIN = np.array([unit.encode("latin-1") for unit in UNITS], object)
LONG = np.array([[1.5, 2.5], [0.1, np.inf]], np.longdouble)
BLOBS = np.array([[b"abcdef", b"\x00\x01\x02\x03\x04\x05"]], "V6")


def low(file: h5py.File, name: str, kind: h5py.h5t.TypeID, values: np.ndarray, memory: h5py.h5t.TypeID | None = None) -> None:
    made = h5py.h5d.create(file.id, name.encode(), kind, h5py.h5s.create_simple(values.shape))
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, values, mtype=memory or kind)


def written(folder: Path) -> Group:
    opaque = h5py.h5t.create(h5py.h5t.OPAQUE, 6)
    opaque.set_tag(b"camera blob")
    narrow = h5py.h5t.STD_I32LE.copy()
    narrow.set_size(3)
    with h5py.File(folder / "a.h5", "w") as file:
        low(file, "bits", h5py.h5t.STD_B16BE, np.array([0, 1, 513, 65535], "u2"), h5py.h5t.NATIVE_B16)
        file["complex"] = np.array([1 + 2j], np.clongdouble)
        low(file, "int24", narrow, np.array([1, -2], "i4"), h5py.h5t.NATIVE_INT32)
        file["long"] = LONG
        low(file, "opaque", opaque, BLOBS)
        file.create_dataset("text", data=LATIN, dtype=h5py.string_dtype("ascii"))
        file.create_dataset("text_said_to_be_utf_8", data=LATIN, dtype=h5py.string_dtype("utf-8"))
        file.create_dataset("text_without_axes", data=LATIN[0], dtype=h5py.string_dtype("ascii"))
        attributes = file["long"].attrs
        attributes.create("unit", "µm".encode("latin-1"), dtype=h5py.string_dtype("ascii"))
        attributes.create("fixed", np.bytes_("°C".encode("latin-1")))
        attributes.create("list", LATIN, dtype=h5py.string_dtype("ascii"))
        attributes.create("fixed_list", LATIN.astype("S2"))
        attributes.create("utf_8", np.bytes_("°C".encode()))
        attributes.create("binary", np.bytes_(b"\x01\xff"))
    found = open_hdf5(folder / "a.h5")
    assert isinstance(found, Group)
    return found


def types(folder: Path) -> tuple[Node, Truth]:
    text = np.array(UNITS, object)
    truth = {
        "bits": np.array([0, 1, 513, 65535], ">u2"),
        "complex": np.array([1 + 2j]),
        "long": LONG.astype("f8"),
        "opaque": np.frombuffer(BLOBS.tobytes(), "u1").reshape(1, 2, 6),
        "text": text,
        "text_said_to_be_utf_8": text,
        "text_without_axes": np.array("µm", object),
    }
    found = written(folder)
    with h5py.File(folder / "a.h5", "a") as file:
        del file["int24"]
    found = open_hdf5(folder / "a.h5")
    return found, truth


class TestTypes(ReaderContract, cases={"types": types}): ...


def test_what_stands_for_another_type_says_so(tmp_path: Path) -> None:
    found = written(tmp_path)
    shown = {name: found.children[name].attributes.get("tiled_zarr") for name in ("complex", "long", "opaque", "bits")}
    assert shown == {
        "complex": {"source_type": "complex256"},
        "long": {"source_type": "float128"},
        "opaque": {"source_type": "opaque"},
        "bits": None,
    }
    with pytest.raises(Unavailable, match="such as integers of 24 bits; convert it in the file"):
        found.children["int24"]


def test_attributes_that_are_no_utf_8_are_latin_1(tmp_path: Path) -> None:
    array = written(tmp_path).children["long"]
    assert isinstance(array, Array)
    shown = {name: value for name, value in array.attributes.items() if name != "tiled_zarr"}
    assert shown == {"unit": "µm", "fixed": "°C", "list": UNITS, "fixed_list": UNITS, "utf_8": "°C", "binary": "Af8="}
