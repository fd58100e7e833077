"""Compound HDF5 datasets: zarr-python reads from the consolidated tree what h5py reads."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

from tiled_zarr.adapters import open_file
from tiled_zarr.adapters.hdf5 import items
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.nodes import Group, TooLarge
from tiled_zarr.stores import KeySpaceStore

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning", "ignore:Consolidated metadata is currently")
FORMATS = pytest.mark.parametrize("format_", [v2, v3], ids=["v2", "v3"])
TEXT = h5py.string_dtype()
REFERENCE = "references to other objects, which Zarr has no type for"
RAGGED = "a ragged array: its items are arrays of various lengths"

WITH_TEXT = np.array([(1, "one", 1.0), (2, "zwölf", 2.0)], [("id", "i4"), ("name", TEXT), ("x", "f8")])
ARRAYS = np.array([(1, [1, 2, 3], [[1, 2], [3, 4]])], [("id", "u1"), ("v", "f4", (3,)), ("m", "i2", (2, 2))])
NESTED = np.array([((1, 2), True), ((3, 4), False)], [("z", [("re", "f4"), ("im", "f4")]), ("ok", "?")])
BIG = np.array([(1, 2.5)], [("a", ">i4"), ("b", ">f8")])
PADDED = np.array([(1, 2.5)], np.dtype([("a", "u1"), ("b", "f8")], align=True))
ODD_NAMES = np.array([(1, 2, 3)], [("a b", "i4"), ("größe", "i4"), ("x/y", "i4")])
LONG = np.zeros((5000, 3), [("a", "i4"), ("v", "f4", 2)])
LONG["v"] = np.arange(30000).reshape(5000, 3, 2)
SOURCES = {
    "arrays": ARRAYS,
    "nested": NESTED,
    "big": BIG,
    "padded": PADDED,
    "odd_names": ODD_NAMES,
    "long": LONG,
    "scalar": np.array((7, [2.5]), [("a", "i4"), ("b", "f8", 1)]),
}
INNER = np.dtype([("label", TEXT), ("target", h5py.ref_dtype), ("k", "i2")])
EVERY = np.dtype([("id", "i4"), ("names", TEXT, (2,)), ("runs", h5py.vlen_dtype("i4")), ("in", INNER), ("ins", INNER, (2,))])


def written(folder: Path) -> Group:
    with h5py.File(folder / "r.h5", "w") as file:
        for name, values in SOURCES.items():
            file[name] = values
        file["with_text"] = WITH_TEXT
        file["with_text"].attrs["unit"] = "mm"
        file["text_scalar"] = np.array((3, "drei"), [("id", "i4"), ("name", TEXT)])
        file.create_dataset("compressed", data=LONG, chunks=(700, 2), compression="gzip", shuffle=True)
        file.create_dataset("texts_in_chunks", data=np.repeat(WITH_TEXT, 500), chunks=(300,), compression="gzip")
        every = file.create_dataset("every", (3,), EVERY)
        every[1] = (5, ["ä", "b"], np.array([1, 2], "i4"), ("in", file["arrays"].ref, 7), [("p", file.ref, 1), ("q", file.ref, 2)])
        every.attrs["unit"] = "s"
    found = open_file(folder / "r.h5")
    assert isinstance(found, Group)
    return found


def opened(folder: Path, format_: ModuleType) -> zarr.Group:
    store = KeySpaceStore(KeySpace(written(folder), format_))
    return zarr.open_consolidated(store, mode="r", zarr_format=2 if format_ is v2 else 3)


def texts(values: np.ndarray[Any, Any]) -> list[Any]:
    """What h5py gives for texts, decoded."""
    return [item.decode() for item in values.ravel()]


@FORMATS
def test_the_whole_file_opens_and_equals_h5pys(format_: ModuleType, tmp_path: Path) -> None:
    root = opened(tmp_path, format_)
    for name, values in {**SOURCES, "compressed": LONG}.items():
        assert_equal(root[name], values)


def assert_equal(found: zarr.Array | zarr.Group, values: np.ndarray[Any, Any]) -> None:
    if isinstance(found, zarr.Array):
        np.testing.assert_array_equal(np.asarray(found[...]), values)
        return
    assert found.attrs["tiled_zarr"]["record"] == list(values.dtype.names)
    assert len(list(found.keys())) == len(values.dtype.names)
    for name in values.dtype.names:
        assert_equal(found[name.replace("/", "~2f")], values[name])


@FORMATS
def test_texts_in_records(format_: ModuleType, tmp_path: Path) -> None:
    root = opened(tmp_path, format_)
    assert root["with_text"].attrs.asdict() == {"unit": "mm", "tiled_zarr": {"record": ["id", "name", "x"]}}
    assert root["with_text/name"][...].tolist() == ["one", "zwölf"]
    assert root["with_text/x"][...].tolist() == [1.0, 2.0]
    assert root["texts_in_chunks/name"][...].tolist() == ["one"] * 500 + ["zwölf"] * 500
    assert (root["text_scalar/id"][()], str(np.asarray(root["text_scalar/name"][()]))) == (3, "drei")


@FORMATS
def test_fields_without_a_form_in_zarr_are_named(format_: ModuleType, tmp_path: Path) -> None:
    every = opened(tmp_path, format_)["every"]
    with h5py.File(tmp_path / "r.h5") as file:
        source = file["every"][...]
    assert every.attrs["tiled_zarr"]["unavailable"] == {"runs": RAGGED, "in.target": REFERENCE, "ins.target": REFERENCE}
    assert sorted(every.keys()) == ["id", "in", "ins", "names"]
    assert sorted(every["ins"].keys()) == ["k", "label"]
    assert every["id"][...].tolist() == source["id"].tolist()
    assert every["names"][...].ravel().tolist() == texts(source["names"])
    assert every["in/k"][...].tolist() == source["in"]["k"].tolist()
    assert every["ins/k"][...].tolist() == source["ins"]["k"].tolist()
    assert every["ins/label"][...].ravel().tolist() == texts(source["ins"]["label"])


def test_texts_in_records_are_read_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["x"] = np.array([(1, "a" * 1000)] * 100, [("id", "i4"), ("name", TEXT)])
        monkeypatch.setattr(items, "MOST_TEXT", 50_000)
        assert items.read_open(file["x"], False, (slice(0, 40),))["name"].tolist() == ["a" * 1000] * 40
        with pytest.raises(TooLarge, match="more than 50000 bytes of text"):
            items.read_open(file["x"], False, (slice(0, 100),))
