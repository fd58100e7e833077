"""How a file of a store gets to the disk."""

from __future__ import annotations

import os
from io import DEFAULT_BUFFER_SIZE
from pathlib import Path

import pytest

from tiled_zarr.storage import targets
from tiled_zarr.storage.targets import EARLY, Folder

PIECE = EARLY * 3 // 8


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system has no posix_fadvise")
def test_a_file_is_on_its_way_to_the_disk_before_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int] | str] = []
    advise, flush = os.posix_fadvise, os.fsync

    def advised(descriptor: int, offset: int, nbytes: int, advice: int) -> None:
        assert advice == os.POSIX_FADV_DONTNEED
        assert os.fstat(descriptor).st_size >= offset + nbytes - DEFAULT_BUFFER_SIZE
        told.append((offset, nbytes))
        advise(descriptor, offset, nbytes, advice)

    def flushed(descriptor: int) -> None:
        assert os.fstat(descriptor).st_size == 7 * PIECE
        told.append("flushed")
        flush(descriptor)

    monkeypatch.setattr(targets.os, "posix_fadvise", advised)
    monkeypatch.setattr(targets.os, "fsync", flushed)
    pieces = [bytes([number]) * PIECE for number in range(7)]
    with Folder(tmp_path).writing("c/0") as file:
        for piece in pieces:
            file.write(piece)
        assert told == [(0, EARLY), (EARLY, EARLY)]
        assert not (tmp_path / "c" / "0").exists()
    assert told[2:] == ["flushed"]
    assert (tmp_path / "c" / "0").read_bytes() == b"".join(pieces)
