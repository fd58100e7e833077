"""Chunked HDF5 datasets, read and decoded by the server, without the HDF5 library.

The library runs one call at a time (one lock, in a helper process), decodes chunks one after the
other inside that call, and its result must cross a socket. So we ask it only for what it alone
knows, the chunk index: the file offset, the stored size and the filter mask of every chunk
(index.py). A helper reads the index once per revision of the file. Everything after that happens in
the server's own threads, in parallel.

To read a region:

1. Find the rows of all chunks that overlap the region in the index.
2. Hand the region to the library (`by_library`) if the index is unknown (more than 4 million
   chunks, or offsets that disagree with the file), or if a chunk is missing and the file defines no
   fill value.
3. Allocate the block, filled with the fill value if chunks are missing.
4. Sort the chunks into two lists. *Whole* chunks are decoded straight into the block: those that
   lie inside the region, and small ones (SMALL, SMALL_PLAIN), for which looking up a kept copy
   costs more than decoding again. *Parted* chunks overlap the region only in part: each is decoded
   once into an array of its own, which is kept for the requests for its other parts. Large
   unfiltered chunks are all parted, but none is kept: `FlatArray` maps the file and returns a view.
5. If one parted chunk covers the whole region, return a view of it and copy nothing.

Invariant: the file has the snapshot's revision before the first byte is read and after the last one
is decoded (`Snapshot.unchanged`). The index belongs to the same revision, so an offset never points
into a later version of the file. A view of the mapped file is used later; its reader checks the
revision again then.

The filter mask alone does not say which chunks are filtered. HDF5 can store a chunk at the array's
edge unfiltered (H5Pset_chunk_opts) without setting a bit in the mask, and h5py cannot tell. A
compressor refuses such bytes, and we then ask the library. A bare byte shuffle accepts any bytes of
the right length and would return garbage, so we leave datasets with only such filters to the
library, unless their shape is a multiple of the chunk shape: then no chunk is cut by the edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ... import _native
from ...nodes import Damaged, Region
from ..common.decoded import piece as kept
from ..common.flat import FlatArray
from ..common.ranged import Ranged
from ..common.snapshot import Snapshot
from .descriptions import ArrayDescription, Filters
from .index import NOWHERE, chunk_index, read_pieces

Block: TypeAlias = "np.ndarray[Any, Any]"

SMALL = 4096
"""Bytes of a chunk up to which decoding it again costs less than looking up a kept copy."""
SMALL_PLAIN = 65536
"""Bytes of an unfiltered chunk up to which we read it whole, together with its neighbours.

Larger ones are read one by one, and only the part that is needed.
"""
SMALL_FAR = 1024 * 1024
"""The same for an object in a store, where a part of a chunk costs about as much as all of it."""
SHUFFLE, BITSHUFFLE = 2, 32008
COMPRESSORS = frozenset({2, 3})
"""Compressors that bitshuffle can apply, by its fifth parameter: 2 is LZ4, 3 is Zstandard."""


class Piece(NamedTuple):
    """A stored chunk: its index in the grid, its byte offset and size in the file, its filter mask.

    A set bit in the mask means that the filter at that place in the pipeline was skipped.
    """

    place: tuple[int, ...]
    offset: int
    nbytes: int
    mask: int


@dataclass(frozen=True, slots=True)
class ChunkedArray:
    """A dataset whose filters our decoder knows.

    `is_plain` is true if there are no filters. `fill` is the value of missing chunks, None if only
    the library can tell it. `by_library` reads the regions that only the library can read.
    """

    snapshot: Snapshot
    where: str
    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    decoder: _native.Decoder
    is_plain: bool
    fill: Block | None
    by_library: Callable[[Region], Block]

    @classmethod
    def of(cls, snapshot: Snapshot, where: str, found: ArrayDescription, by_library: Callable[[Region], Block]) -> ChunkedArray | None:
        """The array of a described dataset, or None if only the library can read it."""
        if found.chunked is None or found.chunks is None:
            return None
        pipeline = found.chunked.filters
        if not (_detects_damage(pipeline) or _is_even(found.shape, found.chunks)):
            return None
        try:
            decoder = _native.Decoder(pipeline, found.chunks, found.dtype.itemsize)
        except (ValueError, MemoryError, OverflowError):
            return None
        return cls(
            snapshot=snapshot,
            where=where,
            shape=found.shape,
            chunk_shape=found.chunks,
            dtype=found.dtype,
            decoder=decoder,
            is_plain=not pipeline,
            fill=found.chunked.fill,
            by_library=by_library,
        )

    def read(self, region: Region) -> Block:
        """A region. A chunk of which it covers only a part is kept for later requests for the rest.

        Raises Damaged if a chunk cannot be decoded, Changed if the file has changed.
        """
        sizes = tuple(part.stop - part.start for part in region)
        if 0 in sizes:
            return np.empty(sizes, self.dtype)
        index = chunk_index(self.snapshot, self.where)
        box = [range(part.start // chunk, -(-part.stop // chunk)) for part, chunk in zip(region, self.chunk_shape, strict=True)]
        rows = index.find(box).tolist() if index.is_known else []
        pieces = [Piece(place, *row) for place, row in zip(product(*box), rows, strict=index.is_known) if row[0] != NOWHERE]
        is_missing = len(pieces) < len(rows)
        if not rows or (is_missing and self.fill is None):
            return self.by_library(region)
        block = np.empty(sizes, self.dtype)
        if is_missing:
            block[...] = self.fill
        try:
            return self._put_together(pieces, region, block)
        except ValueError as error:
            if any(index.may_be_plain(piece.place, piece.nbytes) for piece in pieces):
                return self.by_library(region)
            raise Damaged(f"{self.where} cannot be decoded: {str(error).replace('0x', '')}; restore the file from a copy") from error

    def _put_together(self, pieces: Sequence[Piece], region: Region, block: Block) -> Block:
        """The block with the chunks written to it, or a view of the one chunk that covers it."""
        is_far = isinstance(self.snapshot, Ranged)
        most = SMALL if not self.is_plain else SMALL_FAR if is_far else SMALL_PLAIN
        is_small, is_mapped = self._nbytes() <= most, self.is_plain and not is_far
        whole: list[Piece] = []
        parted: list[Piece] = []
        for piece in pieces:
            (whole if is_small or (self._is_within(piece, region) and not is_mapped) else parted).append(piece)
        with self.snapshot.unchanged():
            if whole:
                self._decode(whole, region, block)
            ahead = self._ahead(parted) if is_far and len(parted) > 1 and not self.is_plain else {}
            for piece in parted:
                target, part = self._part(piece, region, ahead.get(piece))
                if part.shape == block.shape:
                    return part
                block[target] = part
        return block

    def _ahead(self, pieces: Sequence[Piece]) -> dict[Piece, memoryview]:
        """The stored bytes of those chunks of which no decoded copy is kept, read at once."""
        decoded = self.snapshot.resources.decoded
        missing = [piece for piece in pieces if (self.snapshot, (self.where, piece.place)) not in decoded]
        return dict(zip(missing, self._stored(missing), strict=True))

    def _stored(self, pieces: Sequence[Piece]) -> list[memoryview]:
        return read_pieces(self.snapshot, [(piece.offset, piece.nbytes) for piece in pieces])

    def _decode(self, pieces: Sequence[Piece], region: Region, block: Block, ahead: memoryview | None = None) -> None:
        """Read and decode chunks, and write what a region has of them to its block.

        `ahead` has the stored bytes of the one chunk if they have been read.
        """
        stored = self._stored(pieces) if ahead is None else [ahead]
        chunks = [(piece.place, content, piece.mask) for piece, content in zip(pieces, stored, strict=True)]
        self.decoder.read(block.view(f"V{block.itemsize}"), [part.start for part in region], chunks)

    def _part(self, piece: Piece, region: Region, ahead: memoryview | None) -> tuple[Region, Block]:
        """The part of a region's block that a chunk fills, and the elements that belong there."""
        corners = [i * chunk for i, chunk in zip(piece.place, self.chunk_shape, strict=True)]
        every = list(zip(corners, self.chunk_shape, region, strict=True))
        common = [(max(corner, part.start), min(corner + chunk, part.stop)) for corner, chunk, part in every]
        target = tuple(slice(first - part.start, end - part.start) for (first, end), part in zip(common, region, strict=True))
        source = tuple(slice(first - corner, end - corner) for (first, end), corner in zip(common, corners, strict=True))
        if self.is_plain:
            return target, FlatArray(self.snapshot, piece.offset, self.chunk_shape, self.dtype).read(source)

        def decode() -> Block:
            chunk = np.empty(self.chunk_shape, self.dtype)
            self._decode([piece], tuple(slice(corner, corner + size) for corner, size, _ in every), chunk, ahead)
            return chunk

        return target, kept(self.snapshot.resources.decoded, self.snapshot, (self.where, piece.place), decode)[source]

    def _is_within(self, piece: Piece, region: Region) -> bool:
        """True if a region covers all elements of a chunk that lie inside the array."""
        every = zip(piece.place, self.chunk_shape, self.shape, region, strict=True)
        return all(part.start <= i * chunk and min((i + 1) * chunk, size) <= part.stop for i, chunk, size, part in every)

    def _nbytes(self) -> int:
        return math.prod(self.chunk_shape) * self.dtype.itemsize


def _is_even(shape: Sequence[int], chunk_shape: Sequence[int]) -> bool:
    return all(size % chunk == 0 for size, chunk in zip(shape, chunk_shape, strict=True))


def _detects_damage(pipeline: Filters) -> bool:
    """True if decoding garbage fails loudly (deflate, zstd) or if there are no filters.

    A bare byte shuffle accepts any input of the right length.
    """

    def detects(code: int, parameters: Sequence[int]) -> bool:
        return code != SHUFFLE and (code != BITSHUFFLE or (len(parameters) > 4 and parameters[4] in COMPRESSORS))

    return not pipeline or any(detects(*one) for one in pipeline)
