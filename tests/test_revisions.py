"""Revisions of files: no change goes unseen, however soon after another one."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from tiled_zarr.revisions import TICK, file_revision, shared, steady_revision


def write(path: Path, data: bytes) -> None:
    """Like a file system whose clock advances each hundredth of a second.

    The clock of newer kernels is finer.
    """
    path.write_bytes(data)
    moment = time.time_ns() // 10_000_000 * 10_000_000
    os.utime(path, ns=(moment, moment))


def test_a_change_right_after_a_steady_revision_shows(tmp_path):
    path = tmp_path / "a.npy"
    for i in range(20):
        write(path, b"a" * 1000)
        revision = steady_revision(path)
        write(path, b"b" * 1000)
        assert file_revision(path) != revision, i


def test_a_change_that_puts_the_time_back_shows(tmp_path):
    """`rsync --inplace --times` and `cp -p` do so; an in-place change keeps the inode, too."""
    path = tmp_path / "a.npy"
    path.write_bytes(b"a" * 1000)
    status = path.stat()
    revision = steady_revision(path)
    with path.open("r+b") as file:
        file.write(b"b")
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (status.st_size, status.st_mtime_ns, status.st_ino)
    assert file_revision(path) != revision
    assert shared(file_revision(path)) == shared(revision)


def test_an_old_file_is_not_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "a.npy"
    for moment in (time.time_ns() - 10**9, time.time_ns() + 10**12):
        path.write_bytes(b"a")
        os.utime(path, ns=(moment, moment))
        while time.time_ns() - path.stat().st_ctime_ns < TICK:
            time.sleep(TICK / 1e9)
        with monkeypatch.context() as patched:
            patched.setattr(time, "sleep", lambda _: (_ for _ in ()).throw(AssertionError("waited")))
            assert steady_revision(path) == file_revision(path)


def test_copies_share_what_tags_of_replicas_contain(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"a")
    shutil.copy2(first, second)
    assert file_revision(first) != file_revision(second)
    assert shared(file_revision(first)) == shared(file_revision(second))
    second.write_bytes(b"ab")
    assert shared(file_revision(first)) != shared(file_revision(second))
