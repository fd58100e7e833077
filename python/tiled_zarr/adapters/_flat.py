"""Uncompressed arrays that lie in one piece inside a file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import FileIO
from typing import Any

import numpy as np

from ..nodes import Region
from ._snapshots import Snapshot, read_exactly

GAP = 64 * 1024
"""Reading this many bytes that nobody asked for costs about as much as another seek and read."""


@dataclass(frozen=True, slots=True)
class FlatArray:
    """An array in C order at a byte offset of a file."""

    snapshot: Snapshot
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, region: Region) -> np.ndarray[Any, Any]:
        """A region; what is read of the file besides it is at most as much again, or small."""
        with self.snapshot.opened() as file:
            return self.read_from(file, region)

    def read_from(self, file: FileIO, region: Region) -> np.ndarray[Any, Any]:
        """A region, from the file opened by the caller."""
        sizes = tuple(part.stop - part.start for part in region)
        if 0 in sizes:
            return np.empty(sizes, self.dtype)
        strides = self._strides()
        first = self.offset + sum(part.start * stride for part, stride in zip(region, strides, strict=True))
        outer = self._outer_axes(sizes, strides)
        inner_sizes, inner_strides = sizes[outer:], strides[outer:]
        span = self._span(inner_sizes, inner_strides)
        if outer == 0:
            return np.ndarray(sizes, self.dtype, read_exactly(file, first, span), strides=strides)
        block = np.empty(sizes, self.dtype)
        for place in np.ndindex(sizes[:outer]):
            at = first + sum(i * stride for i, stride in zip(place, strides, strict=False))
            block[place] = np.ndarray(inner_sizes, self.dtype, read_exactly(file, at, span), strides=inner_strides)
        return block

    def _strides(self) -> tuple[int, ...]:
        return tuple(self.dtype.itemsize * math.prod(self.shape[axis + 1 :]) for axis in range(len(self.shape)))

    def _span(self, sizes: tuple[int, ...], strides: tuple[int, ...]) -> int:
        """Bytes from the first item of a box to the end of its last one."""
        return self.dtype.itemsize + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))

    def _outer_axes(self, sizes: tuple[int, ...], strides: tuple[int, ...]) -> int:
        """How many leading axes are stepped through, so that the rest is read in one piece with little waste."""
        for outer in range(len(sizes)):
            wanted = self.dtype.itemsize * math.prod(sizes[outer:])
            if self._span(sizes[outer:], strides[outer:]) <= 2 * wanted + GAP:
                return outer
        return 0
