"""Uncompressed arrays that lie in one piece inside a file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...nodes import Region
from .mapped import File, Reopened, file_of, touch
from .snapshot import Snapshot, check_end

Block: TypeAlias = "np.ndarray[Any, Any]"

GAP = 64 * 1024
"""Bytes of a mapping between two pieces that cost no more to look at than another page fault, which brings as many along."""
READ_GAP = 4096
"""Bytes that cost as much to copy as another `pread`, about half a microsecond."""
AT_ONCE = 16 * 1024 * 1024
"""About as many bytes are looked at, or read with those between them, before those of before are released."""


class Box(NamedTuple):
    """Items of a file: the byte at which the first one begins, how many there are on each axis, and how many bytes lie between them."""

    first: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int

    @property
    def span(self) -> int:
        """Bytes from the first item to the end of the last one."""
        return self.itemsize + sum((size - 1) * stride for size, stride in zip(self.sizes, self.strides, strict=True))

    @property
    def nbytes(self) -> int:
        """Bytes of the items alone."""
        return self.itemsize * math.prod(self.sizes)

    def part(self, axis: int, start: int, stop: int) -> Box:
        """The items from one place on an axis up to another."""
        sizes = (*self.sizes[:axis], stop - start, *self.sizes[axis + 1 :])
        return Box(self.first + start * self.strides[axis], sizes, self.strides, self.itemsize)

    def pieces(self, gap: int) -> Pieces:
        """The pieces that hold all items, with no more than `gap` bytes between neighbours in one piece."""
        extent = self.itemsize
        axes = len(self.sizes)
        while axes and self.strides[axes - 1] <= extent + gap:
            axes -= 1
            extent += (self.sizes[axes] - 1) * self.strides[axes]
        return Pieces(self.first, extent, self.sizes[:axes], self.strides[:axes])


class Pieces(NamedTuple):
    """Pieces of a file of `nbytes` bytes at equal distances along some axes."""

    first: int
    nbytes: int
    counts: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def are_small(self) -> bool:
        """Whether reading them costs less than the faults of their pages: 1 microsecond each, against 4 in a mapping."""
        return bool(self.counts) and self.nbytes <= GAP

    @property
    def total(self) -> int:
        """Bytes of all of them."""
        return math.prod(self.counts) * self.nbytes

    @property
    def touched(self) -> int:
        """About how many bytes become resident if they are looked at in a mapping: a page brings its neighbours along."""
        return math.prod(self.counts) * (self.nbytes + GAP)


@dataclass(frozen=True, slots=True)
class FlatArray:
    """An array in C order at a byte offset of a file. Its nodes have the revision of the snapshot."""

    snapshot: Snapshot
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, region: Region) -> Block:
        """A region: a view of the mapped file, whose items are the array's if the revision is still the same after they were used.

        It is read instead if it lies in many small pieces, since faults of their pages cost more, or if the file is not mapped. Raises
        Changed if the file is another one by now.
        """
        with self.snapshot.unchanged():
            return self.look(region)

    def look(self, region: Region) -> Block:
        """The same for callers that see to it that the file stays the same."""
        box = self._box(region)
        if 0 in box.sizes:
            return np.empty(box.sizes, self.dtype)
        file = file_of(self.snapshot)
        pieces = box.pieces(GAP if file.is_mapped else READ_GAP)
        self._prepare(file, box, pieces)
        if file.is_mapped or pieces.total <= 2 * box.nbytes:
            return self._block(file, box, pieces)
        block = np.empty(box.sizes, self.dtype)
        self._copy(block, file, box)
        return block

    def read_stepped(self, region: Region, steps: tuple[int, ...]) -> Block:
        """Every so many items of a region, copied; the pages that hold them are read, which are all if steps are short."""
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
                self._prepare(file, stepped, stepped.pieces(GAP if file.is_mapped else READ_GAP))
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
        """A box: a view of the mapped file, or its pieces read into one buffer, with what lies between their items."""
        if not isinstance(file, Reopened) and file.is_mapped and not pieces.are_small:
            touch(self.snapshot, pieces.touched)
            return np.ndarray(box.sizes, self.dtype, memoryview(file), box.first, box.strides)
        outer = len(pieces.counts)
        strides = tuple(pieces.nbytes * math.prod(pieces.counts[axis + 1 :]) for axis in range(outer))
        return np.ndarray(box.sizes, self.dtype, file.read(*pieces), strides=(*strides, *box.strides[outer:]))

    def _copy(self, block: Block, file: File | Reopened, box: Box) -> None:
        """Copy a box part by part, so that a bounded number of its bytes is resident at once."""
        touched = box.pieces(GAP).touched
        axis = next((axis for axis, size in enumerate(box.sizes) if size > 1), None)
        if axis is None or touched <= AT_ONCE:
            block[...] = self._block(file, box, box.pieces(GAP if file.is_mapped else READ_GAP))
            return
        size = box.sizes[axis]
        step = max(1, AT_ONCE * size // touched)
        for start in range(0, size, step):
            stop = min(start + step, size)
            self._copy(block[(slice(None),) * axis + (slice(start, stop),)], file, box.part(axis, start, stop))
