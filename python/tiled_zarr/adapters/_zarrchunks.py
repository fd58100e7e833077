"""Chunks of a Zarr array, read from its folder without zarr-python."""

from __future__ import annotations

import math
import os
import time
import zlib
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from .. import _native, codecs
from ..nodes import Damaged, Region
from ..revisions import file_revision, settled_revision
from ._decoded import DECODED
from ._extras import require
from ._flat import FlatArray
from ._snapshots import Snapshot, read_exactly
from ._zarrlayout import Layout, Shards
from .common.bounds import LARGEST_INDEX, LARGEST_TEXT, grown, gunzip
from .common.fences import Fence
from .common.folders import COARSEST_CLOCK

MOST_FILES = 16
"""The files of a region are asked for their revisions only up to this number."""
ABSENT = "absent"
CHECKSUM = 4
BLOSC, ZSTD, ZLIB, GZIP, LZ4, CRC32C = 32001, 32015, 1, 65536, 65537, 65538
FILTERS = {"blosc": BLOSC, "zstd": ZSTD, "zlib": ZLIB, "gzip": GZIP, "lz4": LZ4}
"""The native decoder's numbers of codecs."""
NOT_STORED = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file."""

    snapshot: Snapshot
    offset: int
    nbytes: int

    def read(self) -> bytes:
        """The bytes. Raises Changed where the file is another by now."""
        with self.snapshot.opened() as file:
            return read_exactly(file, self.offset, self.nbytes)


@dataclass(frozen=True, slots=True)
class Chunks:
    """The chunks of an array, `shape` elements each: files, or parts of shards.

    `opened` is the revision of the array's documents by which it is read; all files are opened behind `fence`; `decoder`, if the codec is
    known natively, stops at the size of a chunk, whatever its bytes would decode to.
    """

    layout: Layout
    fence: Fence
    opened: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    decoder: _native.Decoder | None

    @classmethod
    def of(cls, layout: Layout, fence: Fence, opened: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Chunks:
        """The chunks of an array of a layout."""
        decoder = None if layout.codec is None or dtype.hasobject else _decoder(layout.codec, shape, dtype.itemsize)
        return cls(layout, fence, opened, shape, dtype, decoder)

    @property
    def largest(self) -> int:
        """Bytes that a stored chunk has at most."""
        return LARGEST_TEXT if self.dtype.hasobject else grown(self._nbytes)

    @property
    def _nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self, index: tuple[int, ...]) -> bytes | None:
        """The stored bytes of a chunk, or None where it was never written. Raises OSError where the array itself is gone."""
        try:
            if self.layout.shards is None:
                return self.fence.read(self.layout.path(index), self.largest)
            part = self._part(index)
            return None if part is None else self._stored(part)
        except FileNotFoundError:
            self.check()
            return None

    def check(self) -> None:
        """Raises OSError where the array is gone; its chunks are then not missing but unknown."""
        os.stat(self.layout.document)  # noqa: PTH116 - a Path would be built on every request

    def block(self, region: Region) -> np.ndarray[Any, Any] | None:
        """The elements of a region of plain chunks; None if one of them was never written, or cannot be read here.

        What is not compressed is read as far as it is needed; what is decoded for a part of it is kept for who needs the other parts.
        """
        sizes = [part.stop - part.start for part in region]
        if self.decoder is None or 0 in sizes:
            return None
        ranges = [range(part.start // size, -(-part.stop // size)) for part, size in zip(region, self.shape, strict=True)]
        if all(len(places) == 1 for places in ranges):
            return self._block(region)
        block = np.empty(sizes, self.dtype)
        for index in product(*ranges):
            common = self._common(index, region)
            piece = self._block(common)
            if piece is None:
                return None
            target = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(common, region, strict=True))
            block[target] = piece
        return block

    def _common(self, index: tuple[int, ...], region: Region) -> Region:
        """What a region has of a chunk."""
        every = zip(index, self.shape, region, strict=True)
        return tuple(slice(max(i * size, part.start), min((i + 1) * size, part.stop)) for i, size, part in every)

    def _block(self, region: Region) -> np.ndarray[Any, Any] | None:
        """The elements of a region inside of one chunk, or None if that was never written."""
        index = tuple(part.start // size for part, size in zip(region, self.shape, strict=True))
        start = tuple(i * size for i, size in zip(index, self.shape, strict=True))
        inner = tuple(slice(part.start - first, part.stop - first) for part, first in zip(region, start, strict=True))
        try:
            part = self._part(index)
            return None if part is None else self._read_part(part, index, inner)
        except FileNotFoundError:
            self.check()
            return None

    def _part(self, index: tuple[int, ...]) -> Part | None:
        """Where a chunk lies. Raises FileNotFoundError where its file was never written."""
        shards = self.layout.shards
        if shards is None:
            snapshot = self._file(index)
            return Part(snapshot, 0, os.stat(snapshot.path).st_size)  # noqa: PTH116
        place = tuple(i // count for i, count in zip(index, shards.counts, strict=True))
        snapshot = self._file(place)
        shard_index = DECODED.get(snapshot, "shard index", lambda: _shard_index(snapshot, shards))
        offset, nbytes = map(int, shard_index[tuple(i % count for i, count in zip(index, shards.counts, strict=True))])
        return None if offset == nbytes == NOT_STORED else Part(snapshot, offset, nbytes)

    def _file(self, place: tuple[int, ...]) -> Snapshot:
        """A file as it is now, which is not opened yet. Raises FileNotFoundError where it was never written."""
        path = self.layout.path(place)
        try:
            return Snapshot(path, file_revision(path), self.fence)
        except OSError:
            self.fence.check_inside(path)
            raise

    def _read_part(self, part: Part, index: tuple[int, ...], inner: Region) -> np.ndarray[Any, Any]:
        if self.layout.codec == "none":
            if part.nbytes != self._nbytes:
                self.fence.check(part.snapshot.path)  # before anybody learns the size of a file that is not served
                raise Damaged(f"the chunk {index} has {part.nbytes} bytes, expected {self._nbytes}; restore it from a copy")
            return FlatArray(part.snapshot, part.offset, self.shape, self.dtype).read(inner)
        is_most = all((axis.stop - axis.start) * 2 > size for axis, size in zip(inner, self.shape, strict=True))
        block = self._decoded(part, index) if is_most else DECODED.get(part.snapshot, index, lambda: self._decoded(part, index))
        box: Any = (*inner, ...)
        cut: np.ndarray[Any, Any] = block[box]
        return cut

    def _stored(self, part: Part) -> bytes:
        """The bytes of a chunk. Raises Damaged if they are more than any of its size can have."""
        if part.nbytes > self.largest:
            self.fence.check(part.snapshot.path)
            name = os.path.basename(part.snapshot.path)  # noqa: PTH119
            raise Damaged(f"a chunk of {part.nbytes} bytes in {name!r}, at most {self.largest} are expected; restore it from a copy")
        return part.read()

    def _decoded(self, part: Part, index: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """The elements of a chunk. Raises Damaged if its bytes decode to more or less, or are no such stream."""
        assert self.decoder is not None
        block = np.empty(self.shape, self.dtype)
        stored, start = self._stored(part), [i * size for i, size in zip(index, self.shape, strict=True)]
        try:
            if self._is_odd_gzip(stored):
                return np.frombuffer(gunzip(stored, self._nbytes), self.dtype).reshape(self.shape)
            self.decoder.read(block.view(f"V{self.dtype.itemsize}"), start, [(index, stored, 0)])
        except (ValueError, EOFError, zlib.error, Damaged) as error:
            name = os.path.basename(part.snapshot.path)  # noqa: PTH119
            what = f"it is damaged, or decodes to more or less than {self._nbytes} bytes"
            raise Damaged(f"the chunk {name!r} cannot be decoded: {what}; restore it from a copy") from error
        return block

    def _is_odd_gzip(self, stored: bytes) -> bool:
        """Whether a chunk may be several gzip members, of which the native decoder reads the first.

        The last 4 bytes say the decoded size of the last member, modulo 2**32. Behind a checksum there is one member alone.
        """
        codec = codecs.parse(self.layout.codec or "none", stored=True)
        is_alone = codec.name == "gzip" and not codec.crc32c
        return is_alone and stored[-4:] != (self._nbytes & 0xFFFFFFFF).to_bytes(4, "little")

    def revision(self, region: Region) -> str | None:
        """The revision of the files behind a region and of the array's documents; None where they are many, or one was just written.

        A file that is written twice within what the file system takes for one moment may show no change. Raises OSError where the
        document is gone.
        """
        ranges = [range(part.start // size, -(-part.stop // size)) for part, size in zip(region, self.layout.file_shape, strict=True)]
        if math.prod(map(len, ranges)) > MOST_FILES:
            return None
        settled = time.time_ns() - COARSEST_CLOCK
        revisions = [self.opened, settled_revision(self.layout.document, settled)]
        for place in product(*ranges):
            try:
                revisions.append(settled_revision(self.layout.path(place), settled))
            except FileNotFoundError:
                revisions.append(ABSENT)
            except OSError:
                self.fence.check_inside(self.layout.path(place))
                raise
        return None if None in revisions else "+".join(filter(None, revisions))


def _decoder(spelling: str, shape: tuple[int, ...], itemsize: int) -> _native.Decoder | None:
    codec = codecs.parse(spelling, stored=True)
    compressor = [] if codec.name == "none" else [FILTERS[codec.name]]
    filters: list[tuple[int, list[int]]] = [(number, []) for number in [*compressor, *[CRC32C] * codec.crc32c]]
    try:
        return _native.Decoder(filters, shape, itemsize)
    except (ValueError, MemoryError):
        return None


def _shard_index(snapshot: Snapshot, shards: Shards) -> np.ndarray[Any, Any]:
    """Offset and number of bytes of each chunk in a shard. Raises Damaged where its checksum is wrong."""
    google_crc32c = require("google_crc32c", "zarr")
    size = 16 * shards.chunks
    if size > LARGEST_INDEX:
        raise Damaged(f"a shard of {shards.chunks} chunks has an index of {size} bytes, at most {LARGEST_INDEX} are read")
    with snapshot.opened() as file:
        at = 0 if shards.is_index_first else os.fstat(file.fileno()).st_size - size - CHECKSUM
        body = read_exactly(file, max(at, 0), size + CHECKSUM)
    expected, got = int.from_bytes(body[size:], "little"), google_crc32c.value(body[:size])
    if expected != got:
        shard = os.path.basename(snapshot.path)  # noqa: PTH119
        raise Damaged(f"the index of the shard {shard!r} has the checksum {got:08x}, expected {expected:08x}; restore it from a copy")
    return np.frombuffer(body, "<u8", 2 * shards.chunks).reshape(*shards.counts, 2)
