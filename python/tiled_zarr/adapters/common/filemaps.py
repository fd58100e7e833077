"""Memory maps of numpy, read through a mapping of our own.

Looking at numpy's mapping kills the process (SIGBUS) if its file has been cut short. Ours is
guarded (mapped.py), so we map the same bytes of the file again.
https://numpy.org/doc/stable/reference/generated/numpy.memmap.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...nodes import Block, Region
from .mapped import Reopened, file_of, touch
from .snapshot import Snapshot, check_end


@dataclass(slots=True)
class FileMap:
    """An array in a memory map, and its file at the latest revision of which it was read."""

    array: np.ndarray[Any, Any]
    whole: np.memmap[Any, Any]
    snapshot: Snapshot

    def revision(self) -> str | None:
        """The revision of the file as it is now."""
        return self.snapshot.revision()

    def read(self, region: Region) -> Block:
        """A view of a region. Raises Damaged if the file has become too short for the array."""
        if not self.snapshot.is_current():  # it was written to, through this map perhaps
            self.snapshot = Snapshot.of(Path(self.snapshot.path), self.snapshot.given)
        snapshot = self.snapshot
        with snapshot.unchanged():
            file = file_of(snapshot)
            first, end = self.place()
            check_end(snapshot.path, len(file), end)
            if isinstance(file, Reopened) or not file.is_mapped:
                return part(np.asarray(self.array), region)
            block = part(np.ndarray(self.array.shape, self.array.dtype, memoryview(file), first, self.array.strides), region)
            touch(snapshot, block.nbytes)
            return block

    def place(self) -> tuple[int, int]:
        """Where the first item lies in the file, and where the last byte of the array ends."""
        first = self.whole.offset + address(self.array) - address(self.whole)
        steps = [(size - 1) * stride for size, stride in zip(self.array.shape, self.array.strides, strict=True)]
        return first, first + sum(step for step in steps if step > 0) + self.array.itemsize


def whole_map(array: np.ndarray[Any, Any]) -> np.memmap[Any, Any] | None:
    """The memory map that an array is, or is a view of; None if it is of no file, or private."""
    found: np.memmap[Any, Any] | None = None
    base: Any = array
    while isinstance(base, np.ndarray):
        found = base if isinstance(base, np.memmap) else found
        base = base.base
    return None if found is None or found.filename is None or found.mode == "c" else found


def part(array: np.ndarray[Any, Any], region: Region) -> Block:
    """A region as a view, which is an array even if it has no axes."""
    index: Any = (*region, ...)
    view: Block = array[index]
    return view


def address(array: np.ndarray[Any, Any]) -> int:
    """Where the first item of an array lies in memory."""
    place: int = array.__array_interface__["data"][0]
    return place
