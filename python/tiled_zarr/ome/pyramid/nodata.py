"""The values of an image that stand for "no value here", and what is shown in their place.

Floats have NaN, which means pass over natively. Integers have no such value. So their levels are made with the mark
itself in the pixels: a mean is one of the pixels that are no mark, and the mark if all are. Only when a level is read,
the mark gives way to a value that viewers draw dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from . import kernels
from .kernels import Rule

Block: TypeAlias = np.ndarray[Any, Any]
ROOM = np.dtype("f8")
"""Means of integers of up to 32 bits are exact in it, and it has NaN."""


@dataclass(frozen=True, slots=True, eq=False)
class NoData:
    """Marks of an image, as items of its display view."""

    marks: tuple[np.generic, ...] = ()

    @property
    def value(self) -> float | int | None:
        """What the display view has in place of marks; None if there are none.

        NaN in floats, 0 in unsigned integers, in signed ones the least mark, or the least of all integers if marks are positive.
        """
        if not self.marks:
            return None
        dtype = self.marks[0].dtype
        if dtype.kind == "f":
            return float("nan")
        least = min(int(mark) for mark in self.marks)
        return 0 if dtype.kind == "u" else least if least < 0 else int(np.iinfo(dtype.str).min)

    def joined(self, block: Block) -> Block:
        """A block in which all marks are the same: NaN in floats, the first mark in integers."""
        if not self.marks:
            return block
        is_float = self.marks[0].dtype.kind == "f"
        return _replaced(block, self.marks if is_float else self.marks[1:], np.nan if is_float else self.marks[0])

    def halved(self, block: Block, rule: Rule) -> Block:
        """A block of joined marks with half the rows and columns: each pixel is made of those that are no mark."""
        if not self.marks or block.dtype.kind == "f":
            return kernels.halve(block, rule)
        is_mark = block == self.marks[0]
        if not is_mark.any():
            return kernels.halve(block, rule)
        numbers = block.astype(ROOM)
        numbers[is_mark] = np.nan
        means = kernels.halve(numbers, rule)
        return np.where(np.isnan(means), self.marks[0], np.floor(np.nan_to_num(means) + 0.5)).astype(block.dtype.newbyteorder("<"))

    def shown(self, block: Block) -> Block:
        """A block of joined marks as it is served."""
        if not self.marks or block.dtype.kind == "f":
            return block
        return _replaced(block, self.marks[:1], self.value)


NOTHING = NoData()
"""Of an image without marks."""


def _replaced(block: Block, marks: tuple[np.generic, ...], value: Any) -> Block:
    """The block itself if it has none of the marks."""
    out = block
    for mark in marks:
        found = block == mark
        if mark != value and found.any():
            out = block.copy() if out is block else out
            out[found] = value
    return out
