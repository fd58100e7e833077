"""An object in a store as a file for the HDF5 library. Runs in helper processes.

The library reads a file's metadata in pieces of a few bytes to 4 KiB, one after the other, all over
the file. A request to a store takes 10 to 100 ms for any of them. So this file asks for blocks of
BLOCK bytes, and the process keeps the last MOST_KEPT bytes of them, of all its files. Blocks that
somebody knows to be needed are asked for at once (`prefetch`). What the library reads in larger
pieces are the stored chunks of datasets, which it reads once: these are not kept.

h5py passes an exception of these methods on to who called the library. Some of our callers take it
for damage of one attribute or one object, so `Blocks.within` notes it, and raises it in the end.
https://docs.h5py.org/en/stable/high/file.html#python-file-like-objects
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from ...caches.recent import Recent
from ...nodes import TooSlow
from ..common.ranged import Range, Ranged, RangedFile

BLOCK = 256 * 1024
"""Bytes of a block.

A store sends them in a tenth of the time that a request takes before its first byte.
"""
MOST_KEPT = 64 * 1024 * 1024
"""Bytes of blocks that a helper keeps."""
WHOLE = 4 * 1024 * 1024
"""Bytes of an object up to which it is read with one request."""
RUN = 4 * 1024 * 1024
"""Bytes that one request asks for, at most."""
MOST_WAITING = 4
"""Threads that wait for stores, at most: one, and those that calls have given up."""


class Blocks:
    """The blocks of all objects that a process reads, for one thread."""

    def __init__(self) -> None:
        self.kept: Recent[tuple[Ranged, int], bytes] = Recent(MOST_KEPT, len)
        """Blocks by the version of their object and their number in it."""
        self._threads = ThreadPoolExecutor(MOST_WAITING, "blocks")
        self._deadline = math.inf
        self._failure: OSError | None = None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Inside the block, nothing more is asked for after some seconds: that raises TooSlow.

        What came before is kept, so a later attempt gets further. Raises the first OSError of a
        read at the end, whatever the library's caller made of it.
        """
        self._deadline, self._failure = time.monotonic() + seconds, None
        try:
            yield
        except Exception as error:
            if self._failure not in (None, error):
                raise self._failure from error
            raise
        finally:
            self._deadline = math.inf
        if self._failure is not None:
            raise self._failure

    def read(self, snapshot: Ranged, ranges: Sequence[Range]) -> list[bytes]:
        """The bytes of some ranges of an object."""
        try:
            with no_collection():
                return self._read(snapshot, ranges)
        except OSError as error:
            self._failure = self._failure or error
            raise

    def _read(self, snapshot: Ranged, ranges: Sequence[Range]) -> list[bytes]:
        """The same; a store that hangs costs one of `_threads` until its client gives up."""
        left = self._deadline - time.monotonic()
        if left == math.inf:
            return snapshot.read(ranges)
        reading = self._threads.submit(snapshot.read, ranges)
        try:
            return reading.result(max(left, 0))
        except TimeoutError:
            if reading.done():
                raise
            reading.cancel()
        raise TooSlow(f"the store of {snapshot.name!r} does not answer, or takes long for many small parts; ask again later")


@contextmanager
def no_collection() -> Iterator[None]:
    """No cyclic garbage is collected inside the block, in whatever thread.

    A thread that collects an object of h5py waits for h5py's lock. Who calls the library has that,
    and waits here for the thread.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class BlockFile(RangedFile):
    """An object as a file, for one thread."""

    def __init__(self, snapshot: Ranged, blocks: Blocks) -> None:
        super().__init__(snapshot)
        self._blocks = blocks

    def at(self, offset: int, nbytes: int) -> bytes:
        """Bytes at an offset."""
        self.seek(offset)
        return self.read(nbytes)

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes from the position on; all of them if it is negative."""
        start = self.tell()
        left = max(0, self.size - start)
        stop = start + (left if size is None or size < 0 else min(size, left))
        self.seek(stop)
        is_small = stop - start <= BLOCK or self.size <= WHOLE
        return b"".join(self._small(start, stop) if is_small else self._large(start, stop))

    def prefetch(self, offsets: Iterable[int]) -> None:
        """Ask for the blocks around some offsets in as few requests as possible, all at once."""
        self._fetch(offset // BLOCK for offset in offsets if 0 <= offset < self.size)

    def _small(self, start: int, stop: int) -> Iterator[memoryview]:
        """The bytes of a range, from blocks."""
        numbers = range(start // BLOCK, -(-stop // BLOCK)) if start < stop else range(0)
        blocks = self._fetch(range(-(-self.size // BLOCK)) if numbers and self.size <= WHOLE else numbers)
        for number in numbers:
            first = number * BLOCK
            yield memoryview(blocks[number])[max(0, start - first) : stop - first]

    def _large(self, start: int, stop: int) -> list[bytes]:
        """The bytes of a range, asked for in runs and not kept."""
        return self._blocks.read(self.snapshot, [(first, min(first + RUN, stop)) for first in range(start, stop, RUN)])

    def _fetch(self, wanted: Iterable[int]) -> dict[int, bytes]:
        """The blocks of these numbers; those that are not kept are asked for in runs."""
        numbers = sorted(set(wanted))
        blocks = {number: block for number in numbers if (block := self._blocks.kept.peek((self.snapshot, number))) is not None}
        runs = list(_runs(number for number in numbers if number not in blocks))
        ranges = [(run.start * BLOCK, min(run.stop * BLOCK, self.size)) for run in runs]
        contents = self._blocks.read(self.snapshot, ranges) if ranges else []
        for run, content in zip(runs, contents, strict=True):
            for at, number in enumerate(run):
                # a copy, since a block that is kept would keep its whole run
                blocks[number] = content[at * BLOCK : (at + 1) * BLOCK] if len(run) > 1 else content
                self._blocks.kept.keep((self.snapshot, number), blocks[number])
        return blocks


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
