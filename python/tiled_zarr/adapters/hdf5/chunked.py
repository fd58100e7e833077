"""Chunked HDF5 datasets, read and decoded without the library, in parallel."""

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
from ..common.snapshot import Snapshot
from .descriptions import ArrayDescription, Filters
from .index import NOWHERE, chunk_index, read_pieces

Block: TypeAlias = "np.ndarray[Any, Any]"

SMALL = 4096
"""Bytes of a chunk that is sooner decoded again than looked up."""
SMALL_PLAIN = 65536
"""Bytes of an unfiltered chunk that is sooner read whole, together with its neighbours, than by itself."""
SHUFFLE, BITSHUFFLE = 2, 32008
COMPRESSORS = frozenset({2, 3})
"""What bitshuffle can have behind it, by its fifth parameter: LZ4 and Zstandard."""


class Piece(NamedTuple):
    """A chunk that there is: its place in the grid, where it is stored, and a bit for every filter that was left out."""

    place: tuple[int, ...]
    offset: int
    nbytes: int
    mask: int


@dataclass(frozen=True, slots=True)
class ChunkedArray:
    """A dataset whose filters are known here.

    `is_plain` says that there are none. `fill` is what missing chunks hold, None where the library has to say it; `by_library` reads
    what only the library can.
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
        """A dataset that was described; None where only the library can read it."""
        if found.chunked is None or found.chunks is None:
            return None
        pipeline = found.chunked.filters
        if not (_are_telling(pipeline) or _is_even(found.shape, found.chunks)):
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
        """A region; chunks that it has only a part of are kept for who asks for the rest.

        Raises Damaged where a chunk cannot be decoded, Changed where the file is another one by now.
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
        """The block with the chunks in it; a region inside of one chunk is a view of what was decoded."""
        is_small = self._nbytes() <= (SMALL_PLAIN if self.is_plain else SMALL)
        whole: list[Piece] = []
        parted: list[Piece] = []
        for piece in pieces:
            (whole if is_small or (self._is_within(piece, region) and not self.is_plain) else parted).append(piece)
        with self.snapshot.unchanged():
            if whole:
                self._decode(whole, region, block)
            for piece in parted:
                target, part = self._part(piece, region)
                if part.shape == block.shape:
                    return part
                block[target] = part
        return block

    def _decode(self, pieces: Sequence[Piece], region: Region, block: Block) -> None:
        """Write what a region has of chunks to its block."""
        stored = read_pieces(self.snapshot, [(piece.offset, piece.nbytes) for piece in pieces])
        chunks = [(piece.place, content, piece.mask) for piece, content in zip(pieces, stored, strict=True)]
        self.decoder.read(block.view(f"V{block.itemsize}"), [part.start for part in region], chunks)

    def _part(self, piece: Piece, region: Region) -> tuple[Region, Block]:
        """Where a chunk goes in the block of a region, and what goes there."""
        corners = [i * chunk for i, chunk in zip(piece.place, self.chunk_shape, strict=True)]
        every = list(zip(corners, self.chunk_shape, region, strict=True))
        common = [(max(corner, part.start), min(corner + chunk, part.stop)) for corner, chunk, part in every]
        target = tuple(slice(first - part.start, end - part.start) for (first, end), part in zip(common, region, strict=True))
        source = tuple(slice(first - corner, end - corner) for (first, end), corner in zip(common, corners, strict=True))
        if self.is_plain:
            return target, FlatArray(self.snapshot, piece.offset, self.chunk_shape, self.dtype).read(source)

        def decode() -> Block:
            chunk = np.empty(self.chunk_shape, self.dtype)
            self._decode([piece], tuple(slice(corner, corner + size) for corner, size, _ in every), chunk)
            return chunk

        return target, kept(self.snapshot.resources.decoded, self.snapshot, (self.where, piece.place), decode)[source]

    def _is_within(self, piece: Piece, region: Region) -> bool:
        """Whether a region has all of the chunk that lies in the array."""
        every = zip(piece.place, self.chunk_shape, self.shape, region, strict=True)
        return all(part.start <= i * chunk and min((i + 1) * chunk, size) <= part.stop for i, chunk, size, part in every)

    def _nbytes(self) -> int:
        return math.prod(self.chunk_shape) * self.dtype.itemsize


def _is_even(shape: Sequence[int], chunk_shape: Sequence[int]) -> bool:
    return all(size % chunk == 0 for size, chunk in zip(shape, chunk_shape, strict=True))


def _are_telling(pipeline: Filters) -> bool:
    """Whether the filters refuse what is not their own, and not undo any bytes of the right length as a bare shuffle does."""

    def is_telling(code: int, parameters: Sequence[int]) -> bool:
        return code != SHUFFLE and (code != BITSHUFFLE or (len(parameters) > 4 and parameters[4] in COMPRESSORS))

    return not pipeline or any(is_telling(*one) for one in pipeline)
