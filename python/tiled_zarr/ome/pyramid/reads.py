"""Reading pixels of sources within a budget of decoded bytes."""

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
"""A read of many chunks is counted with so many of them: sources decode a few at a time, one a processor."""


class Reader:
    """Reads an image as displayed, with memory out of a budget.

    A read asks for it where nothing else is asked for until it is given back, so no two wait for each other for ever.
    """

    def __init__(self, display: Display, budget: Budget) -> None:
        self.display = display
        self.array = display.array
        self.budget = budget

    @property
    def largest(self) -> int:
        """Bytes that a chunk of the source may have: half of all, since what is cut out of it needs room too."""
        return self.budget.nbytes // 2

    @property
    def is_possible(self) -> bool:
        """Whether a chunk of the source may be decoded."""
        return self.display.chunk_nbytes <= self.largest

    def read(self, region: Region) -> Block:
        """A region. Blocks; raises what the source raises, Busy, and TooLarge where one of its chunks is more than may be decoded."""
        self.require()
        if self.display.in_memory:
            return np.asarray(self.array.read(region))
        with self._hold(self.cost(region)):
            return np.asarray(self.array.read(region))

    def read_stepped(self, region: Region, steps: tuple[int, ...]) -> Block:
        """Every so many pixels of a region, where the source has them cheaply."""
        stepped = self.array.source.read_stepped
        assert stepped is not None
        if self.display.in_memory:
            return stepped(region, steps)
        pixels = math.prod(-(-(part.stop - part.start) // step) for part, step in zip(region, steps, strict=True))
        with self._hold(pixels * self.display.itemsize):
            return stepped(region, steps)

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
                f"a chunk of this image has {self.display.chunk_nbytes:,} bytes decoded, and {self.largest:,} may be decoded for a view of "
                "it: store it in smaller chunks, or raise the setting in_flight"
            )

    def _hold(self, nbytes: int) -> AbstractContextManager[None]:
        """So many bytes of the budget, all that this thread may have at most. Raises Busy where they do not come free in time."""
        return self.budget.hold(min(nbytes, self.budget.rest))
