"""HDF5 files that grow: under a SWMR writer, rewritten, behind links and virtual datasets."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from tiled_zarr import grid
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.adapters.hdf5 import growing, open_hdf5
from tiled_zarr.hierarchy import headers
from tiled_zarr.nodes import Array, Changed, Group, Options

WRITER = """
import sys, h5py
with h5py.File(sys.argv[1], "w", libver="latest", userblock_size=int(sys.argv[2])) as file:
    group = file.create_group("entry")
    x = group.create_dataset("x", (4, 10), "<u4", chunks=(1, 10), maxshape=(None, 10))
    x[...] = 7
    group["fixed"] = [1, 2, 3]
    text = group.create_dataset("text", (1,), h5py.string_dtype(), chunks=(4,), maxshape=(None,))
    text[0] = "first"
    file.swmr_mode = True
    x.flush()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.startswith("end"):
            break
        x.resize(x.shape[0] + 1, 0)
        x[-1] = 7
        x.flush()
        print("written", flush=True)
"""


class Writer:
    def __init__(self, path: Path, user_block: int = 0) -> None:
        command = [sys.executable, "-c", WRITER, str(path), str(user_block)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.wait("ready")

    def wait(self, word: str) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline() == f"{word}\n"

    def append(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.wait("written")

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        assert self.process.wait(30) == 0
        self.process.stdout.close()


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path / "a.h5")
    yield writer
    if writer.process.poll() is None:
        writer.close()


def found(group: Group, path: str) -> Array:
    node = group
    for name in path.split("/"):
        assert isinstance(node, Group)
        node = node.children[name]
    assert isinstance(node, Array)
    return node


def whole(node: Array) -> np.ndarray:
    return node.read(tuple(slice(0, size) for size in node.shape))


def test_a_folder_follows_the_writer(tmp_path: Path, writer: Writer) -> None:
    folder = open_directory(tmp_path)
    root = folder.children["a"]
    before = found(folder, "a/entry/x")
    for step in range(3):
        node = found(folder, "a/entry/x")
        assert (node.shape, node.maxshape, node.revision()) == ((4 + step, 10), (None, 10), None)
        assert (whole(node) == 7).all()
        writer.append()
        assert folder.children["a"] is root
    assert before.shape == (4, 10)
    assert (whole(before) == 7).all()


def test_all_that_has_an_end_is_kept(tmp_path: Path, writer: Writer) -> None:
    folder = open_directory(tmp_path)
    entry, fixed = folder.children["a"].children["entry"], found(folder, "a/entry/fixed")
    writer.append()
    assert (folder.children["a"].children["entry"], found(folder, "a/entry/fixed")) == (entry, fixed)
    assert whole(fixed).tolist() == [1, 2, 3]
    assert whole(found(folder, "a/entry/text")).tolist() == ["first"]


def test_the_writer_closes_the_file(tmp_path: Path, writer: Writer) -> None:
    folder = open_directory(tmp_path)
    growing_node = found(folder, "a/entry/x")
    writer.append()
    writer.close()
    node = found(folder, "a/entry/x")
    assert node.shape == (5, 10)
    assert node.revision() is not None
    assert (whole(node) == 7).all()
    assert headers.chunk_grid(node, Options()).chunk_shape == headers.chunk_grid(growing_node, Options()).chunk_shape
    with pytest.raises(Changed):
        whole(growing_node)


def test_behind_a_user_block(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "b.h5", 2048)
    try:
        assert found(open_hdf5(tmp_path / "b.h5"), "entry/x").revision() is None
    finally:
        writer.close()


def test_what_a_dead_writer_left_has_a_revision(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "b.h5")
    writer.process.kill()
    writer.process.communicate()
    assert found(open_hdf5(tmp_path / "b.h5"), "entry/x").revision() is None
    long_ago = (tmp_path / "b.h5").stat().st_mtime - growing.QUIET_SECONDS - 60
    os.utime(tmp_path / "b.h5", (long_ago, long_ago))
    node = found(open_hdf5(tmp_path / "b.h5"), "entry/x")
    assert node.revision() is not None
    assert (whole(node) == 7).all()


def linked(path: Path) -> None:
    with h5py.File(path, "w", libver="latest") as file:
        file["link"] = h5py.ExternalLink("a.h5", "/entry/x")
        file["group"] = h5py.ExternalLink("a.h5", "/entry")
        layout = h5py.VirtualLayout((4, 10), "<u4", maxshape=(None, 10))
        source = h5py.VirtualSource("a.h5", "/entry/x", (4, 10), maxshape=(None, 10))
        layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
        file.create_virtual_dataset("virtual", layout, fillvalue=99)


@pytest.mark.parametrize("path", ["link", "group/x", "virtual"])
def test_links_to_a_file_that_is_being_written(tmp_path: Path, writer: Writer, path: str) -> None:
    linked(tmp_path / "master.h5")
    master = open_hdf5(tmp_path / "master.h5")
    for step in range(3):
        node = found(master, path)
        assert (node.shape, node.revision()) == ((4 + step, 10), None)
        assert (whole(node) == 7).all()
        writer.append()
    writer.close()
    node = found(master, path)
    assert node.shape == (7, 10)
    assert node.revision() is not None
    assert (whole(node) == 7).all()


@pytest.mark.parametrize("path", ["link", "group/x", "virtual"])
def test_links_to_a_file_that_is_written_anew(tmp_path: Path, path: str) -> None:
    linked(tmp_path / "master.h5")
    master = open_hdf5(tmp_path / "master.h5")
    for count in (4, 6, 5):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_dataset("entry/x", data=np.full((count, 10), count, "<u4"), chunks=(1, 10), maxshape=(None, 10))
        node = found(master, path)
        assert node.shape == (count, 10)
        assert (whole(node) == count).all()


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.usefixtures("writer")
def test_a_virtual_dataset_over_a_file_that_is_written_and_one_that_is_not(tmp_path: Path, libver: str) -> None:
    """The library gives fill values for a source that it cannot open in the dataset's mode."""
    with h5py.File(tmp_path / "still.h5", "w", libver=libver) as file:
        file["x"] = np.full((4, 10), 5, "<u4")
    with h5py.File(tmp_path / "master.h5", "w", libver="latest") as file:
        layout = h5py.VirtualLayout((8, 10), "<u4")
        layout[:4] = h5py.VirtualSource("a.h5", "/entry/x", (4, 10), maxshape=(None, 10))[:4]
        layout[4:] = h5py.VirtualSource("still.h5", "/x", (4, 10))
        file.create_virtual_dataset("virtual", layout, fillvalue=99)
    node = found(open_hdf5(tmp_path / "master.h5"), "virtual")
    assert whole(node)[:, 0].tolist() == [7] * 4 + [5] * 4


@pytest.mark.parametrize("chunks", [(10,), (1000,), (20_000,)], ids=str)
def test_chunks_of_a_dataset_do_not_follow_its_length(tmp_path: Path, chunks: tuple[int, ...]) -> None:
    path = tmp_path / "a.h5"
    shapes = set()
    for count in (0, 1, 7, 5000):
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=np.arange(count, dtype="<f8"), chunks=chunks, maxshape=(None,))
            file.create_dataset("fixed", data=np.arange(count, dtype="<f8"), chunks=(min(max(count, 1), *chunks),) if count else None)
        root = open_hdf5(path)
        shapes.add(headers.chunk_grid(found(root, "x"), Options()).chunk_shape)
        fixed = found(root, "fixed")
        assert headers.chunk_grid(fixed, Options()).chunk_shape == grid.choose((count,), 8, own=fixed.chunks)
    assert len(shapes) == 1
