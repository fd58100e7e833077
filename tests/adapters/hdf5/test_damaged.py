"""HDF5 files on which the library loops, crashes or asks for too much: only they suffer."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

import damagedhdf5
from tiled_zarr.adapters.hdf5 import indexing, items, library, open_hdf5
from tiled_zarr.helpers.pool import NoAnswer
from tiled_zarr.nodes import Damaged, Group, TooLarge, Unavailable
from tiled_zarr.resources import default
from tiled_zarr.testing import whole

pytestmark = pytest.mark.slow

PROMPT = 30.0
"""Seconds that an answer may take on a busy machine which is to be at once."""


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short deadlines."""
    monkeypatch.setattr(default().hdf5, "open_timeout", 2.0)
    monkeypatch.setattr(default().hdf5, "read_timeout", 2.0)


def good(folder: Path) -> None:
    """Another file opens and is read."""
    with h5py.File(folder / "good.h5", "w") as file:
        file["x"], file["text"] = np.arange(3), ["a", "b"]
    node = open_hdf5(folder / "good.h5")
    assert whole(node.children["x"]).tolist() == [0, 1, 2]
    assert whole(node.children["text"]).tolist() == ["a", "b"]


@pytest.mark.parametrize("byte", range(8, 48))
def test_a_flipped_bit_in_the_superblock_is_an_error(tmp_path, byte):
    """Its checksum is wrong; a reader with SWMR would wait for a right one."""
    for bit in range(8 * byte, 8 * byte + 8):
        path = damagedhdf5.flipped(damagedhdf5.small(tmp_path / f"{bit}.h5"), bit)
        with pytest.raises(OSError, match=r"'\d+\.h5' cannot be read as an HDF5 file") as caught:
            open_hdf5(path)
        assert not isinstance(caught.value, TimeoutError)


def test_a_damaged_root_group_is_an_error_and_no_absence(tmp_path):
    path = damagedhdf5.small(tmp_path / "a.h5")
    with pytest.raises(OSError, match="'/' is damaged"):
        open_hdf5(damagedhdf5.flipped(path, 8 * (path.read_bytes().index(b"OHDR") + 20)))


@pytest.mark.usefixtures("hurried")
def test_a_file_that_hangs_when_it_is_opened(tmp_path):
    path = damagedhdf5.hangs_when_opened(tmp_path / "bad.h5")
    with pytest.raises(NoAnswer, match=r"the HDF5 library did not answer within 2 seconds on 'bad\.h5'"):
        open_hdf5(path)
    before = dict(default().hdf5.pool.ended)
    with pytest.raises(NoAnswer):
        open_hdf5(path)
    assert default().hdf5.pool.ended == before, "it was not tried again"
    good(tmp_path)
    with h5py.File(tmp_path / "new.h5", "w") as file:
        file["x"] = np.arange(2)
    (tmp_path / "new.h5").replace(path)
    assert whole(open_hdf5(path).children["x"]).tolist() == [0, 1]


@pytest.mark.usefixtures("hurried")
def test_a_file_that_hangs_when_it_is_read(tmp_path):
    node = open_hdf5(damagedhdf5.hangs_when_read(tmp_path / "bad.h5"))
    children = dict(node.children)
    with pytest.raises(NoAnswer, match=r"on 'bad\.h5'"):
        whole(children["text"])
    assert whole(children["x"]).tolist() == [0, 1, 2], "what is read past the library"
    good(tmp_path)


@pytest.mark.usefixtures("hurried")
def test_the_flag_of_a_writer_that_died(tmp_path):
    path = damagedhdf5.left_by_its_writer(tmp_path / "whole.h5")
    assert whole(open_hdf5(path).children["x"]).tolist() == np.arange(40).reshape(4, 10).tolist()
    with pytest.raises(NoAnswer, match=r"on 'bad\.h5'"):
        open_hdf5(damagedhdf5.left_and_damaged(tmp_path / "bad.h5"))
    good(tmp_path)


def test_a_crash_in_the_middle_of_a_read(tmp_path):
    """We kill the helpers that read the file, the first one and the one that tries again."""
    child = open_hdf5(damagedhdf5.hangs_when_read(tmp_path / "bad.h5")).children["text"]
    pool = default().hdf5.pool
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(whole, child)
        killed = set()
        while not reading.done():
            busy = {helper.process.pid for helper in list(pool._helpers) if helper.path == child.revision.whole.__self__.path}
            for pid in busy - killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            time.sleep(0.01)
        with pytest.raises(Damaged, match=r"the HDF5 library crashed \(SIGKILL\) on 'bad\.h5'"):
            reading.result(PROMPT)
    assert len(killed) == 2
    good(tmp_path)


def test_a_crash_of_one_helper_goes_unnoticed(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["text"] = ["a", "b"]
    child = open_hdf5(tmp_path / "a.h5").children["text"]
    for pid in default().hdf5.pool.pids:
        os.kill(pid, signal.SIGKILL)
    assert whole(child).tolist() == ["a", "b"]


def test_only_regular_files_are_opened(tmp_path):
    """Opening a pipe to which nobody writes would hang; the same helper answers all the time."""
    node = open_hdf5(damagedhdf5.links_to_a_pipe(tmp_path / "a.h5"))
    before = dict(default().hdf5.pool.ended)
    with pytest.raises(Damaged, match="'pipe': a named pipe"):
        node.children["external"]
    with pytest.raises(Damaged, match="'pipe': a named pipe"):
        node.children["virtual"]
    with pytest.raises(Damaged, match="'pipe': a named pipe"):
        node.children["soft"]
    with pytest.raises(Damaged, match="'pipe': a named pipe"):
        open_hdf5(tmp_path / "pipe")
    with pytest.raises(Damaged, match="a folder where a file is expected"):
        open_hdf5(tmp_path)
    assert whole(node.children["x"]).tolist() == [0, 1, 2]
    assert default().hdf5.pool.ended == before


def test_soft_links_in_a_circle_end(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"], file["b"] = h5py.SoftLink("/b"), h5py.SoftLink("a")
        file["x"] = np.arange(3)
        file["through"] = h5py.SoftLink("/x/y")
    node = open_hdf5(tmp_path / "a.h5")
    with pytest.raises(OSError, match="more than 64 soft links"):
        node.children["a"]
    with pytest.raises(OSError, match="something that is no group"):
        node.children["through"]


def test_soft_links_are_relative_to_their_group(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["g/h/x"] = np.arange(3)
        file["g/s"] = h5py.SoftLink("h/./x")
        file["g/h/t"] = h5py.SoftLink("/g//s")
        truth = file["g/h/t"][...].tolist()
    group = open_hdf5(tmp_path / "a.h5").children["g"]
    assert whole(group.children["s"]).tolist() == truth
    assert whole(group.children["h"].children["t"]).tolist() == truth


@pytest.mark.usefixtures("in_process")
def test_texts_are_read_a_few_at_a_time(tmp_path, monkeypatch):
    texts = np.array([["x" * (7 * i * j % 501) for i in range(40)] for j in range(30)], object)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=texts, dtype=h5py.string_dtype(), chunks=(7, 40))
    child = open_hdf5(tmp_path / "a.h5").children["x"]
    monkeypatch.setattr(items, "AIM", 5000)
    assert (whole(child) == texts).all()
    assert (child.read((slice(3, 29), slice(39, 40))) == texts[3:29, 39:]).all()
    assert child.read((slice(3, 3), slice(0, 40))).shape == (0, 40)
    monkeypatch.setattr(items, "MOST_TEXT", 10_000)
    with pytest.raises(TooLarge, match="/x has more than 10000 bytes of text there: set a smaller chunk_shape for it"):
        whole(child)
    assert (child.read((slice(0, 1), slice(0, 40))) == texts[:1]).all()


@pytest.mark.usefixtures("in_process")
def test_blocks_that_the_library_reads_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(items, "MOST_BYTES", 1000)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.arange(300), chunks=(100,), scaleoffset=0)
    child = open_hdf5(tmp_path / "a.h5").children["x"]
    with pytest.raises(TooLarge, match="/x has 2400 bytes there: at most 1000 are read at once by the HDF5 library"):
        whole(child)
    assert child.read((slice(0, 100),)).tolist() == list(range(100))


def test_the_server_does_not_load_the_library(tmp_path):
    good(tmp_path)
    code = """
import sys
from pathlib import Path
from tiled_zarr.adapters import open_file
node = open_file(Path(sys.argv[1]))
print([child.read((slice(0, 2),)).tolist() for child in node.children.values()])
assert "h5py" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "good.h5"], capture_output=True, text=True, check=True)
    assert done.stdout == "[['a', 'b'], [0, 1]]\n"


def many(path: Path) -> Group:
    with h5py.File(path, "w") as file:
        for i in range(1000):
            file[f"{i:04}"] = i if i % 10 else h5py.Empty("i4")
    return open_hdf5(path)


def test_members_in_order_are_described_together(tmp_path, monkeypatch):
    asked = []
    header = library.header
    monkeypatch.setattr(library, "header", lambda snapshot, name, *rest: asked.append(rest) or header(snapshot, name, *rest))
    node = many(tmp_path / "a.h5")
    for _ in range(2):
        for i, name in enumerate(node.children):
            if i % 10:
                assert node.children[name].read(()) == i
            else:
                with pytest.raises(Unavailable, match="no shape"):
                    node.children[name]
    assert len(asked) < 150, "a hundred that are no arrays are asked for again"
    asked.clear()
    other = many(tmp_path / "b.h5")
    assert [other.children[f"{i:04}"].read(()) for i in (999, 501, 7)] == [999, 501, 7]
    assert [len(rest[1]) for rest in asked[1:]] == [1, 1, 1]


def test_a_node_stays_the_same_object(tmp_path):
    node = many(tmp_path / "a.h5")
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: [node.children[f"{i:04}"] for i in range(1, 10)], range(32)))
    assert all(one is other for nodes in found for one, other in zip(nodes, found[0], strict=True))


def test_an_index_is_read_in_a_helper(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.arange(100_000), chunks=(10,))
    index = library.data(open_hdf5(tmp_path / "a.h5").revision.__self__, "chunk_index", "/x")
    assert (index.rows.size, index.rows.dtype) == (10_000, indexing.ROW)


AXES = {
    "a number for references": ("DIMENSION_LIST", 7),
    "numbers for references": ("DIMENSION_LIST", np.arange(1)),
    "a text for references": ("DIMENSION_LIST", "a"),
    "numbers for labels": ("DIMENSION_LABELS", np.arange(1)),
    "short texts for labels": ("DIMENSION_LABELS", np.array([b"x"])),
    "labels of another shape": ("DIMENSION_LABELS", np.array([["x", "y"]], object)),
}


@pytest.mark.parametrize("name", AXES)
def test_names_of_axes_of_a_wrong_type_are_none(tmp_path: Path, name: str) -> None:
    """The library takes any bytes for lists of references and of texts, and crashes."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"], file["y"] = np.arange(5), np.arange(3)
        attribute, value = AXES[name]
        file["x"].attrs[attribute] = value
    group = open_hdf5(tmp_path / "a.h5")
    assert [group.children[child].dimension_names for child in "xy"] == [(None,), (None,)]


@pytest.mark.parametrize("way", [("v", "v"), ("v", "w", "v"), ("v", "w", "u", "w")], ids="-".join)
def test_a_virtual_dataset_over_itself_is_refused(tmp_path: Path, way: tuple[str, ...]) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["good"] = np.arange(3)
        for name, source in itertools.pairwise(way):
            layout = h5py.VirtualLayout((10,), "i4")
            layout[:] = h5py.VirtualSource("a.h5" if name == "v" else ".", source, (10,))
            file.create_virtual_dataset(name, layout)
    group = open_hdf5(tmp_path / "a.h5")
    with pytest.raises(Damaged, match="a source of itself; write it again"):
        _ = group.children["v"]
    assert group.children["good"].read((slice(0, 3),)).tolist() == [0, 1, 2]
