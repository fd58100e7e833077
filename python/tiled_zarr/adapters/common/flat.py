"""Uncompressed arrays that lie in one piece inside a file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import FileIO
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..._native import Mapping
from ...nodes import Region
from .mapped import MAPPINGS
from .snapshot import Snapshot, check_end, read_exactly

Block: TypeAlias = "np.ndarray[Any, Any]"

GAP = 64 * 1024
"""Reading this many bytes that nobody asked for costs about as much as another seek and read, or as another page fault."""
AT_ONCE = 16 * 1024 * 1024
"""A stepped read looks at about so many bytes before those of before may be released."""


class Box(NamedTuple):
    """Items of a file: the byte at which the first one begins, how many there are on each axis, and how many bytes lie between them."""

    first: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int

    def inner(self, outer: int) -> Box:
        """The first of the boxes along some outer axes."""
        return Box(self.first, self.sizes[outer:], self.strides[outer:], self.itemsize)

    @property
    def span(self) -> int:
        """Bytes from the first item to the end of the last one."""
        return self.itemsize + sum((size - 1) * stride for size, stride in zip(self.sizes, self.strides, strict=True))

    @property
    def pieces(self) -> Pieces:
        """The pieces to be looked at in order to see all items."""
        extent = self.itemsize
        axes = len(self.sizes)
        while axes and self.strides[axes - 1] <= extent + GAP:
            axes -= 1
            extent += (self.sizes[axes] - 1) * self.strides[axes]
        return Pieces(self.first, extent, self.sizes[:axes], self.strides[:axes])


class Pieces(NamedTuple):
    """Pieces of a file of `nbytes` bytes at equal distances along some axes, all further apart than a GAP."""

    first: int
    nbytes: int
    counts: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def are_small(self) -> bool:
        """Whether reading them costs less than the faults of their pages: 1 microsecond each, against 4 in a mapping."""
        return bool(self.counts) and self.nbytes <= GAP

    @property
    def touched(self) -> int:
        """About how many bytes become resident where they are looked at in a mapping: a page brings its neighbours along."""
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

        It is read instead where it lies in many small pieces, since faults of their pages cost more, and where the file cannot be mapped;
        what is read then besides the region is at most as much again, or small.
        """
        box = self._box(region)
        if 0 in box.sizes:
            return np.empty(box.sizes, self.dtype)
        self.snapshot.check()
        mapping = MAPPINGS.of(self.snapshot)
        if mapping is None:
            with self.snapshot.opened() as file:
                return self._read_from(file, box)
        pieces = box.pieces
        mapping.prefetch(*pieces)
        if pieces.are_small:
            with self.snapshot.unchanged():
                return self._gathered(mapping, box, pieces)
        view = self._view(mapping, box)
        MAPPINGS.touch(pieces.touched)
        return view

    def read_stepped(self, region: Region, steps: tuple[int, ...]) -> Block:
        """Every so many items of a region, copied; the pages that hold them are read, which are all where steps are short."""
        box = self._box(region)
        stepped = Box(
            box.first,
            tuple(-(-size // step) for size, step in zip(box.sizes, steps, strict=True)),
            tuple(stride * step for stride, step in zip(box.strides, steps, strict=True)),
            box.itemsize,
        )
        block = np.empty(stepped.sizes, self.dtype)
        if block.size == 0:
            return block
        with self.snapshot.unchanged():
            mapping = MAPPINGS.of(self.snapshot)
            if mapping is None:
                self._step_through(block, stepped)
            else:
                pieces = stepped.pieces
                mapping.prefetch(*pieces)
                if pieces.are_small:
                    block[...] = self._gathered(mapping, stepped, pieces)
                else:
                    self._copy(block, self._view(mapping, stepped), pieces.touched)
        return block

    def _box(self, region: Region) -> Box:
        itemsize = self.dtype.itemsize
        strides = tuple(itemsize * math.prod(self.shape[axis + 1 :]) for axis in range(len(self.shape)))
        first = self.offset + sum(part.start * stride for part, stride in zip(region, strides, strict=True))
        return Box(first, tuple(part.stop - part.start for part in region), strides, itemsize)

    def _view(self, mapping: Mapping, box: Box) -> Block:
        check_end(self.snapshot.path, len(mapping), box.first + box.span)
        return np.ndarray(box.sizes, self.dtype, memoryview(mapping), box.first, box.strides)

    def _gathered(self, mapping: Mapping, box: Box, pieces: Pieces) -> Block:
        """A box whose pieces are read one after the other."""
        check_end(self.snapshot.path, len(mapping), box.first + box.span)
        outer = len(pieces.counts)
        strides = tuple(pieces.nbytes * math.prod(pieces.counts[axis + 1 :]) for axis in range(outer))
        return np.ndarray(box.sizes, self.dtype, mapping.read(*pieces), strides=(*strides, *box.strides[outer:]))

    def _copy(self, block: Block, view: Block, touched: int) -> None:
        """Copy a view in parts, so that a bounded number of its bytes is resident at once."""
        axis = next((axis for axis, size in enumerate(view.shape) if size > 1), None)
        if axis is None:
            block[...] = view
            return
        size = view.shape[axis]
        step = max(1, min(size, AT_ONCE * size // touched))
        for start in range(0, size, step):
            part = (slice(None),) * axis + (slice(start, start + step),)
            MAPPINGS.touch(touched * step // size)
            block[part] = view[part]

    def _read_from(self, file: FileIO, box: Box) -> Block:
        outer = _outer_axes(box)
        if outer == 0:
            return self._read_piece(file, box)
        block = np.empty(box.sizes, self.dtype)
        for place in np.ndindex(box.sizes[:outer]):
            block[place] = self._read_piece(file, box.inner(outer)._replace(first=_at(box, place)))
        return block

    def _step_through(self, block: Block, box: Box) -> None:
        """Read row after row of a stepped box, of each the span."""
        outer = max(0, len(box.sizes) - 1)
        with self.snapshot.opened() as file:
            for place in np.ndindex(box.sizes[:outer]):
                block[place] = self._read_piece(file, box.inner(outer)._replace(first=_at(box, place)))

    def _read_piece(self, file: FileIO, box: Box) -> Block:
        return np.ndarray(box.sizes, self.dtype, read_exactly(file, box.first, box.span), strides=box.strides)


def _at(box: Box, place: tuple[int, ...]) -> int:
    """Where the item at a place on the outer axes begins."""
    return box.first + sum(i * stride for i, stride in zip(place, box.strides, strict=False))


def _outer_axes(box: Box) -> int:
    """How many leading axes are stepped through, so that the rest is read in one piece with little waste."""
    for outer in range(len(box.sizes)):
        inner = box.inner(outer)
        if inner.span <= 2 * inner.itemsize * math.prod(inner.sizes) + GAP:
            return outer
    return 0
