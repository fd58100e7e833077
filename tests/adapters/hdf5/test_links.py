"""HDF5 data in other files of the served folder: what h5py reads, or a reason in one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.adapters.hdf5 import open_hdf5
from tiled_zarr.adapters.hdf5.virtual import _numbered
from tiled_zarr.nodes import Array, Damaged, Group, Node, Unavailable
from tiled_zarr.testing import ReaderContract, Truth, whole

PARTS = [np.arange(24, dtype="i4").reshape(2, 3, 4) + 24 * number for number in range(3)]
ALL = np.concatenate(PARTS)


def parts(folder: Path, count: int = 3) -> None:
    for number in range(count):
        with h5py.File(folder / f"part_{number}.h5", "w") as file:
            file["data"] = PARTS[number]


def virtual(file: h5py.File, name: str, source: str, where: str = "data", shape: tuple[int, ...] = ALL.shape) -> None:
    layout = h5py.VirtualLayout(shape, "i4")
    layout[shape[0] - ALL.shape[0] :] = h5py.VirtualSource(source, where, ALL.shape)
    file.create_virtual_dataset(name, layout, fillvalue=-1)


def numbered(file: h5py.File, name: str, source: str, where: str = "data") -> None:
    """Blocks of two planes, without end."""
    endless = (h5py.h5s.UNLIMITED, 3, 4)
    space = h5py.h5s.create_simple((6, 3, 4), endless)
    space.select_hyperslab((0, 0, 0), (h5py.h5s.UNLIMITED, 1, 1), (2, 1, 1), (2, 3, 4))
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    created.set_virtual(space, source.encode(), where.encode(), h5py.h5s.create_simple((2, 3, 4)))
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_I32LE, h5py.h5s.create_simple((0, 3, 4), endless), created)


def linked(folder: Path) -> tuple[Node, Truth]:
    """Soft links through external ones, as the masters of detectors have them."""
    with h5py.File(folder / "frames.h5", "w") as file:
        file["entry/data/data"] = ALL
        file["entry/soft"] = h5py.SoftLink("/entry/data")
    with h5py.File(folder / "master.h5", "w") as file:
        file["entry/detector/data"] = h5py.ExternalLink("frames.h5", "/entry/data/data")
        file["entry/data"] = h5py.SoftLink("/entry/detector/data")
        file["raw"] = h5py.ExternalLink("frames.h5", "/entry")
        file["again"] = h5py.SoftLink("/raw/soft/data")
        file["below/relative"] = h5py.SoftLink("data")
        file["below/data"] = h5py.SoftLink("/again")
    truth = {
        "again": ALL,
        "below": {"data": ALL, "relative": ALL},
        "entry": {"data": ALL, "detector": {"data": ALL}},
        "raw": {"data": {"data": ALL}, "soft": {"data": ALL}},
    }
    return open_hdf5(folder / "master.h5"), truth  # type: ignore[return-value] # nested


def over_another(folder: Path) -> tuple[Node, Truth]:
    parts(folder)
    with h5py.File(folder / "v.h5", "w") as file:
        numbered(file, "data", "part_%b.h5")
        file["link"] = h5py.SoftLink("/own")
        file["base"] = ALL
        virtual(file, "own", ".", "/base")
        virtual(file, "own_by_name", "./v.h5", "/own")
        virtual(file, "gap", ".", "base", (10, 3, 4))
    with h5py.File(folder / "w.h5", "w") as file:
        virtual(file, "v", "v.h5", "link")
        file["external"] = h5py.ExternalLink("v.h5", "own")
        virtual(file, "by_external", ".", "external")
    with h5py.File(folder / "a.h5", "w") as file:
        virtual(file, "a", "w.h5", "v")
        virtual(file, "b", "w.h5", "by_external")
        for name in ("data", "own", "own_by_name", "gap"):
            file[name] = h5py.ExternalLink("v.h5", name)
    gap = np.concatenate([np.full((4, 3, 4), -1, "i4"), ALL])
    truth = {"a": ALL, "b": ALL, "data": ALL, "gap": gap, "own": ALL, "own_by_name": ALL}
    with h5py.File(folder / "a.h5") as file:  # the library agrees
        assert all((file[name][...] == values).all() for name, values in truth.items())
    return open_hdf5(folder / "a.h5"), truth


def numbered_inside(folder: Path) -> tuple[Node, Truth]:
    """The number stands in the name of the dataset."""
    with h5py.File(folder / "a.h5", "w") as file:
        for number, part in enumerate(PARTS):
            file[f"part {number}"] = part
        numbered(file, "x", ".", "part %b")
    return open_hdf5(folder / "a.h5"), {**{f"part {number}": part for number, part in enumerate(PARTS)}, "x": ALL}


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


RAW = np.arange(4 * 30 * 20, dtype="f4").reshape(4, 30, 20)


def raw(folder: Path) -> tuple[Node, Truth]:
    """One raw file with something before the data, and three that each end anywhere."""
    content = RAW.tobytes()
    (folder / "one.vol").write_bytes(b"header" + content)
    cuts = [0, 1001, 5002, len(content)]
    segments = []
    for number in range(3):
        part = content[cuts[number] : cuts[number + 1]]
        (folder / f"{number}.bin").write_bytes(b"x" * number + part + b"more")
        segments.append((f"{number}.bin", number, len(part)))
    with inside(folder), h5py.File("a.h5", "w") as file:
        file.create_dataset("one", RAW.shape, "f4", external=[("one.vol", 6, h5py.h5f.UNLIMITED)])
        file.create_dataset("three", RAW.shape, "f4", external=segments)
        file.create_dataset("none", (0, 3), "f4", external=[("one.vol", 0, h5py.h5f.UNLIMITED)])
        assert (file["one"][...] == RAW).all()
        assert (file["three"][...] == RAW).all()
    return open_hdf5(folder / "a.h5"), {"none": np.zeros((0, 3), "f4"), "one": RAW, "three": RAW}


CASES = {function.__name__: function for function in (linked, over_another, numbered_inside, raw)}


class TestLinks(ReaderContract, cases=CASES): ...


def child(folder: Path, name: str = "x") -> Array:
    found = open_hdf5(folder / "a.h5")
    assert isinstance(found, Group)
    array = found.children[name]
    assert isinstance(array, Array)
    return array


def test_links_lead_anywhere_in_the_folder_that_is_served(tmp_path: Path) -> None:
    for name in ("raw", "done"):
        (tmp_path / name).mkdir()
    with h5py.File(tmp_path / "raw" / "s.h5", "w") as file:
        file["data"] = ALL
    ALL.tofile(tmp_path / "raw" / "s.vol")
    with h5py.File(tmp_path / "done" / "a.h5", "w") as file:
        file["link"] = h5py.ExternalLink("../raw/s.h5", "data")
        virtual(file, "virtual", "../raw/s.h5")
        file.create_dataset("raw", ALL.shape, "i4", external=[("../raw/s.vol", 0, ALL.nbytes)])
    served = open_directory(tmp_path)
    assert isinstance(served, Group)
    done = served.children["done"].children["a"]  # type: ignore[union-attr] # groups
    assert isinstance(done, Group)
    for name in ("link", "virtual", "raw"):
        array = done.children[name]
        assert isinstance(array, Array)
        assert (whole(array) == ALL).all(), name
    alone = open_directory(tmp_path / "done")
    assert isinstance(alone, Group)
    for name in ("link", "virtual", "raw"):
        with pytest.raises(Damaged, match="outside of the folder that is served"):
            alone.children["a"].children[name]  # type: ignore[union-attr] # a group


def test_a_numbered_series_ends_before_the_first_that_is_missing(tmp_path: Path) -> None:
    parts(tmp_path)
    (tmp_path / "part_1.h5").rename(tmp_path / "later.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        numbered(file, "x", "part_%b.h5")
    array = child(tmp_path)
    before = array.revision()
    assert (whole(array) == PARTS[0]).all()
    (tmp_path / "later.h5").rename(tmp_path / "part_1.h5")
    assert array.revision() != before
    assert (whole(child(tmp_path)) == ALL).all()


def test_files_where_the_server_was_started_are_no_sources(tmp_path: Path) -> None:
    """The library looks in the current folder for what it does not find beside the file."""
    served, elsewhere = tmp_path / "served", tmp_path / "elsewhere"
    served.mkdir()
    elsewhere.mkdir()
    parts(elsewhere)
    parts(served, 1)
    with h5py.File(served / "a.h5", "w") as file:
        numbered(file, "x", "part_%b.h5")
    with inside(elsewhere):
        assert h5py.File(served / "a.h5")["x"].shape == (6, 3, 4)
        assert child(served).shape == (2, 3, 4)


@pytest.mark.parametrize("ring", [["a.h5"], ["a.h5", "b.h5"]], ids=["itself", "two"])
def test_links_in_a_circle_end(tmp_path: Path, ring: list[str]) -> None:
    for name, other in zip(ring, [*ring[1:], ring[0]], strict=True):
        with h5py.File(tmp_path / name, "w") as file:
            file["x"] = h5py.ExternalLink(other, "x")
            virtual(file, "v", other, "v")
    with pytest.raises(Damaged, match="more than 64 external links"):
        child(tmp_path)


MISSING = {
    "external": (lambda file: file.__setitem__("x", h5py.ExternalLink("gone.h5", "/")), "a link to the file 'gone.h5', which is missing"),
    "virtual": (lambda file: virtual(file, "x", "gone.h5"), "a virtual dataset with a link to the file 'gone.h5', which is missing"),
    "raw": (lambda file: file.create_dataset("x", (4,), "u1", external=[("gone", 0, 4)]), "raw data to the file 'gone', which is missing"),
    "short": (
        lambda file: file.create_dataset("x", (9,), "u1", external=[("short", 0, 9)]),
        "'short' ends at byte 5, data are expected up to 9",
    ),
}


@pytest.mark.parametrize(("fill", "reason"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_never_made_up(tmp_path: Path, fill: object, reason: str) -> None:
    (tmp_path / "short").write_bytes(b"12345")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        fill(file)  # type: ignore[operator] # a function
    with pytest.raises(Damaged, match=reason):
        child(tmp_path)


def test_raw_data_change_with_their_file(tmp_path: Path) -> None:
    node, _ = raw(tmp_path)
    assert isinstance(node, Group)
    for name, path in (("one", tmp_path / "one.vol"), ("three", tmp_path / "2.bin")):
        array = node.children[name]
        before = array.revision()
        path.write_bytes(path.read_bytes() + b"!")
        assert array.revision() != before
        with pytest.raises(OSError, match="changed"):
            whole(array)  # type: ignore[arg-type] # an array


def test_a_virtual_dataset_over_raw_data(tmp_path: Path) -> None:
    raw(tmp_path)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        virtual(file, "x", "a.h5", "one", (10, 3, 4))
    with pytest.raises(Unavailable, match="data lie in raw files; copy them into the HDF5 file"):
        open_hdf5(tmp_path / "b.h5").children["x"]  # type: ignore[union-attr] # a group


def test_percent_signs_in_names() -> None:
    assert [_numbered(name, 7) for name in ("%b", "%%b", "%%%b", "a%c")] == ["7", "%b", "%7", "a%c"]
