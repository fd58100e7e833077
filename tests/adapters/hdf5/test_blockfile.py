"""Objects as files for the HDF5 library: what it reads, and in how many requests."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr.adapters.common.ranged import Origin, Range, Ranged
from tiled_zarr.adapters.hdf5.blockfile import BLOCK, RUN, WHOLE, BlockFile, Blocks
from tiled_zarr.nodes import TooSlow
from tiled_zarr.testing.files import outcome

DATA = np.random.default_rng(1).integers(0, 2**16, (200, 200), "u2")
LONG = np.random.default_rng(2).bytes(WHOLE + 3 * BLOCK + 12345)
WAIT = 20


class Object(Origin):
    """The bytes of an object, the ranges that were asked for, and the number of rounds."""

    name, address, taken = "a.h5", "https://host/a.h5", "1"

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)
        self.ranges: list[Range] = []
        self.rounds = 0
        self.gate: Callable[[], object] = bool

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        assert all(0 <= start < stop <= self.size for start, stop in ranges)
        self.ranges += ranges
        self.rounds += 1
        self.gate()
        return [self.content[start:stop] for start, stop in ranges]

    def each(self, do: Any, items: Sequence[Any]) -> list[Any]:
        raise NotImplementedError

    def looked(self) -> str:
        return self.taken

    def look(self) -> str:
        return self.taken

    def beside(self, name: str) -> Origin:
        raise NotImplementedError

    def distrust(self) -> None: ...

    def file(self, blocks: Blocks | None = None) -> BlockFile:
        return BlockFile(Ranged.at(self, None), blocks or Blocks())


def written(path: Path, count: int, libver: str | None = None) -> Object:
    """A file of datasets that are compressed, but not by much."""
    with h5py.File(path, "w", libver=libver) as file:
        for number in range(count):
            dataset = file.create_dataset(f"d{number:03}", data=DATA + number, chunks=(200, 20), compression="gzip")
            dataset.attrs["unit"] = "counts"
    return Object(path.read_bytes())


@given(st.lists(st.tuples(st.integers(0, len(LONG) + 5), st.integers(0, 2 * BLOCK)), max_size=12), st.sampled_from([len(LONG), BLOCK + 7]))
def test_any_reads_equal_those_of_a_file(reads: list[tuple[int, int]], size: int) -> None:
    file, plain = Object(LONG[:size]).file(), io.BytesIO(LONG[:size])
    for at, nbytes in reads:
        ours, theirs = bytearray(nbytes), bytearray(nbytes)
        assert file.seek(at) == plain.seek(at)
        assert file.readinto(ours) == plain.readinto(theirs)
        assert ours == theirs
        # a read at the end leaves a file's position there, ours too
        assert min(file.tell(), size) == min(plain.tell(), size)
    assert file.seek(-5, os.SEEK_END) == plain.seek(-5, os.SEEK_END)
    assert file.seek(2, os.SEEK_CUR) == plain.seek(2, os.SEEK_CUR)
    assert file.read() == plain.read()
    assert file.at(3, 4) == LONG[3:7]


@pytest.mark.parametrize("libver", [None, "latest"])
def test_the_library_reads_what_it_reads_from_a_file(tmp_path: Path, libver: str | None) -> None:
    stored = written(tmp_path / "a.h5", 80, libver)
    assert stored.size > WHOLE
    with h5py.File(stored.file(), "r") as file:
        for number, dataset in enumerate(file.values()):
            np.testing.assert_array_equal(dataset[...], DATA + number)
            assert dataset.attrs["unit"] == "counts"


def test_a_small_object_is_one_request(tmp_path: Path) -> None:
    stored = written(tmp_path / "a.h5", 8)
    assert stored.size < WHOLE
    with h5py.File(stored.file(), "r") as file:
        assert all(file[name][...].any() for name in file)
    assert stored.ranges == [(0, stored.size)]


def test_blocks_are_asked_for_once_and_together() -> None:
    stored = Object(bytes(40 * BLOCK + 5))
    file = stored.file()
    file.prefetch([3 * BLOCK, 1, 4 * BLOCK + 9, 2 * BLOCK, 40 * BLOCK + 1, -1, 41 * BLOCK])
    assert (stored.ranges, stored.rounds) == ([(0, BLOCK), (2 * BLOCK, 5 * BLOCK), (40 * BLOCK, 40 * BLOCK + 5)], 1)
    for at in (0, 2 * BLOCK, 5 * BLOCK - 4, 40 * BLOCK):
        assert len(file.at(at, 4)) == 4
    assert stored.rounds == 1
    file.prefetch(range(5 * BLOCK, 40 * BLOCK, BLOCK))
    assert max(stop - start for start, stop in stored.ranges) == RUN


def test_the_blocks_of_all_files_have_one_bound() -> None:
    blocks = Blocks()
    blocks.kept.most = 2 * BLOCK
    first, second = Object(bytes(WHOLE + 1)), Object(bytes(WHOLE + 1))
    second.address = "https://host/b.h5"
    files = [first.file(blocks), second.file(blocks)]
    for file, at in ((0, 0), (0, 1), (1, 0), (0, 1), (0, 0)):
        files[file].at(at * BLOCK, 4)
    assert first.ranges == [(0, BLOCK), (BLOCK, 2 * BLOCK), (0, BLOCK)]
    assert second.ranges == [(0, BLOCK)]


def test_large_pieces_are_read_as_they_are_and_not_kept() -> None:
    stored = Object(np.random.default_rng(3).bytes(2 * RUN + 100))
    file = stored.file()
    assert file.at(10, RUN + 50) == stored.content[10 : RUN + 60]
    assert (stored.ranges, stored.rounds) == ([(10, RUN + 10), (RUN + 10, RUN + 60)], 1)
    file.at(10, 4)
    assert stored.ranges[-1] == (0, BLOCK)


def test_a_store_that_hangs_is_left_at_the_deadline(tmp_path: Path) -> None:
    """What the library raises is our error; what has come is kept, and the file is still of use."""
    stored, blocks, opened = written(tmp_path / "a.h5", 80), Blocks(), Event()
    with h5py.File(stored.file(blocks), "r") as file:
        assert len(file) == 80
        stored.gate = lambda: opened.wait(WAIT)
        began = time.monotonic()
        with pytest.raises(TooSlow, match=r"the store of 'a\.h5' does not answer"), blocks.within(0.2):
            file["d079"][...]
        assert time.monotonic() - began < WAIT / 2
        opened.set()
        with blocks.within(WAIT):
            np.testing.assert_array_equal(file["d079"][...], DATA + 79)


def hide(act: Callable[[], Any]) -> None:
    """As a caller that takes any error for a missing dataset."""
    try:
        act()
    except ConnectionError as error:
        raise KeyError("no such dataset") from error


class Cycle:
    """Garbage that only a collection finds, with an object of h5py in it."""

    def __init__(self, item: Any) -> None:
        self.item, self.itself = item, self


def test_reading_threads_collect_no_garbage_of_h5py(tmp_path: Path) -> None:
    """Collecting it takes h5py's lock, which the waiting caller of the library has."""
    stored, blocks = written(tmp_path / "a.h5", 80), Blocks()
    with h5py.File(stored.file(blocks), "r") as file:
        assert len(file) == 80
        stored.gate = lambda: [[] for _ in range(5000)]  # enough for a collection, were it allowed
        Cycle(file["d000"])
        before = stored.rounds
        with blocks.within(WAIT):
            np.testing.assert_array_equal(file["d079"][...], DATA + 79)
        assert stored.rounds > before


def test_what_a_store_raises_is_raised_whatever_became_of_it(tmp_path: Path) -> None:
    stored, blocks = written(tmp_path / "a.h5", 80), Blocks()

    def fail() -> None:
        raise ConnectionError("the store is away")

    with h5py.File(stored.file(blocks), "r") as file:
        stored.gate = fail
        with pytest.raises(ConnectionError, match="the store is away"), blocks.within(WAIT):
            assert outcome(lambda: file["d079"]) is not None  # as a caller that goes on without it
        with pytest.raises(ConnectionError, match="the store is away"), blocks.within(WAIT):
            hide(lambda: file["d078"][...])
        stored.gate = bool
        with blocks.within(WAIT):
            np.testing.assert_array_equal(file["d079"][...], DATA + 79)
