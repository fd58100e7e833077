"""Reads pixels of sources within the server's budget of decoded bytes."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import numpy as np

from ...budgets import Budget
from ...nodes import Region, TooLarge
from ..display.display import Display

Block: TypeAlias = np.ndarray[Any, Any]

AT_ONCE = 4
"""Chunks that we count at most for one read: a source decodes a few at once, one per processor."""


class Reader:
    """Reads the display view of an image, and takes the memory for that from a budget.

    Each read takes its memory at once, and asks for no more before it has given that back. So two
    reads never wait for each other forever.
    """

    def __init__(self, display: Display, budget: Budget) -> None:
        self.display = display
        self.array = display.array
        self.budget = budget

    @property
    def largest(self) -> int:
        """Bytes that one chunk of the source may have decoded.

        It is half of the budget, because the part that we cut out of the chunk needs room too.
        """
        return self.budget.nbytes // 2

    @property
    def is_possible(self) -> bool:
        """True if one chunk of the source is small enough to decode."""
        return self.display.chunk_nbytes <= self.largest

    def read(self, region: Region) -> Block:
        """The pixels of a region. Blocks.

        Raises what the source raises, Busy if no memory comes free in time, and TooLarge if one
        chunk of the source is too large to decode.
        """
        self.require()
        if self.display.in_memory:
            return np.asarray(self.array.read(region))
        with self._hold(self.cost(region)):
            return np.asarray(self.array.read(region))

    def read_stepped(self, region: Region, steps: tuple[int, ...]) -> Block:
        """Every n-th pixel of a region; `steps` has the n of each axis.

        Blocks; raises what the source raises, and Busy. The source must have a cheap stepped read.
        """
        stepped = self.array.source.read_stepped
        assert stepped is not None
        if self.display.in_memory:
            return stepped(region, steps)
        pixels = math.prod(-(-(part.stop - part.start) // step) for part, step in zip(region, steps, strict=True))
        with self._hold(pixels * self.display.itemsize):
            return stepped(region, steps)

    def cost(self, region: Region) -> int:
        """Bytes in memory while we read a region: its own and those of up to AT_ONCE chunks."""
        own: int = math.prod(part.stop - part.start for part in region) * self.display.itemsize
        if not self.display.chunk_nbytes:
            return own
        chunks = self.array.chunks or self.array.shape
        touched: int = math.prod(-(-part.stop // size) - part.start // size for part, size in zip(region, chunks, strict=True))
        return own + min(touched, AT_ONCE) * self.display.chunk_nbytes

    def require(self) -> None:
        """Raise TooLarge if one chunk of the source is too large to decode."""
        if not self.is_possible:
            raise TooLarge(
                f"a chunk of this image has {self.display.chunk_nbytes:,} bytes decoded, and {self.largest:,} may be decoded for a view of "
                "it: store it in smaller chunks, or raise the setting in_flight"
            )

    def _hold(self, nbytes: int) -> AbstractContextManager[None]:
        """Hold `nbytes` of the budget, or all that this thread may still ask for if that is less.

        Blocks. Raises Busy if they do not come free in time.
        """
        return self.budget.hold(min(nbytes, self.budget.rest))
