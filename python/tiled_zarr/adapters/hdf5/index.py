"""The chunk index of an HDF5 dataset, and the stored bytes of its chunks.

The index lists where each chunk lies in the file. A helper process reads it once per revision of
the file (indexing.py); the server then reads the chunks themselves from the file, in parallel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ..common.decoded import piece
from ..common.mapped import FETCH_GAP, read_bytes
from ..common.ranged import Ranged
from ..common.snapshot import Snapshot, check_end
from . import library

Rows: TypeAlias = "np.ndarray[Any, Any]"

ROW = np.dtype([("offset", "<i8"), ("nbytes", "<u4"), ("mask", "<u4")])
"""The byte offset and size of a stored chunk, and its filter mask.

A set bit in the mask means that the filter at that place in the pipeline was skipped.
"""
NOWHERE = -1
"""The offset of a chunk that is not stored: HDF5's undefined address as a signed number."""
MISSING = np.array((NOWHERE, 0, 0), ROW)
LARGEST = np.iinfo("<u4").max
GAP = 4096
"""Bytes between two chunks that cost no more to read than a second system call."""
RUN = 4 * 1024 * 1024
"""Bytes up to which neighbouring chunks are read with one call."""


@dataclass(frozen=True, slots=True, eq=False)
class ChunkIndex:
    """The stored chunks of a dataset, in C order of their indexes in the grid.

    `shape` and `chunk_shape` are in elements. `places` has the index of each stored chunk,
    flattened in C order; None means that all chunks are stored. If `is_known` is false, the dataset
    has too many chunks or its offsets were wrong, and `rows` is empty.
    """

    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    itemsize: int
    rows: Rows
    places: np.ndarray[Any, Any] | None
    is_known: bool = True

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the index takes."""
        return int(self.rows.nbytes + (0 if self.places is None else self.places.nbytes))

    @property
    def grid(self) -> tuple[int, ...]:
        """The number of chunks along each axis."""
        return tuple(-(-size // chunk) for size, chunk in zip(self.shape, self.chunk_shape, strict=True))

    def may_be_plain(self, place: Sequence[int], nbytes: int) -> bool:
        """True if `nbytes` stored bytes may be an unfiltered chunk that the array's edge cuts.

        H5Pset_chunk_opts leaves such chunks unfiltered. h5py cannot tell if it was called, and no
        bit of the mask is set.
        """
        is_cut = any((i + 1) * chunk > size for i, chunk, size in zip(place, self.chunk_shape, self.shape, strict=True))
        return is_cut and nbytes == math.prod(self.chunk_shape) * self.itemsize

    def find(self, box: Sequence[range]) -> Rows:
        """The rows of the chunks in a box of the grid, in C order."""
        grid = self.grid
        if self.places is None and all(len(part) == 1 and part.start in range(count) for part, count in zip(box, grid, strict=True)):
            # without numpy, which takes ten times as long for one chunk, the usual case
            place = 0
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
    """The index of a chunked dataset. Raises Changed if the file has changed."""
    index: ChunkIndex = piece(snapshot.resources.chunk_indexes, snapshot, where, partial(library.data, snapshot, "chunk_index", where))
    return index


def stored_chunk(snapshot: Snapshot, where: str, index: Sequence[int]) -> bytes | None:
    """The stored bytes of the chunk at an index of the grid.

    None if there is no such chunk, or if a filter was or may have been skipped for it. Raises
    Changed if the file has changed. The caller must check that it does not change during the read.
    """
    known = chunk_index(snapshot, where)
    if not known.is_known:
        return None
    offset, nbytes, mask = known.find([range(i, i + 1) for i in index])[0].item()
    if offset == NOWHERE or mask or known.may_be_plain(index, nbytes):
        return None
    return read_bytes(snapshot, offset, nbytes)


def read_pieces(snapshot: Snapshot, pieces: Sequence[tuple[int, int]]) -> list[memoryview]:
    """The file's bytes at each offset and of each length.

    Pieces at most GAP bytes apart are read with one call, up to RUN bytes; those of an object in a
    store if they are at most FETCH_GAP apart, and all calls at once. Raises OSError if the file
    ends before them. The caller must check that the file does not change meanwhile.
    """
    found: list[memoryview] = [memoryview(b"")] * len(pieces)
    runs = _runs(pieces, FETCH_GAP if isinstance(snapshot, Ranged) else GAP)
    spans = [(pieces[run[0]][0], max(sum(pieces[i]) for i in run)) for run in runs]
    for run, (first, _), content in zip(runs, spans, _contents(snapshot, spans), strict=True):
        whole = memoryview(content)
        for i in run:
            offset, nbytes = pieces[i]
            found[i] = whole[offset - first : offset - first + nbytes]
    return found


def _contents(snapshot: Snapshot, spans: Sequence[tuple[int, int]]) -> Iterable[bytes]:
    """The bytes from one offset to another, for each of some pairs of them."""
    if not isinstance(snapshot, Ranged):
        return (read_bytes(snapshot, start, stop - start) for start, stop in spans)
    check_end(snapshot.path, snapshot.size, max((stop for _, stop in spans), default=0))
    return snapshot.read(spans)


def _runs(pieces: Sequence[tuple[int, int]], gap: int) -> list[list[int]]:
    """The numbers of the pieces to read together, in order of their offsets."""
    runs: list[list[int]] = []
    first, end = 0, 0
    for i in sorted(range(len(pieces)), key=lambda i: pieces[i]):
        offset, nbytes = pieces[i]
        if not runs or offset > end + gap or offset + nbytes > first + RUN:
            runs.append([])
            first, end = offset, offset
        runs[-1].append(i)
        end = max(end, offset + nbytes)
    return runs
