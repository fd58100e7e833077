"""Reading pixels of sources within a budget of decoded bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from typing import Any, TypeAlias

import numpy as np

from ..nodes import Region, TooLarge
from .display import Display

Block: TypeAlias = np.ndarray[Any, Any]

USUAL = 256 * 1024 * 1024
AT_ONCE = 4
"""A read of many chunks is counted with so many of them: sources decode a few at a time, one a processor."""
PATIENCE = 60
"""Seconds for which a read waits for its share: then a source hangs with it, and the client asks again later (503)."""


class Reads:
    """Decoded bytes of sources that may be in memory at once for all images, given out in the order of asking. Thread-safe.

    No read holds a share while it waits for another, so they cannot wait for each other for ever.
    """

    def __init__(self, nbytes: int = USUAL) -> None:
        self.nbytes = nbytes
        self.free = nbytes
        self._turn = Lock()
        self._freed = Condition()

    @property
    def largest(self) -> int:
        """Bytes that a chunk of a source may have: half, since what is cut out of it needs room too."""
        return self.nbytes // 2

    @contextmanager
    def hold(self, nbytes: int) -> Iterator[None]:
        """Wait for so many bytes, all at most, and give them back in the end. Blocks; raises TimeoutError after PATIENCE."""
        share = min(nbytes, self.nbytes)
        if not self._turn.acquire(timeout=PATIENCE):
            raise TimeoutError(_busy(share))
        try:
            with self._freed:
                if not self._freed.wait_for(lambda: self.free >= share, PATIENCE):
                    raise TimeoutError(_busy(share))
                self.free -= share
        finally:
            self._turn.release()
        try:
            yield
        finally:
            with self._freed:
                self.free += share
                self._freed.notify_all()


class Reader:
    """Reads an image as displayed."""

    def __init__(self, display: Display, reads: Reads) -> None:
        self.display = display
        self.array = display.array
        self.reads = reads

    @property
    def is_possible(self) -> bool:
        """Whether a chunk of the source may be decoded."""
        return self.display.chunk_nbytes <= self.reads.largest

    def read(self, region: Region) -> Block:
        """A region. Blocks; raises what the source raises, and TooLarge where one of its chunks is more than may be decoded."""
        self.require()
        if self.display.in_memory:
            return np.asarray(self.array.read(region))
        with self.reads.hold(self.cost(region)):
            return np.asarray(self.array.read(region))

    def read_stepped(self, region: Region, steps: tuple[int, ...]) -> Block:
        """Every so many pixels of a region, where the source has them cheaply."""
        assert self.array.read_stepped is not None
        if self.display.in_memory:
            return self.array.read_stepped(region, steps)
        pixels = math.prod(-(-(part.stop - part.start) // step) for part, step in zip(region, steps, strict=True))
        with self.reads.hold(pixels * self.display.itemsize):
            return self.array.read_stepped(region, steps)

    def cost(self, region: Region) -> int:
        """Bytes in memory while a region is read: its own, and some of the chunks that it touches."""
        own: int = math.prod(part.stop - part.start for part in region) * self.display.itemsize
        if not self.display.chunk_nbytes:
            return own
        chunks = self.array.chunks or self.array.shape
        touched: int = math.prod(-(-part.stop // size) - part.start // size for part, size in zip(region, chunks, strict=True))
        return own + min(touched, AT_ONCE) * self.display.chunk_nbytes

    def require(self) -> None:
        """Raises TooLarge where a chunk of the source may not be decoded."""
        if not self.is_possible:
            raise TooLarge(
                f"a chunk of this image has {self.display.chunk_nbytes:,} bytes decoded, and {self.reads.largest:,} may be decoded for a "
                "view of it (half of the setting in_flight): store it in smaller chunks, or read it under /zarr"
            )


def _busy(nbytes: int) -> str:
    return f"other reads have held the memory for {nbytes:,} decoded bytes for {PATIENCE} s; ask again later"
