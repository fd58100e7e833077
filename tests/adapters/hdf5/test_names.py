"""Names that are no UTF-8 and attributes that cannot be told: they take nothing else along."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from tiled_zarr.adapters.hdf5 import open_hdf5
from tiled_zarr.testing import whole

LATIN = "Höhe_°C".encode("latin-1")
ESCAPED = "H\udcf6he_\udcb0C"
TEN = np.arange(10.0)


def node_of(folder, fill):
    with h5py.File(folder / "a.h5", "w") as file:
        fill(file)
    return open_hdf5(folder / "a.h5")


def raw_dataset(file, name, data=TEN):
    created = h5py.h5d.create(file.id, name, h5py.h5t.NATIVE_DOUBLE, h5py.h5s.create_simple(data.shape))
    created.write(h5py.h5s.ALL, h5py.h5s.ALL, data)
    return created


def raw_attribute(item, name, kind, value=None):
    created = h5py.h5a.create(item.id, name, kind, h5py.h5s.create(h5py.h5s.SCALAR))
    if value is not None:
        created.write(value)


def test_links(tmp_path):
    def fill(file):
        raw_dataset(file, LATIN)
        raw_dataset(file, b"\xed\xa0\x80")  # what would be a lone surrogate
        group = h5py.Group(h5py.h5g.create(file.id, b"Gr\xfcn"))
        group["x"] = np.arange(3)
        group["text"] = ["a", "b"]
        file["soft"] = h5py.SoftLink("/x")
        file.id.links.create_soft(b"\xff", LATIN)
        file["x"] = np.arange(4)

    node = node_of(tmp_path, fill)
    assert set(node.children) == {ESCAPED, "\udced\udca0\udc80", "Gr\udcfcn", "soft", "\udcff", "x"}
    for name in (ESCAPED, "\udced\udca0\udc80", "\udcff"):
        assert (whole(node.children[name]) == TEN).all()
    assert whole(node.children["Gr\udcfcn"].children["x"]).tolist() == [0, 1, 2]
    assert whole(node.children["Gr\udcfcn"].children["text"]).tolist() == ["a", "b"]
    assert whole(node.children["soft"]).tolist() == [0, 1, 2, 3]


def test_labels_and_scales(tmp_path):
    def fill(file):
        scale = raw_dataset(file, LATIN)
        h5py.h5ds.set_scale(scale, LATIN)
        for name in ("scaled", "labelled"):
            file[name] = np.zeros((10, 2))
        h5py.h5ds.attach_scale(file["scaled"].id, scale, 0)
        h5py.h5ds.set_label(file["labelled"].id, 1, LATIN)

    node = node_of(tmp_path, fill)
    assert node.children["scaled"].dimension_names == ("H\\xf6he_\\xb0C", None)
    assert node.children["labelled"].dimension_names == (None, "H\\xf6he_\\xb0C")
    assert node.children[ESCAPED].dimension_names == ("H\\xf6he_\\xb0C",)


def test_a_scale_that_is_no_dataset_any_more(tmp_path):
    def fill(file):
        file["x"], file["scale"] = TEN, TEN
        file["scale"].make_scale("s")
        file["x"].dims[0].attach_scale(file["scale"])
        file["x"].dims[0].label = "label"
        del file["scale"]

    child = node_of(tmp_path, fill).children["x"]
    assert child.dimension_names in {(None,), ("label",)}
    assert (whole(child) == TEN).all()


def test_names_of_attributes(tmp_path):
    def fill(file):
        raw_attribute(file, LATIN, h5py.h5t.NATIVE_DOUBLE, np.array(4.5))
        file.attrs["é"] = 1

    assert node_of(tmp_path, fill).attributes == {"H\\xf6he_\\xb0C": 4.5, "é": 1}


def test_numbers_wider_than_a_double(tmp_path):
    record = np.dtype([("a", "g"), ("b", "i4"), ("c", "G", (2,))])

    def fill(file):
        file.attrs["scalar"] = np.longdouble("0.1")
        file.attrs["array"] = np.array([1, 2], "g")
        file.attrs["complex"] = np.clongdouble(1 + 2j)
        file.attrs["huge"] = np.longdouble("1e4000")
        file.attrs["record"] = np.array((0.5, 3, [1, 2j]), record)

    attributes = node_of(tmp_path, fill).attributes
    assert attributes == {
        "scalar": 0.1,
        "array": [1, 2],
        "complex": [1, 2],
        "huge": None,
        "record": {"a": 0.5, "b": 3, "c": [[1, 0], [0, 2]]},
    }


def test_attributes_that_cannot_be_read_are_named(tmp_path):
    def fill(file):
        file["x"] = TEN
        raw_attribute(file["x"], b"when", h5py.h5t.UNIX_D32LE)
        file["x"].attrs["to"] = file["x"].ref
        file["x"].attrs["part"] = file["x"].regionref[2:3]
        file["x"].attrs["pair"] = np.array((1, file["x"].ref), [("n", "i4"), ("to", h5py.ref_dtype)])
        file["x"].attrs["said"] = np.array((1, "x"), [("n", "i4"), ("text", h5py.string_dtype())])
        file["x"].attrs["unit"] = "m"

    child = node_of(tmp_path, fill).children["x"]
    left_out = child.attributes["tiled_zarr"]["left_out"]
    assert (set(child.attributes), set(left_out)) == ({"unit", "tiled_zarr"}, {"when", "to", "part", "pair", "said"})
    assert "references" in left_out["to"]
    assert all(left_out.values())
    assert (whole(child) == TEN).all()


@pytest.mark.usefixtures("in_process")
def test_attributes_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("tiled_zarr.adapters.hdf5.attributes.MOST_BYTES", 1000)

    def fill(file):
        file.attrs["large"] = np.arange(500.0)
        for i in range(20):
            file.attrs[f"small{i}"] = np.arange(20.0)

    attributes = node_of(tmp_path, fill).attributes
    left_out = attributes["tiled_zarr"]["left_out"]
    assert len(attributes) - 1 == 1000 // 160
    assert len(left_out) == 21 - 1000 // 160
    assert "too large" in left_out["large"]
