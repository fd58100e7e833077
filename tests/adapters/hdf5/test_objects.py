"""Open files, groups and datasets of h5py and h5netcdf."""

from __future__ import annotations

import io

import h5netcdf
import h5py
import numpy as np
import pytest

from tiled_zarr.adapters.hdf5 import open_hdf5
from tiled_zarr.adapters.registry import adapt
from tiled_zarr.nodes import Damaged, Group, Unavailable
from tiled_zarr.testing import Contract, whole

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
DATA = np.arange(60 * 80, dtype="<i4").reshape(60, 80)
TEXTS = np.array(["", "ä", "longer"], object)
TRUTH = {
    "group": {"chunked": DATA, "texts": TEXTS},
    "plain": DATA[:5],
    "scalar": np.array(3.5),
}


def fill(file):
    group = file.create_group("group")
    group.attrs["title"] = "kept"
    group.create_dataset("chunked", data=DATA, chunks=(20, 40), compression="gzip").attrs["unit"] = "counts"
    group.create_dataset("texts", data=TEXTS, dtype=h5py.string_dtype())
    file["plain"] = DATA[:5]
    file["scalar"] = 3.5
    return file


class Kept:
    """Keeps the files that a test has opened, until its end."""

    def __init__(self):
        self.files = []

    def __call__(self, file):
        self.files.append(file)
        return file


KEPT = Kept()


@pytest.fixture(autouse=True)
def closed():
    yield
    while KEPT.files:
        KEPT.files.pop().close()


def read_only(folder):
    with h5py.File(folder / "a.h5", "w") as file:
        fill(file)
    return KEPT(h5py.File(folder / "a.h5", "r"))


def being_written(folder):
    return fill(KEPT(h5py.File(folder / "a.h5", "w")))


def in_memory(_):
    return fill(KEPT(h5py.File(io.BytesIO(), "w")))


def netcdf(folder, mode="r"):
    with h5netcdf.File(folder / "a.nc", "w") as file:
        file.dimensions = {"y": 60, "x": 80}
        file.create_variable("v", ("y", "x"), "i4", data=DATA).attrs["units"] = "K"
        file.create_group("inner").create_variable("w", ("x",), "i4", data=DATA[0])
    return KEPT(h5netcdf.File(folder / "a.nc", mode))


NETCDF = {"inner": {"w": DATA[0]}, "v": DATA}
OBJECTS = {
    "file": lambda folder: (read_only(folder), TRUTH),
    "group": lambda folder: (read_only(folder)["group"], TRUTH["group"]),
    "dataset": lambda folder: (read_only(folder)["group/chunked"], DATA),
    "file_being_written": lambda folder: (being_written(folder), TRUTH),
    "group_being_written": lambda folder: (being_written(folder)["group"], TRUTH["group"]),
    "dataset_being_written": lambda folder: (being_written(folder)["group/chunked"], DATA),
    "file_in_memory": lambda folder: (in_memory(folder), TRUTH),
    "netcdf": lambda folder: (netcdf(folder)["inner"], NETCDF["inner"]),
    "netcdf_variable": lambda folder: (netcdf(folder)["v"], DATA),
    "netcdf_being_written": lambda folder: (netcdf(folder, "a")["v"], DATA),
}


def case(make):
    def adapted(folder):
        source, truth = make(folder)
        return adapt(source), truth

    return adapted


class TestObjects(Contract, cases={name: case(make) for name, make in OBJECTS.items()}): ...


def test_what_is_open_for_reading_has_the_revision_of_the_file(tmp_path):
    assert adapt(read_only(tmp_path)).revision() == open_hdf5(tmp_path / "a.h5").revision()
    assert adapt(in_memory(tmp_path)).revision() is None


@pytest.mark.parametrize("make", [read_only, being_written, in_memory])
def test_metadata_is_that_of_the_file(tmp_path, make):
    node = adapt(make(tmp_path))
    assert node.children["group"].attributes == {"title": "kept"}
    array = node.children["group"].children["chunked"]
    assert (array.attributes, array.chunks, array.blocking) == ({"unit": "counts"}, (20, 40), True)


@pytest.mark.parametrize("mode", ["r", "a"])
def test_dimension_names_of_netcdf(tmp_path, mode):
    node = adapt(netcdf(tmp_path, mode))
    assert node.children["v"].dimension_names == ("y", "x")
    assert node.children["v"].attributes["units"] == "K"


@pytest.mark.parametrize("make", [read_only, being_written])
def test_a_closed_file_says_so(tmp_path, make):
    file = make(tmp_path)
    node = adapt(file)
    array = node.children["plain"]
    file.close()
    with pytest.raises(Damaged, match="closed; open it again"):
        adapt(file)
    if make is being_written:
        with pytest.raises(Damaged, match="closed while it was served"):
            whole(array)
    else:  # our own reader has the file
        np.testing.assert_array_equal(whole(array), DATA[:5])


def test_what_was_written_just_now_is_read(tmp_path):
    file = being_written(tmp_path)
    node = adapt(file)
    file["plain"][0] = -1
    np.testing.assert_array_equal(whole(node.children["plain"]), file["plain"][...])


def test_damage_harms_its_own_keys_alone():
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        fill(file)
        place = file["group/chunked"].id.get_chunk_info(0)
    damaged = bytearray(content.getvalue())
    damaged[place.byte_offset : place.byte_offset + place.size] = b"x" * place.size
    node = adapt(KEPT(h5py.File(io.BytesIO(damaged), "r")))
    assert list(node.children) == list(TRUTH)
    with pytest.raises(Damaged, match="is damaged"):
        whole(node.children["group"].children["chunked"])
    np.testing.assert_array_equal(whole(node.children["plain"]), DATA[:5])


def test_links(tmp_path):
    file = being_written(tmp_path)
    file["group/up"] = file["/"]
    file["soft"] = h5py.SoftLink("/plain")
    file["nowhere"] = h5py.SoftLink("/nothing")
    file["outside"] = h5py.ExternalLink("other.h5", "/")
    node = adapt(file)
    assert isinstance(node, Group)
    np.testing.assert_array_equal(whole(node.children["soft"]), DATA[:5])
    with pytest.raises(Damaged, match="leads nowhere"):
        node.children["nowhere"]
    with pytest.raises(Unavailable, match="another file"):
        node.children["outside"]
    with pytest.raises(Unavailable, match="a cycle"):
        node.children["group"].children["up"]
