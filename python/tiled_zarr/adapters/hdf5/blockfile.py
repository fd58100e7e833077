"""An object in a store as a file for the HDF5 library. Runs in helper processes.

The library reads a file's metadata in pieces of a few bytes to 4 KiB, one after the other, all over
the file. A request to a store takes 10 to 100 ms for any of them. So this file asks for blocks of
BLOCK bytes, and keeps the last MOST_KEPT bytes of them. It asks for all blocks that it is about to
need at once, if somebody says so beforehand (`prefetch`). What the library reads in larger pieces
are the stored chunks of datasets, which it reads once: these are not kept.

h5py passes the exceptions of these methods on to who called the library.
https://docs.h5py.org/en/stable/high/file.html#python-file-like-objects
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from ...caches.recent import Recent
from ...nodes import TooSlow

BLOCK = 256 * 1024
"""Bytes of a block.

A store sends them in a tenth of the time that a request takes before its first byte.
"""
MOST_KEPT = 32 * 1024 * 1024
"""Bytes of blocks that one file keeps."""
WHOLE = 1024 * 1024
"""Bytes of an object up to which it is read with one request."""
RUN = 4 * 1024 * 1024
"""Bytes that one request asks for, at most."""

Read: TypeAlias = Callable[[Sequence[tuple[int, int]]], Sequence[bytes | memoryview]]
"""Reads pieces of an object, each by offset and length, several at a time."""


class BlockFile(io.RawIOBase):
    """A file of `size` bytes that `read` reads; for one thread.

    Raises TooSlow instead of asking for anything after `deadline` (of `time.monotonic`). The blocks
    that came before are kept, so a later attempt gets further.
    """

    def __init__(self, name: str, size: int, read: Read) -> None:
        super().__init__()
        self.name = name
        self.size = size
        self.deadline = float("inf")
        self._read = read
        self._at = 0
        self._blocks: Recent[int, bytes | memoryview] = Recent(MOST_KEPT, len)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """The position at which the next bytes are read."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # typeshed allows any buffer
        """Fill a buffer with the next bytes; returns their number, which is less at the end."""
        target = memoryview(buffer).cast("B")
        nbytes = max(0, min(len(target), self.size - self._at))
        if nbytes == 0:
            return 0
        parts = self._small(nbytes) if nbytes <= BLOCK or self.size <= WHOLE else self._large(nbytes)
        at = 0
        for part in parts:
            target[at : at + len(part)] = part
            at += len(part)
        self._at += nbytes
        return nbytes

    def prefetch(self, offsets: Iterable[int]) -> None:
        """Ask for the blocks around some offsets in as few requests as possible, all at once."""
        self._fetch(offset // BLOCK for offset in offsets if 0 <= offset < self.size)

    def _small(self, nbytes: int) -> Iterator[memoryview]:
        """The next bytes, from blocks."""
        end = self._at + nbytes
        numbers = range(self._at // BLOCK, -(-end // BLOCK))
        blocks = self._fetch(range(-(-self.size // BLOCK)) if self.size <= WHOLE else numbers)
        for number in numbers:
            first = number * BLOCK
            yield memoryview(blocks[number])[max(0, self._at - first) : end - first]

    def _large(self, nbytes: int) -> Iterator[bytes | memoryview]:
        """The next bytes, asked for in runs and not kept."""
        end = self._at + nbytes
        yield from self._asked([(first, min(RUN, end - first)) for first in range(self._at, end, RUN)])

    def _fetch(self, wanted: Iterable[int]) -> dict[int, bytes | memoryview]:
        """The blocks of these numbers; those that are not kept are asked for in runs."""
        numbers = sorted(set(wanted))
        blocks = {number: block for number in numbers if (block := self._blocks.peek(number)) is not None}
        runs = list(_runs(number for number in numbers if number not in blocks))
        pieces = [(run.start * BLOCK, min(len(run) * BLOCK, self.size - run.start * BLOCK)) for run in runs]
        for run, content in zip(runs, self._asked(pieces) if pieces else (), strict=True):
            for at, number in enumerate(run):
                # a copy, since a block that is kept would keep its whole run
                blocks[number] = bytes(memoryview(content)[at * BLOCK : (at + 1) * BLOCK])
                self._blocks.keep(number, blocks[number])
        return blocks

    def _asked(self, pieces: Sequence[tuple[int, int]]) -> Sequence[bytes | memoryview]:
        if time.monotonic() > self.deadline:
            raise TooSlow(f"{self.name!r} is read in many small parts, and the store takes long for each; ask again, it gets further then")
        return self._read(pieces)


def _runs(numbers: Iterable[int]) -> Iterator[range]:
    """Ascending numbers as runs of neighbours, each of RUN bytes at most.

    >>> list(_runs([1, 2, 5]))
    [range(1, 3), range(5, 6)]
    """
    run = range(0)
    for number in numbers:
        if run and run.stop == number and len(run) < RUN // BLOCK:
            run = range(run.start, number + 1)
            continue
        if run:
            yield run
        run = range(number, number + 1)
    if run:
        yield run
