"""Kept planes, in memory and in files.

They are bounded, never half written, and never give other bytes than were written.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numcodecs.checksum32 import CRC32C

from ome.pyramid.planes import CODEC, LAYOUT, SHARD, files, keep, nbytes, parts, same, seal
from tiled_zarr.ome.pyramid import folders
from tiled_zarr.ome.pyramid.files import remove
from tiled_zarr.ome.pyramid.folders import Folder
from tiled_zarr.ome.pyramid.kernels import checksum
from tiled_zarr.ome.pyramid.layouts import Layout, Tile
from tiled_zarr.ome.pyramid.planes import Planes

ROOM = 13_000
"""For two planes of 6000 bytes in memory."""
DISK = 17_990
"""For two planes of 8977 bytes on disk: with documents, indexes and whole tiles at the edges."""
DISKS = [False, True]


@pytest.mark.parametrize("is_on_disk", DISKS)
def test_tiles_are_what_was_written(tmp_path: Path, is_on_disk: bool) -> None:
    planes = Planes(ROOM, tmp_path if is_on_disk else None)
    assert not planes.has("a", LAYOUT)
    keep(planes, "a")
    assert planes.has("a", LAYOUT)
    assert same(planes, "a") == [True] * (3 * 4 + 2 * 2)
    block = planes.tile("a", LAYOUT, Tile(2, 0, 0))
    assert block is not None
    assert not block.flags.writeable


@given(
    data=st.data(),
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    dtype=st.sampled_from(["u1", "<i2", "<f4"]),
    tile=st.sampled_from([16, 32]),
)
def test_blocks_of_any_place_come_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, shape: tuple[int, int], dtype: str, tile: int
) -> None:
    """Written as boxes that know nothing of tiles, into memory and a file."""
    layout = Layout(1, (shape, (3, 3)), tile, np.dtype(dtype))
    values = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    box = data.draw(st.tuples(st.integers(1, 70), st.integers(1, 70)))
    for folder in (None, tmp_path_factory.mktemp("levels")):
        planes = Planes(1 << 20, folder)
        draft = planes.draft("a", layout, CODEC)
        assert draft is not None
        for top in range(0, shape[0], box[0]):
            for left in range(0, shape[1], box[1]):
                draft.put(1, top, left, values[top : top + box[0], left : left + box[1]])
        seal(draft)
        planes.keep("a", draft)
        for one in (one for one in layout.tiles() if one.level == 1):
            block = planes.tile("a", layout, one)
            assert block is not None
            top, left = one.row * tile, one.column * tile
            np.testing.assert_array_equal(block, values[top : top + tile, left : left + tile])


@pytest.mark.parametrize("is_on_disk", DISKS)
def test_the_oldest_go_first_and_drafts_count(tmp_path: Path, is_on_disk: bool) -> None:
    room = DISK if is_on_disk else ROOM
    planes = Planes(room, tmp_path if is_on_disk else None)
    keep(planes, "a")
    keep(planes, "b")
    assert planes.has("a", LAYOUT)
    assert not planes.has_room(LAYOUT.nbytes)
    for name in "cdef":
        keep(planes, name)
        assert planes.nbytes <= planes.max_bytes
    assert not planes.has("b", LAYOUT)
    draft = planes.draft("a", LAYOUT, CODEC)
    assert draft is not None
    if is_on_disk:
        assert nbytes(tmp_path) <= room
    else:
        assert planes.nbytes + LAYOUT.nbytes <= room
    draft.drop()


def test_files_outlive_the_server(tmp_path: Path) -> None:
    keep(Planes(ROOM, tmp_path), "a")
    assert same(Planes(ROOM, tmp_path), "a") == [True] * 16


def test_a_crash_leaves_nothing_to_be_found(tmp_path: Path) -> None:
    """What was being written has another name; a store with a file cut short is no plane."""
    draft = Planes(ROOM, tmp_path).draft("a", LAYOUT, CODEC)
    assert draft is not None
    assert not Planes(ROOM, tmp_path).has("a", LAYOUT)
    seal(draft)
    assert not Planes(ROOM, tmp_path).has("a", LAYOUT)
    assert not list(tmp_path.rglob("zarr.json")), "no reader opens what is not whole"
    draft.drop()
    keep(Planes(ROOM, tmp_path), "a")
    for path in parts(tmp_path):
        content = path.read_bytes()
        for length in (0, len(content) - 1):
            path.write_bytes(content[:length])
            planes = Planes(ROOM, tmp_path)
            assert all(same(planes, "a"))
            assert not planes.has("a", LAYOUT)
            keep(Planes(ROOM, tmp_path), "a")


@pytest.mark.parametrize("other", [LAYOUT._replace(dtype=np.dtype("u1")), LAYOUT._replace(shapes=((40, 60), (20, 31)))])
def test_a_file_of_another_layout_is_no_plane(tmp_path: Path, other: Layout) -> None:
    keep(Planes(ROOM, tmp_path), "a")
    assert not Planes(ROOM, tmp_path).has("a", other)


def test_the_folder_is_bounded(tmp_path: Path) -> None:
    for name in "abcdefgh":
        keep(Planes(DISK, tmp_path), name)
        assert LAYOUT.nbytes < nbytes(tmp_path) <= DISK


@pytest.mark.parametrize("suffix", [folders.SUFFIX, folders.WRITING])
def test_a_link_to_nothing_does_not_let_the_folder_grow(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"x{suffix}").symlink_to(tmp_path / "nothing")
    for name in "abcd":
        keep(Planes(DISK, tmp_path), name)
        assert nbytes(tmp_path) <= DISK


@pytest.mark.parametrize("suffix", [folders.SUFFIX, folders.WRITING])
def test_what_a_link_leads_to_does_not_count(tmp_path: Path, suffix: str) -> None:
    """The operator's data lie there: they take no room of ours, and stay."""
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "file").write_bytes(bytes(10 * DISK))
    link = tmp_path / "folder" / f"linked{suffix}"
    planes = Planes(DISK, tmp_path / "folder")
    link.symlink_to(tmp_path / "large" if suffix == folders.SUFFIX else tmp_path / "large" / "file")
    for name in "abc":
        keep(planes, name)
    assert [planes.has(name, LAYOUT) for name in "abc"] == [False, True, True]
    assert link.is_symlink()
    assert [path.name for path in (tmp_path / "large").iterdir()] == ["file"]


def test_a_store_that_cannot_be_removed_does_not_let_the_folder_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of another user, in a folder where each may remove what is theirs."""
    keep(Planes(DISK, tmp_path), "a")
    [theirs] = files(tmp_path)
    os.utime(theirs / "zarr.json", (0, 0))

    def removed(path: Path) -> None:
        if path == theirs:
            raise PermissionError
        remove(path)

    monkeypatch.setattr(folders, "remove", removed)
    for name in "bcde":
        keep(Planes(DISK, tmp_path), name)
        assert theirs in files(tmp_path)
        assert nbytes(tmp_path) <= DISK


def test_a_store_that_takes_more_than_its_pixels_is_not_made_again(tmp_path: Path) -> None:
    """`levels_size` has room for the pixels; documents and checksums come on top."""
    planes = Planes(LAYOUT.nbytes, tmp_path)
    keep(planes, "a")
    assert nbytes(tmp_path) > LAYOUT.nbytes
    for one in (planes, Planes(LAYOUT.nbytes, tmp_path)):
        assert same(one, "a") == [True] * 16
    keep(planes, "b")
    assert len(files(tmp_path)) == 1


def test_a_dropped_draft_leaves_no_file(tmp_path: Path) -> None:
    draft = Planes(ROOM, tmp_path).draft("a", LAYOUT, CODEC)
    assert draft is not None
    draft.drop()
    assert files(tmp_path) == []


def test_the_checksum_is_crc_32c() -> None:
    """As numcodecs has it: Zarr's crc32c codec."""
    data = np.random.default_rng(0).bytes(1000)
    assert checksum(data) == bytes(CRC32C().encode(data)[-4:])
    assert checksum(data) != zlib.crc32(data).to_bytes(4, "little")


def test_every_flipped_bit_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A tile whose bytes have changed is never returned.

    Its plane is deleted and can be made again.
    """
    keep(Planes(ROOM, tmp_path), "a")
    whole = {path: path.read_bytes() for path in parts(tmp_path)}
    rng, noticed = np.random.default_rng(0), 0
    for place in rng.integers(0, 8 * nbytes(tmp_path), 200).tolist():
        path, bit = located(whole, place)
        flipped = bytearray(whole[path])
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        planes = Planes(ROOM, tmp_path)
        assert all(same(planes, "a"))
        noticed += not planes.has("a", LAYOUT)
        for one, content in whole.items():
            one.parent.mkdir(parents=True, exist_ok=True)
            one.write_bytes(content)
    assert noticed == 200
    assert any("checksum" in record.getMessage() for record in caplog.records)
    parts(tmp_path)[-1].write_bytes(b"no document")
    planes = Planes(ROOM, tmp_path)
    keep(planes, "a")
    assert same(planes, "a") == [True] * 16


def located(whole: dict[Path, bytes], place: int) -> tuple[Path, int]:
    """The file of a bit, and its number there, of files that follow each other."""
    for path, content in whole.items():
        if place < 8 * len(content):
            return path, place
        place -= 8 * len(content)
    raise AssertionError("beyond the files")


@pytest.mark.parametrize("damage", ["truncated", "emptied", "removed", "a folder", "a pipe", "flipped", "all removed"])
def test_a_store_damaged_under_a_server_is_no_longer_kept(tmp_path: Path, damage: str) -> None:
    planes = Planes(ROOM, tmp_path)
    keep(planes, "a")
    [store] = files(tmp_path)
    path = store / SHARD
    content = path.read_bytes()
    match damage:
        case "truncated":
            os.truncate(path, len(content) // 2)
        case "emptied":
            os.truncate(path, 0)
        case "removed":
            path.unlink()
        case "a folder":
            path.unlink()
            path.mkdir()
        case "a pipe":
            path.unlink()
            os.mkfifo(path)
        case "flipped":
            path.write_bytes(bytes(~byte & 255 for byte in content))
        case "all removed":
            shutil.rmtree(store)
    assert all(same(planes, "a"))
    assert not planes.has("a", LAYOUT)
    assert files(tmp_path) == []
    keep(planes, "a")
    assert same(planes, "a") == [True] * 16


def test_a_fifo_among_the_files_is_not_waited_for(tmp_path: Path) -> None:
    planes = Planes(ROOM, tmp_path)
    keep(planes, "a")
    [store] = files(tmp_path)
    (store / "zarr.json").unlink()
    os.mkfifo(store / "zarr.json")
    assert not Planes(ROOM, tmp_path).has("a", LAYOUT)
    os.mkfifo(tmp_path / f"x{folders.WRITING}")
    keep(Planes(ROOM, tmp_path), "a")


def test_a_store_without_a_shard_is_no_plane(tmp_path: Path) -> None:
    """A reader of Zarr would take it for zeros."""
    keep(Planes(ROOM, tmp_path), "a")
    [store] = files(tmp_path)
    (store / SHARD).unlink()
    assert not Planes(ROOM, tmp_path).has("a", LAYOUT)


WORKER = """
import sys
from pathlib import Path
import numpy as np
from tiled_zarr.codecs import parse
from tiled_zarr.ome.pyramid.layouts import Layout
from tiled_zarr.ome.pyramid.planes import Planes
draft = Planes(10**6, Path(sys.argv[1])).draft("a", Layout(2, ((40, 60),), 16, np.dtype("<u2")), parse("none"))
print("begun", flush=True)
sys.stdin.read()
"""
"""Another worker, which is making a plane until it is killed."""


def test_drafts_of_killed_servers_go_and_those_of_live_ones_stay(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        try:
            assert worker.stdout.readline() == "begun\n"
            [draft] = files(tmp_path)
            (tmp_path / f"old{folders.WRITING}").write_bytes(b"left by a server that was killed")
            (tmp_path / f"lost{folders.MADE}" / "2").mkdir(parents=True)
            for suffix in folders.OLD:
                (tmp_path / f"old{suffix}").write_bytes(b"left by an older version")
            (tmp_path / "mine.txt").write_bytes(b"not ours")
            Planes(ROOM, tmp_path)
            assert files(tmp_path) == sorted([draft, tmp_path / "mine.txt"])
        finally:
            worker.kill()
    Planes(ROOM, tmp_path)
    assert files(tmp_path) == [tmp_path / "mine.txt"]


def test_without_locks_only_old_drafts_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_lock", lambda _: None)
    new, old = tmp_path / f"new{folders.WRITING}", tmp_path / f"old{folders.WRITING}"
    new.touch()
    old.touch()
    os.utime(old, (0, 0))
    Folder(tmp_path)
    assert files(tmp_path) == [new]


def test_kept_planes_hold_no_descriptors(tmp_path: Path) -> None:
    planes, before = Planes(1 << 30, tmp_path), descriptors()
    for number in range(50):
        keep(planes, str(number))
    assert all(planes.has(str(number), LAYOUT) for number in range(50))
    assert descriptors() == before


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
