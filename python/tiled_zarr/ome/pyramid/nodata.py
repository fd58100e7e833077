"""Marks, the pixel values that mean "no value here", and the value that we serve in their place.

Floats have NaN, and our native mean skips NaN. Integers have no such value, so we keep the mark
itself in the pixels of their levels: the mean of four pixels is the mean of those that are no mark,
or the mark if all four are. Only when a request reads a level do we replace the mark with a value
that viewers draw dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from . import kernels
from .kernels import Rule

Block: TypeAlias = np.ndarray[Any, Any]
ROOM = np.dtype("f8")
"""The type in which we average integers with marks: exact for up to 32 bits, and it has NaN."""


@dataclass(frozen=True, slots=True, eq=False)
class NoData:
    """The marks of an image, as items of its display view."""

    marks: tuple[np.generic, ...] = ()

    @property
    def value(self) -> float | int | None:
        """The value that we serve in place of marks; None if there are no marks.

        Floats get NaN and unsigned integers 0. Signed integers get the least mark, or, if no mark
        is negative, the least integer of the type.
        """
        if not self.marks:
            return None
        dtype = self.marks[0].dtype
        if dtype.kind == "f":
            return float("nan")
        least = min(int(mark) for mark in self.marks)
        return 0 if dtype.kind == "u" else least if least < 0 else int(np.iinfo(dtype.str).min)

    @property
    def changes(self) -> bool:
        """True if `shown` may change a block."""
        return bool(self.marks) and self.marks[0].dtype.kind != "f" and self.marks[0] != self.value

    def joined(self, block: Block) -> Block:
        """The block with all marks joined into one: NaN in floats, the first mark in integers.

        The block itself comes back if there is nothing to replace.
        """
        if not self.marks:
            return block
        is_float = self.marks[0].dtype.kind == "f"
        return _replaced(block, self.marks if is_float else self.marks[1:], np.nan if is_float else self.marks[0])

    def halved(self, block: Block, rule: Rule) -> Block:
        """A block of joined marks with half the rows and columns, rounded up.

        Each new pixel is made of those of its four pixels that are no mark; if all are marks, it is
        one.
        """
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
        """A block of joined marks as we serve it: with `value` in place of the mark."""
        if not self.marks or block.dtype.kind == "f":
            return block
        return _replaced(block, self.marks[:1], self.value)


NOTHING = NoData()
"""For an image without marks."""


def _replaced(block: Block, marks: tuple[np.generic, ...], value: Any) -> Block:
    """The block with `value` in place of each mark; the block itself if there is none."""
    out = block
    for mark in marks:
        found = block == mark
        if mark != value and found.any():
            out = block.copy() if out is block else out
            out[found] = value
    return out
