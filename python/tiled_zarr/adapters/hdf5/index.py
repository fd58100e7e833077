"""Where the chunks of HDF5 datasets lie in their file: an index that is read once a revision of the file, and the stored bytes.

A helper process is asked for the index alone; the chunks themselves are read here, in parallel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ..common.decoded import piece
from ..common.mapped import read_bytes
from ..common.snapshot import Snapshot
from . import library

Rows: TypeAlias = "np.ndarray[Any, Any]"

ROW = np.dtype([("offset", "<i8"), ("nbytes", "<u4"), ("mask", "<u4")])
"""Where a chunk lies, how long it is, and a bit for every filter that was left out."""
NOWHERE = -1
"""The offset of a chunk that is not stored, and what an undefined address of HDF5 is as a signed number."""
MISSING = np.array((NOWHERE, 0, 0), ROW)
LARGEST = np.iinfo("<u4").max
GAP = 4096
"""So many bytes between two chunks cost no more to read than another call."""
RUN = 4 * 1024 * 1024
"""Chunks that follow each other are read at once up to so many bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class ChunkIndex:
    """The chunks of a dataset in C order of their places in the grid.

    `shape` and `chunk_shape` are in elements, `places` those of the chunks that there are, counted in C order; None means all of them.
    An index that is not known, or too large, has no rows.
    """

    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    itemsize: int
    rows: Rows
    places: np.ndarray[Any, Any] | None
    is_known: bool = True

    @property
    def nbytes(self) -> int:
        """Memory that the index takes, in bytes."""
        return int(self.rows.nbytes + (0 if self.places is None else self.places.nbytes))

    @property
    def grid(self) -> tuple[int, ...]:
        """How many chunks there are along each axis."""
        return tuple(-(-size // chunk) for size, chunk in zip(self.shape, self.chunk_shape, strict=True))

    def may_be_plain(self, place: Sequence[int], nbytes: int) -> bool:
        """Whether a chunk of so many bytes may be stored unfiltered because it is cut by the array's edge.

        That is what H5Pset_chunk_opts asks for; h5py cannot tell, and no bit of the mask does.
        """
        is_cut = any((i + 1) * chunk > size for i, chunk, size in zip(place, self.chunk_shape, self.shape, strict=True))
        return is_cut and nbytes == math.prod(self.chunk_shape) * self.itemsize

    def find(self, box: Sequence[range]) -> Rows:
        """The rows of the chunks in a box of the grid, in C order."""
        grid = self.grid
        if self.places is None and all(len(part) == 1 and part.start in range(count) for part, count in zip(box, grid, strict=True)):
            place = 0  # numpy takes ten times as long for the one that most requests are about
            for part, count in zip(box, grid, strict=True):
                place = place * count + part.start
            return self.rows[place : place + 1]
        wanted = np.ravel_multi_index(np.ix_(*box), grid).ravel()
        if self.places is None:
            return self.rows[wanted]
        found = np.full(wanted.size, MISSING)
        if self.places.size:
            at = np.minimum(np.searchsorted(self.places, wanted), self.places.size - 1)
            is_there = self.places[at] == wanted
            found[is_there] = self.rows[at[is_there]]
        return found


def chunk_index(snapshot: Snapshot, where: str) -> ChunkIndex:
    """The index of a chunked dataset. Raises Changed where the file is another one by now."""
    index: ChunkIndex = piece(snapshot.resources.chunk_indexes, snapshot, where, partial(library.data, snapshot, "chunk_index", where))
    return index


def stored_chunk(snapshot: Snapshot, where: str, index: Sequence[int]) -> bytes | None:
    """The bytes of the chunk at a place of the grid as they are stored, made by all the filters.

    None where there is no such chunk, or a filter was or may have been left out. Raises Changed where the file is another one by now;
    whether it stayed the same is for the caller to see.
    """
    known = chunk_index(snapshot, where)
    if not known.is_known:
        return None
    offset, nbytes, mask = known.find([range(i, i + 1) for i in index])[0].item()
    if offset == NOWHERE or mask or known.may_be_plain(index, nbytes):
        return None
    return read_bytes(snapshot, offset, nbytes)


def read_pieces(snapshot: Snapshot, pieces: Sequence[tuple[int, int]]) -> list[memoryview]:
    """The file's bytes at each offset and of each length; pieces that follow each other are read at once.

    Raises OSError where the file ends before them; whether it is still the same is for the caller to see.
    """
    found: list[memoryview] = [memoryview(b"")] * len(pieces)
    for run in _runs(pieces):
        first = pieces[run[0]][0]
        content = memoryview(read_bytes(snapshot, first, max(sum(pieces[i]) for i in run) - first))
        for i in run:
            offset, nbytes = pieces[i]
            found[i] = content[offset - first : offset - first + nbytes]
    return found


def _runs(pieces: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Which pieces are read together, by number, in order of their offsets."""
    runs: list[list[int]] = []
    first, end = 0, 0
    for i in sorted(range(len(pieces)), key=lambda i: pieces[i]):
        offset, nbytes = pieces[i]
        if not runs or offset > end + GAP or offset + nbytes > first + RUN:
            runs.append([])
            first, end = offset, offset
        runs[-1].append(i)
        end = max(end, offset + nbytes)
    return runs
