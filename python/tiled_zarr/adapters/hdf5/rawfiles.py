"""Arrays whose bytes lie in one or more raw files, one after the other.

https://support.hdfgroup.org/documentation/hdf5/latest/_h5_d__u_g.html (external storage)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...nodes import Region
from ..common.snapshot import Snapshot, read_exactly


@dataclass(frozen=True, slots=True)
class RawArray:
    """An array in C order over parts of files.

    A part is a file, a byte offset and a number of bytes.
    """

    parts: Sequence[tuple[Snapshot, int, int]]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, region: Region) -> np.ndarray[Any, Any]:
        """A region, read in rows: contiguous pieces that are as long as possible.

        A row begins at the last axis of which the region has only a part. Raises Changed if a file
        has changed.
        """
        sizes = [part.stop - part.start for part in region]
        if 0 in sizes:
            return np.empty(sizes, self.dtype)
        outer = next((axis for axis in reversed(range(len(sizes))) if sizes[axis] != self.shape[axis]), 0)
        strides = [self.dtype.itemsize * math.prod(self.shape[axis + 1 :]) for axis in range(len(sizes))]
        nbytes = self.dtype.itemsize * math.prod(sizes[outer:])
        rows = np.empty((*sizes[:outer], nbytes), "u1")
        start = sum(part.start * stride for part, stride in zip(region, strides, strict=True))
        for place in np.ndindex(*sizes[:outer]):
            at = start + sum(i * stride for i, stride in zip(place, strides, strict=False))
            rows[place] = np.frombuffer(self._bytes(at, nbytes), "u1")
        return rows.view(self.dtype).reshape(sizes)

    def _bytes(self, start: int, nbytes: int) -> bytes:
        """Bytes of the array from `start` on, from the files that hold them."""
        found, stop, first = [], start + nbytes, 0
        for snapshot, offset, size in self.parts:
            low, high = max(start, first), min(stop, first + size)
            if low < high:
                with snapshot.opened() as file:
                    found.append(read_exactly(file, offset + low - first, high - low))
            first += size
        return b"".join(found)
