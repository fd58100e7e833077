"""Revisions of files: no change goes unseen, however soon after another one."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tiled_zarr.revisions import TICK, file_revision, steady_revision


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


def test_an_old_file_is_not_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "a.npy"
    path.write_bytes(b"a")
    monkeypatch.setattr(time, "sleep", lambda _: (_ for _ in ()).throw(AssertionError("waited")))
    for moment in (time.time_ns() - TICK, time.time_ns() + 10**9):
        os.utime(path, ns=(moment, moment))
        assert steady_revision(path) == file_revision(path)
