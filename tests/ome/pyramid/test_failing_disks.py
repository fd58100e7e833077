"""The folder of levels on a disk that is full, read-only or gone: the levels are kept in memory."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from disks import remount_read_only, small_disk
from ome.pyramid.planes import CODEC, LAYOUT, files, keep, levels, same
from tiled_zarr.ome.pyramid import drafts
from tiled_zarr.ome.pyramid.drafts import MemoryPlane
from tiled_zarr.ome.pyramid.files import Unkept
from tiled_zarr.ome.pyramid.layouts import Layout
from tiled_zarr.ome.pyramid.planes import PAUSE, Planes

ROOM = 13_000
"""For two planes of 6000 bytes in memory."""


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_disk_that_cannot_reserve_room_leaves_levels_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    now = [0.0]
    planes = Planes(ROOM, tmp_path, clock=lambda: now[0])
    is_full = [True]
    reserve = os.posix_fallocate

    def fail(*arguments: int) -> None:
        if is_full[0]:
            raise OSError(code, os.strerror(code))
        reserve(*arguments)

    monkeypatch.setattr(os, "posix_fallocate", fail)
    for name in "abc":
        now[0] += PAUSE
        keep(planes, name)
        assert same(planes, name) == [True] * 16
        assert planes.nbytes <= ROOM
    assert files(tmp_path) == []
    assert [record.levelno for record in caplog.records] == [logging.WARNING], "one line"
    assert os.strerror(code) in caplog.text
    is_full[0] = False
    keep(planes, "d")
    assert files(tmp_path) == [], "it is left alone for a while"
    now[0] += PAUSE
    keep(planes, "e")
    assert len(files(tmp_path)) == 1
    assert same(planes, "e") == [True] * 16


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_that_cannot_reserve_room_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail(*_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", fail)
    planes = Planes(ROOM, tmp_path)
    keep(planes, "a")
    assert len(files(tmp_path)) == 1
    assert same(planes, "a") == [True] * 16


def test_memory_beside_a_broken_folder_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`levels_size` may be as large as the disk."""
    monkeypatch.setattr("tiled_zarr.ome.pyramid.planes.BESIDE_A_FOLDER", LAYOUT.nbytes)
    planes = Planes(1 << 40, tmp_path)
    planes.pause(OSError(errno.EIO, "broken"))
    keep(planes, "a")
    keep(planes, "b")
    assert planes.nbytes == LAYOUT.nbytes
    assert planes.draft("a", LAYOUT._replace(shapes=((400, 600),)), CODEC) is None


def test_a_disk_that_fails_while_a_plane_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = Planes(ROOM, tmp_path).draft("a", LAYOUT, CODEC)
    assert isinstance(draft, drafts.FileDraft)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr("tiled_zarr.ome.pyramid.drafts.write", fail)
    with pytest.raises(Unkept, match="no room"):
        draft.put(2, 0, 0, levels()[0])
    draft.drop()
    assert files(tmp_path) == []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 2**20) as path:
        yield path


def test_a_full_disk(disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Planes of 2 MB on a disk with room for one; writing to a mapping would raise SIGBUS."""
    large = Layout(1, ((1000, 1000), (500, 500)), 512, np.dtype("u1"))
    planes = Planes(10**8, disk)
    (disk / "other").write_bytes(bytes(2**19))
    keep(planes, "a", large)
    assert all(same(planes, "a", large))
    assert len(same(planes, "a", large)) == 5
    assert [path.name for path in files(disk)] == ["other"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "No space left on device" in caplog.text
    assert isinstance(planes.draft("a", LAYOUT, CODEC), MemoryPlane)


def test_a_disk_that_becomes_read_only(disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    planes = Planes(10**8, disk)
    keep(planes, "a")
    remount_read_only(disk)
    assert same(planes, "a") == [True] * 16
    for name in "bcd":
        keep(planes, name)
        assert same(planes, name) == [True] * 16
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert same(planes, "a") == [True] * 16


def test_a_folder_that_vanishes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    planes = Planes(10**8, tmp_path / "levels")
    keep(planes, "a")
    shutil.rmtree(tmp_path / "levels")
    assert same(planes, "a") == []
    for name in "abc":
        keep(planes, name)
        assert same(planes, name) == [True] * 16
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
