"""Uncompressed arrays in C order that lie in one piece inside a file.

The cheapest way to read a region is to map the file and return a view, which copies nothing. But a
view of scattered items is slow: the first look at a page costs a page fault of about 4
microseconds, which brings in the 64 KiB around it, while a `pread` of a small piece costs about 1.
So a region that is contiguous, or made of large pieces, is better mapped; one made of many small
pieces is better read. This module decides which.

1. `_box` turns the region into a `Box`: the offset of its first item in the file, and the sizes and
   strides (bytes) of its axes.
2. `Box.pieces` merges axes, from the last one on, as long as the bytes between neighbours are no
   more than a gap: reading across such a gap costs no more than starting anew. What is left are
   `Pieces`, all of the same length, at equal distances along the outer axes. The gap is that of a
   fault (GAP) in a mapping, and that of a system call (READ_GAP) without one.
3. `_prepare` checks that the file is long enough, and has the system read the pieces ahead.
4. `_block` returns a view of the mapping. If the pieces are small (`are_small`) or the file is not
   mapped, it reads them into one buffer instead, with the bytes between their items, and returns a
   view of that.
5. Without a mapping, if the pieces have more than twice the bytes of their items, or always for
   `read_stepped`, `_copy` copies the items out, in parts that touch at most about AT_ONCE bytes.

Invariants: a view has only items of the region, in the strides of their file or buffer. The number
of bytes that are resident at once is bounded: `touch` counts what is looked at, and mapped files
give their pages back when that becomes too much (caches/resident.py). The file has the snapshot's
revision before and after the read; a reader of a view must check again after using it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...nodes import Region
from .mapped import READ_GAP, Fetched, File, Reopened, file_of, touch
from .snapshot import Snapshot, check_end

Block: TypeAlias = "np.ndarray[Any, Any]"

GAP = 64 * 1024
"""Bytes between two pieces of a mapping that cost no more to look at than another page fault.

A fault brings as many bytes into memory.
"""
AT_ONCE = 16 * 1024 * 1024
"""Bytes of a file, about, that one step of a copy touches before their pages may be released."""


class Box(NamedTuple):
    """Items of a file on a regular grid.

    `first` is the byte offset of the first item. For each axis, `sizes` has the number of items and
    `strides` the bytes from one item to the next.
    """

    first: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int

    @property
    def span(self) -> int:
        """Bytes from the start of the first item to the end of the last one."""
        return self.itemsize + sum((size - 1) * stride for size, stride in zip(self.sizes, self.strides, strict=True))

    @property
    def nbytes(self) -> int:
        """Bytes of the items alone."""
        return self.itemsize * math.prod(self.sizes)

    def part(self, axis: int, start: int, stop: int) -> Box:
        """The items from index `start` to `stop` on one axis."""
        sizes = (*self.sizes[:axis], stop - start, *self.sizes[axis + 1 :])
        return Box(self.first + start * self.strides[axis], sizes, self.strides, self.itemsize)

    def pieces(self, gap: int) -> Pieces:
        """Pieces that together hold all items; a piece has gaps of at most `gap` bytes."""
        extent = self.itemsize
        axes = len(self.sizes)
        while axes and self.strides[axes - 1] <= extent + gap:
            axes -= 1
            extent += (self.sizes[axes] - 1) * self.strides[axes]
        return Pieces(self.first, extent, self.sizes[:axes], self.strides[:axes])


class Pieces(NamedTuple):
    """Equally long pieces of a file (`nbytes`) at equal distances along some axes."""

    first: int
    nbytes: int
    counts: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def are_small(self) -> bool:
        """True if reading them costs less than page faults: 1 microsecond each instead of 4."""
        return bool(self.counts) and self.nbytes <= GAP

    @property
    def total(self) -> int:
        """Bytes of all pieces."""
        return math.prod(self.counts) * self.nbytes

    @property
    def touched(self) -> int:
        """About how many bytes become resident if a mapping is read there.

        A page fault brings the neighbouring pages along.
        """
        return math.prod(self.counts) * (self.nbytes + GAP)


@dataclass(frozen=True, slots=True)
class FlatArray:
    """An array in C order at a byte offset of a file. Its nodes have the snapshot's revision."""

    snapshot: Snapshot
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, region: Region) -> Block:
        """A region: a view of the mapped file, or a copy.

        The items of a view are the array's only if the revision is still the same after they were
        used. We copy if the region lies in many small pieces, whose page faults would cost more, or
        if the file is not mapped. Raises Changed if the file has changed.
        """
        with self.snapshot.unchanged():
            return self.look(region)

    def look(self, region: Region) -> Block:
        """The same without the check; the caller ensures that the file does not change."""
        box = self._box(region)
        if 0 in box.sizes:
            return np.empty(box.sizes, self.dtype)
        file = file_of(self.snapshot)
        pieces = box.pieces(_gap(file))
        self._prepare(file, box, pieces)
        if file.is_mapped or pieces.total <= 2 * box.nbytes:
            return self._block(file, box, pieces)
        block = np.empty(box.sizes, self.dtype)
        self._copy(block, file, box)
        return block

    def read_stepped(self, region: Region, steps: tuple[int, ...]) -> Block:
        """Every `steps[axis]`-th item of a region, as a copy.

        Reads the pages that hold these items; with short steps, these are all pages of the region.
        """
        box = self._box(region)
        stepped = Box(
            box.first,
            tuple(-(-size // step) for size, step in zip(box.sizes, steps, strict=True)),
            tuple(stride * step for stride, step in zip(box.strides, steps, strict=True)),
            box.itemsize,
        )
        block = np.empty(stepped.sizes, self.dtype)
        if block.size:
            with self.snapshot.unchanged():
                file = file_of(self.snapshot)
                self._prepare(file, stepped, stepped.pieces(_gap(file)))
                self._copy(block, file, stepped)
        return block

    def _box(self, region: Region) -> Box:
        first, stride, strides = self.offset, self.dtype.itemsize, []
        for part, size in zip(reversed(region), reversed(self.shape), strict=True):
            first += part.start * stride
            strides.append(stride)
            stride *= size
        return Box(first, tuple(part.stop - part.start for part in region), tuple(reversed(strides)), self.dtype.itemsize)

    def _prepare(self, file: File | Reopened, box: Box, pieces: Pieces) -> None:
        """Have the pieces of a box read ahead. Raises Damaged if the file ends before them."""
        check_end(self.snapshot.path, len(file), box.first + box.span)
        file.prefetch(*pieces)

    def _block(self, file: File | Reopened, box: Box, pieces: Pieces) -> Block:
        """A box: a view of the mapped file, or its pieces in one buffer, gaps included."""
        if not isinstance(file, Reopened) and file.is_mapped and not pieces.are_small:
            touch(self.snapshot, pieces.touched)
            return np.ndarray(box.sizes, self.dtype, memoryview(file), box.first, box.strides)
        outer = len(pieces.counts)
        read = file.read_kept if isinstance(file, Fetched) and pieces.total > 2 * box.nbytes else file.read
        strides = tuple(pieces.nbytes * math.prod(pieces.counts[axis + 1 :]) for axis in range(outer))
        return np.ndarray(box.sizes, self.dtype, read(*pieces), strides=(*strides, *box.strides[outer:]))

    def _copy(self, block: Block, file: File | Reopened, box: Box) -> None:
        """Copy a box part by part, so that a bounded number of its bytes is resident at once."""
        touched = box.pieces(GAP).touched
        axis = next((axis for axis, size in enumerate(box.sizes) if size > 1), None)
        if axis is None or touched <= AT_ONCE:
            block[...] = self._block(file, box, box.pieces(_gap(file)))
            return
        size = box.sizes[axis]
        step = max(1, AT_ONCE * size // touched)
        for start in range(0, size, step):
            stop = min(start + step, size)
            self._copy(block[(slice(None),) * axis + (slice(start, stop),)], file, box.part(axis, start, stop))


def _gap(file: File | Reopened) -> int:
    """Bytes between two pieces of a file that cost no more than another piece."""
    return GAP if file.is_mapped else file.gap if isinstance(file, Reopened) else READ_GAP
