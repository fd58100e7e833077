"""Objects as files for the HDF5 library: what it reads, and in how many requests."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr.adapters.hdf5 import blockfile
from tiled_zarr.adapters.hdf5.blockfile import BLOCK, RUN, WHOLE, BlockFile
from tiled_zarr.nodes import TooSlow

DATA = np.random.default_rng(1).integers(0, 2**16, (200, 200), "u2")
LONG = np.random.default_rng(2).bytes(2 * WHOLE + 12345)


class Object:
    """The bytes of an object, the pieces that were asked for, and the number of rounds."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.pieces: list[tuple[int, int]] = []
        self.rounds = 0

    def read(self, pieces: Sequence[tuple[int, int]]) -> list[bytes]:
        assert all(0 <= first < first + nbytes <= len(self.content) for first, nbytes in pieces)
        self.pieces += pieces
        self.rounds += 1
        return [self.content[first : first + nbytes] for first, nbytes in pieces]

    def file(self) -> BlockFile:
        return BlockFile("a.h5", len(self.content), self.read)


def written(path: Path, count: int, libver: str | None = None) -> Object:
    """A file of datasets that are compressed, but not by much."""
    with h5py.File(path, "w", libver=libver) as file:
        for number in range(count):
            dataset = file.create_dataset(f"d{number:03}", data=DATA + number, chunks=(200, 20), compression="gzip")
            dataset.attrs["unit"] = "counts"
    return Object(path.read_bytes())


@given(st.lists(st.tuples(st.integers(0, 3 * WHOLE), st.integers(0, 2 * WHOLE)), max_size=12))
def test_any_reads_equal_those_of_a_file(reads: list[tuple[int, int]]) -> None:
    stored, plain = Object(LONG), io.BytesIO(LONG)
    file = stored.file()
    for at, nbytes in reads:
        ours, theirs = bytearray(nbytes), bytearray(nbytes)
        assert file.seek(at) == plain.seek(at)
        assert file.readinto(ours) == plain.readinto(theirs)
        assert ours == theirs
        assert file.tell() == plain.tell()
    assert file.seek(-5, os.SEEK_END) == plain.seek(-5, os.SEEK_END)
    assert file.seek(2, os.SEEK_CUR) == plain.seek(2, os.SEEK_CUR)
    assert file.readable()
    assert file.seekable()


@pytest.mark.parametrize("libver", [None, "latest"])
def test_the_library_reads_what_it_reads_from_a_file(tmp_path: Path, libver: str | None) -> None:
    stored = written(tmp_path / "a.h5", 20, libver)
    with h5py.File(stored.file(), "r") as file:
        for number, dataset in enumerate(file.values()):
            np.testing.assert_array_equal(dataset[...], DATA + number)
            assert dataset.attrs["unit"] == "counts"


def test_a_small_object_is_one_request(tmp_path: Path) -> None:
    stored = written(tmp_path / "a.h5", 8)
    assert len(stored.content) < WHOLE
    with h5py.File(stored.file(), "r") as file:
        assert all(file[name][...].any() for name in file)
    assert stored.pieces == [(0, len(stored.content))]


def test_blocks_are_asked_for_once_and_together() -> None:
    stored = Object(bytes(40 * BLOCK + 5))
    file = stored.file()
    file.prefetch([3 * BLOCK, 1, 4 * BLOCK + 9, 2 * BLOCK, 40 * BLOCK + 1, -1, 41 * BLOCK])
    assert (stored.pieces, stored.rounds) == ([(0, BLOCK), (2 * BLOCK, 3 * BLOCK), (40 * BLOCK, 5)], 1)
    for at in (0, 2 * BLOCK, 5 * BLOCK - 4, 40 * BLOCK):
        file.seek(at)
        file.readinto(bytearray(4))
    assert stored.rounds == 1
    file.prefetch(range(5 * BLOCK, 40 * BLOCK, BLOCK))
    assert max(nbytes for _, nbytes in stored.pieces) == RUN


def test_few_blocks_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blockfile, "MOST_KEPT", 2 * BLOCK)
    stored = Object(bytes(8 * BLOCK))
    file = stored.file()
    for at in (0, 1, 2, 0):
        file.seek(at * BLOCK)
        file.readinto(bytearray(4))
    assert stored.pieces == [(at * BLOCK, BLOCK) for at in (0, 1, 2, 0)]


def test_large_pieces_are_read_as_they_are_and_not_kept() -> None:
    stored = Object(np.random.default_rng(3).bytes(2 * RUN + 100))
    file = stored.file()
    content = bytearray(RUN + 50)
    file.seek(10)
    assert file.readinto(content) == RUN + 50
    assert content == stored.content[10 : RUN + 60]
    assert (stored.pieces, stored.rounds) == ([(10, RUN), (RUN + 10, 50)], 1)
    file.seek(10)
    file.readinto(bytearray(4))
    assert stored.pieces[-1] == (0, BLOCK)


def test_after_the_deadline_nothing_is_asked_for(tmp_path: Path) -> None:
    """What the library raises is our error, and what came before it is kept."""
    stored = written(tmp_path / "a.h5", 50)
    file = stored.file()
    with h5py.File(file, "r") as opened:
        assert len(opened) == 50
        before = stored.rounds
        file.deadline = 0.0
        with pytest.raises(TooSlow, match="read in many small parts"):
            opened["d049"][...]
        assert stored.rounds == before
        file.deadline = float("inf")
        np.testing.assert_array_equal(opened["d049"][...], DATA + 49)


def test_errors_of_the_store_come_through_the_library(tmp_path: Path) -> None:
    stored = written(tmp_path / "a.h5", 3)

    def fails(pieces: Sequence[tuple[int, int]]) -> list[bytes]:
        raise ConnectionError("the store is away")

    with pytest.raises(ConnectionError, match="the store is away"):
        h5py.File(BlockFile("a.h5", len(stored.content), fails), "r")
