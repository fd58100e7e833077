"""Arrays in one piece in a file: views of a mapping of it, or reads if it cannot be mapped."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tiled_zarr import revisions
from tiled_zarr.adapters.common import flat, mapped
from tiled_zarr.adapters.common import snapshot as snapshots
from tiled_zarr.adapters.common.flat import FlatArray
from tiled_zarr.adapters.common.snapshot import Snapshot
from tiled_zarr.adapters.files.npy import open_npy
from tiled_zarr.caches.resident import Resident
from tiled_zarr.nodes import Array, Changed, Dense
from tiled_zarr.resources import MOST_MAPPED, Resources
from tiled_zarr.testing import ARRAYS, ReaderContract, assert_same, check_rewritten, check_truncated, reading, whole
from unmapped import KEPT, REOPENED, Unmapped

WIDE = np.arange(3000 * 4000, dtype="<u2").reshape(3000, 4000)
PLAIN = {name: array for name, array in ARRAYS.items() if array.dtype.kind != "O"}
HEAD = 13


def written(path: Path, data: np.ndarray) -> Array:
    """A node of an array that begins at an odd byte."""
    path.write_bytes(bytes(range(HEAD)) + np.ascontiguousarray(data).tobytes())
    return node_of(path, data)


def node_of(path: Path, data: np.ndarray) -> Array:
    snapshot = Snapshot.of(path)
    flat = FlatArray(snapshot, HEAD, data.shape, data.dtype)
    return Array(shape=data.shape, dtype=data.dtype, source=Dense(flat.read, flat.read_stepped), revision=snapshot.revision)


def case_of(array: np.ndarray):
    return lambda folder: (written(folder / "a.bin", array), array)


CASES = {name: case_of(array) for name, array in PLAIN.items()}


class TestMapped(ReaderContract, cases=CASES): ...


class TestRead(ReaderContract, cases=CASES):
    """The same if the system maps nothing."""

    @pytest.fixture(autouse=True)
    def no_mappings(self, only_read: None) -> None: ...


class TestReopened(ReaderContract, cases=CASES):
    """The same if files do not stay open."""

    @pytest.fixture(autouse=True)
    def no_files(self, reopened: None) -> None: ...


@pytest.fixture
def only_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "_native", KEPT)


@pytest.fixture
def reopened(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""
    monkeypatch.setattr(mapped, "_native", REOPENED)


@pytest.fixture(params=["only_read", "reopened"])
def unmapped(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.bin"


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Resources:
    """Resources of which only the test knows, with room for two mapped files."""
    resources = replace(Resources.of(), mapped=Resident(1 << 20, 2))
    monkeypatch.setattr(snapshots, "default", lambda: resources)
    return resources


def resident(path: Path) -> int:
    """Bytes of a mapped file that count as this process's own."""
    entries = Path("/proc/self/smaps").read_text().split(str(path))[1:]
    return sum(int(entry.split("Rss:")[1].split()[0]) * 1024 for entry in entries)


def is_mapped(path: Path) -> bool:
    return str(path) in Path("/proc/self/maps").read_text()


def test_a_block_is_a_view_of_the_file(path):
    node = written(path, WIDE)
    with reading() as nbytes:
        block = node.read((slice(100, 612), slice(50, 562)))
        assert nbytes() < 100_000, "only what opening the mapping and the counter itself take"
    assert not block.flags.owndata
    assert not block.flags.writeable
    assert block.strides == WIDE.strides
    assert_same(block, WIDE[100:612, 50:562], "view")


def test_many_small_pieces_are_read(path, own):
    """Rows of 100 kB, of which a tile holds 100 bytes each."""
    wide = WIDE.reshape(240, 50_000)
    node = written(path, wide)
    with reading() as nbytes:
        block = node.read((slice(0, 240), slice(100, 150)))
        stepped = node.source.read_stepped((slice(0, 240), slice(0, 500)), (2, 100))
        assert nbytes() < 240 * 100 + 120 * 1000 + 1000
    assert_same(block, wide[:, 100:150], "tile")
    assert_same(stepped, wide[::2, :500:100], "stepped")
    assert resident(path) == 0
    stack = WIDE.reshape(3, 10, 10, 40_000)
    node = written(path, stack)
    assert_same(node.read((slice(1, 3), slice(2, 9), slice(0, 10), slice(7, 9))), stack[1:3, 2:9, :, 7:9], "stack")
    os.truncate(path, HEAD + WIDE.nbytes // 2)
    with pytest.raises(OSError, match="truncated"):
        node_of(path, wide).read((slice(0, 240), slice(100, 150)))


@pytest.mark.usefixtures("unmapped")
def test_if_nothing_can_be_mapped_blocks_are_read(path):
    node = written(path, WIDE)
    with reading() as nbytes:
        assert_same(node.read((slice(1000, 1064), slice(50, 114))), WIDE[1000:1064, 50:114], "tile")
        assert nbytes() < 100_000
        assert_same(node.source.read_stepped((slice(0, 3000), slice(0, 2000)), (1000, 9)), WIDE[::1000, :2000:9], "stepped")
        assert nbytes() < 100_000 + 3 * 4000


@pytest.mark.usefixtures("only_read")
def test_what_lies_between_the_items_is_read_in_small_parts(path, monkeypatch):
    """A column of bytes 4000 bytes apart, and every fourth item of every second row."""
    monkeypatch.setattr(flat, "AT_ONCE", 100_000)
    parts: list[int] = []

    class Counted(Unmapped):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.read = lambda *pieces: parts.append(len(self.file.read(*pieces))) or self.file.read(*pieces)

    monkeypatch.setattr(mapped, "_native", SimpleNamespace(File=Counted))
    items = WIDE.view("u1")[:, :4000]
    node = written(path, items)
    assert_same(node.read((slice(5, 3000), slice(7, 8))), items[5:, 7:8], "column")
    assert node.source.read_stepped is not None
    assert_same(node.source.read_stepped((slice(5, 3000), slice(7, 4000)), (2, 4)), items[5::2, 7::4], "stepped")
    assert max(parts) <= 100_000


@pytest.mark.usefixtures("unmapped")
def test_a_file_that_is_not_mapped_is_rewritten_and_truncated(path):
    check_rewritten(path, lambda path: node_of(path, whole_of(path)), written)
    written(path, WIDE[:100])
    check_truncated(path, lambda path: node_of(path, WIDE[:100]), WIDE[:100])


def whole_of(path: Path) -> np.ndarray:
    """An array of the only two sizes that the test writes."""
    return np.empty((6, 10) if path.stat().st_size == HEAD + 120 else (70, 90), "<u2")


def test_a_part_that_is_there_of_a_truncated_file(path):
    written(path, WIDE)
    os.truncate(path, HEAD + WIDE.nbytes // 2)
    node = node_of(path, WIDE)
    assert_same(node.read((slice(0, 1500), slice(0, 4000))), WIDE[:1500], "the first half")
    with pytest.raises(OSError, match=r"ends at byte .* data are expected up to .* truncated"):
        node.read((slice(1499, 1501), slice(0, 4000)))


def test_a_view_of_a_file_that_is_cut_short_survives_and_its_revision_tells(path):
    node = written(path, WIDE)
    before = node.revision()
    block = node.read((slice(0, 3000), slice(0, 4000)))
    os.truncate(path, 5000)
    assert not block[100:].any()
    assert node.revision() != before
    with pytest.raises(Changed):
        node.read((slice(0, 1), slice(0, 1)))


@pytest.fixture
def still(monkeypatch):
    """Revisions without the status time: a failing disk does not change it, but these tests do."""
    monkeypatch.setattr(revisions, "_described", lambda status: f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}")


def restored(path: Path, status: os.stat_result) -> None:
    """As if nothing had happened: all that a file's revision is made of is as before."""
    path.write_bytes(bytes(range(HEAD)) + WIDE.tobytes())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.usefixtures("still")
def test_a_page_that_could_not_be_read_changes_the_revision_and_is_read_again(path):
    """As after an error of the disk, which leaves the file as it was."""
    node = written(path, WIDE)
    status, before = path.stat(), node.revision()
    block = node.read((slice(0, 3000), slice(0, 4000)))
    path.write_bytes(b"")
    assert not block[2000].any()
    restored(path, status)
    after = node.revision()
    assert before != after == node.revision()
    assert_same(whole(node), WIDE, "of a new mapping")
    assert node.revision() == after


@pytest.mark.usefixtures("still")
def test_a_stepped_read_does_not_give_out_what_could_not_be_read(path, monkeypatch):
    node = written(path, WIDE)
    status = path.stat()
    whole(node)
    copy = FlatArray._copy

    def copy_while_the_disk_fails(*args: object) -> None:
        path.write_bytes(b"")
        copy(*args)
        restored(path, status)

    with monkeypatch.context() as failing:
        failing.setattr(FlatArray, "_copy", copy_while_the_disk_fails)
        with pytest.raises(Changed, match="could not be read in part"):
            node.source.read_stepped((slice(0, 3000), slice(0, 4000)), (2, 1000))
    assert_same(node.source.read_stepped((slice(0, 3000), slice(0, 4000)), (2, 1000)), WIDE[::2, ::1000], "again")


def test_few_files_stay_mapped(tmp_path, own):
    paths = [tmp_path / f"{number}.bin" for number in range(4)]
    for path in paths:
        whole(written(path, WIDE[:3]))
    assert [is_mapped(path) for path in paths] == [False, False, True, True]
    kept = whole(node_of(paths[0], WIDE[:3]))
    whole(node_of(paths[1], WIDE[:3]))
    whole(node_of(paths[2], WIDE[:3]))
    assert is_mapped(paths[0]), "a view lives"
    assert_same(kept, WIDE[:3], "kept")


def test_files_that_are_gone_are_given_up(tmp_path, own):
    for number, change in enumerate((Path.unlink, lambda path: path.write_bytes(b"other"))):
        path = tmp_path / f"{number}.bin"
        node = written(path, WIDE[:3])
        whole(node)
        change(path)
        assert is_mapped(path)
        whole(written(tmp_path / "next.bin", WIDE[:3]))
        assert not is_mapped(path)


@pytest.mark.slow
@pytest.mark.parametrize("stepped", [False, True], ids=["read", "read_stepped"])
def test_a_pass_over_a_large_file_keeps_little_of_it_resident(path, own, monkeypatch, stepped):
    monkeypatch.setattr(flat, "AT_ONCE", 1 << 18)
    node = written(path, WIDE)
    most = 0
    for start in range(0, 3000, 500):
        region = (slice(start, start + 500), slice(0, 4000))
        if stepped:
            node.source.read_stepped(region, (1, 100)).sum()
            most = max(most, resident(path))
        else:
            for row in range(start, start + 500, 50):
                node.read((slice(row, row + 50), slice(0, 4000))).sum()
                most = max(most, resident(path))
    assert most <= WIDE.nbytes // 3


def test_the_process_s_own_mappings_are_bounded():
    assert MOST_MAPPED < 1024, "the native table"


def test_an_npy_file_is_mapped(tmp_path):
    np.save(tmp_path / "a.npy", WIDE[:10])
    assert not whole(open_npy(tmp_path / "a.npy")).flags.owndata
    assert is_mapped(tmp_path / "a.npy")
