"""Chunks of a Zarr array, read from its folder without zarr-python."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import FileIO
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np

from ... import _native, codecs
from ...codecs import Codec
from ...nodes import Changed, Damaged, Region
from ...resources import Resources
from ...revisions import file_revision, settled_revision, steady_revision
from ..common.bounds import LARGEST_INDEX, LARGEST_TEXT, grown
from ..common.decoded import piece
from ..common.fences import Fence
from ..common.flat import FlatArray
from ..common.folders import COARSEST_CLOCK
from ..common.snapshot import Snapshot, read_exactly
from .folder import Folder
from .layout import Layout, Shards

MOST_FILES = 16
"""The files of a region are asked for their revisions only up to this number."""
TRIES = 5
"""Readings of a region until its shards stay the same meanwhile: each append writes one anew, twenty times a second."""
ABSENT = "absent"
UNCOMPRESSED = codecs.parse("none")
CHECKSUM = 4
BLOSC, ZSTD, ZLIB, GZIP, LZ4, CRC32C = 32001, 32015, 1, 65536, 65537, 65538
FILTERS = MappingProxyType({"blosc": BLOSC, "zstd": ZSTD, "zlib": ZLIB, "gzip": GZIP, "lz4": LZ4})
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
    resources: Resources | None

    @classmethod
    def of(cls, layout: Layout, folder: Folder, opened: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Chunks:
        """The chunks of an array of a layout."""
        decoder = None if layout.codec is None or dtype.hasobject else _decoder(layout.codec, shape, dtype.itemsize)
        return cls(layout, folder.fence, opened, shape, dtype, decoder, folder.resources)

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
            try:
                part = self._part(index)
                return None if part is None else self._stored(part, index)
            except Changed:
                return self._read_now(index)
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
            return self._chunk(index, inner)
        except FileNotFoundError:
            self.check()
            return None

    def _chunk(self, index: tuple[int, ...], inner: Region) -> np.ndarray[Any, Any] | None:
        """A part of a chunk. Raises FileNotFoundError where its file was never written."""
        try:
            part = self._part(index)
            return None if part is None else self._read_part(part, index, inner)
        except Changed:
            content = self._read_now(index)
            return None if content is None else _cut(self._made(content, index), inner)

    def _read_now(self, index: tuple[int, ...]) -> bytes | None:
        """The stored bytes of a chunk whose file is replaced by a new one time and again, as the file is that we open.

        Raises Changed where the file itself is written.
        """
        shards = self.layout.shards
        with self.fence.opened(self._path(index)) as file:
            opened = steady_revision(file.fileno())
            at = (0, os.fstat(file.fileno()).st_size) if shards is None else _find(_shard_index(file, shards), shards, index)
            if at is not None:
                self._check_size(at[1], index)
            content = None if at is None else read_exactly(file, *at)
            if file_revision(file.fileno()) != opened:
                raise Changed(f"the chunk {index} changed while it was being read; ask again")
        return content

    def _part(self, index: tuple[int, ...]) -> Part | None:
        """Where a chunk lies. Raises FileNotFoundError where its file was never written."""
        shards, snapshot = self.layout.shards, self._file(index)
        if shards is None:
            return Part(snapshot, 0, os.stat(snapshot.path).st_size)  # noqa: PTH116

        def read_index() -> np.ndarray[Any, Any]:
            with snapshot.opened() as file:
                return _shard_index(file, shards)

        at = _find(piece(snapshot.resources.decoded, snapshot, "shard index", read_index), shards, index)
        return None if at is None else Part(snapshot, *at)

    def _file(self, index: tuple[int, ...]) -> Snapshot:
        """The file of a chunk as it is now, which is not opened yet. Raises FileNotFoundError where it was never written."""
        path = self._path(index)
        try:
            return Snapshot(path, file_revision(path), self.fence, given=self.resources)
        except OSError:
            self.fence.check_inside(path)
            raise

    def _read_part(self, part: Part, index: tuple[int, ...], inner: Region) -> np.ndarray[Any, Any]:
        if self.layout.codec == UNCOMPRESSED:
            if part.nbytes != self._nbytes:
                self.fence.check(part.snapshot.path)  # before anybody learns the size of a file that is not served
                raise Damaged(f"the chunk {index} has {part.nbytes} bytes, expected {self._nbytes}; restore it from a copy")
            return FlatArray(part.snapshot, part.offset, self.shape, self.dtype).read(inner)
        is_most = all((axis.stop - axis.start) * 2 > size for axis, size in zip(inner, self.shape, strict=True))
        if is_most:
            return _cut(self._decoded(part, index), inner)
        pool = part.snapshot.resources.decoded
        return _cut(piece(pool, part.snapshot, index, partial(self._decoded, part, index)), inner)

    def _stored(self, part: Part, index: tuple[int, ...]) -> bytes:
        """The bytes of a chunk. Raises Damaged if they are more than any of its size can have."""
        self._check_size(part.nbytes, index)
        return part.read()

    def _check_size(self, nbytes: int, index: tuple[int, ...]) -> None:
        if nbytes > self.largest:
            self.fence.check(self._path(index))
            raise Damaged(f"the chunk {index} has {nbytes} bytes, at most {self.largest} are expected; restore it from a copy")

    def _decoded(self, part: Part, index: tuple[int, ...]) -> np.ndarray[Any, Any]:
        return self._made(self._stored(part, index), index)

    def _made(self, stored: bytes, index: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """The elements of a chunk. Raises Damaged if its bytes decode to more or less, or are no such stream."""
        assert self.decoder is not None
        block = np.empty(self.shape, self.dtype)
        try:
            start = [i * size for i, size in zip(index, self.shape, strict=True)]
            self.decoder.read(block.view(f"V{self.dtype.itemsize}"), start, [(index, stored, 0)])
        except ValueError as error:
            name, what = os.path.basename(self._path(index)), f"it is damaged, or decodes to more or less than {self._nbytes} bytes"  # noqa: PTH119
            raise Damaged(f"the chunk {name!r} cannot be decoded: {what}; restore it from a copy") from error
        return block

    def _path(self, index: tuple[int, ...]) -> str:
        """The file in which a chunk lies."""
        shards = self.layout.shards
        return self.layout.path(index if shards is None else shards.place(index))

    def revision(self, region: Region) -> str | None:
        """The revision of the files behind a region and of the array's documents; None where they are many, or one was just written.

        A file that is written twice within what the file system takes for one moment may show no change. Raises OSError where the
        document is gone.
        """
        ranges = self._files(region)
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

    def steadily(self, region: Region, read: Callable[[], np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """What zarr-python reads of a region: of a shard it reads the index first, and then the chunks, perhaps those of another file.

        Raises Changed where shards are replaced each time, OSError where the array itself is gone.
        """
        for _ in range(TRIES):
            before = self._shards(region)
            try:
                block = read()
            except Exception:
                if self._shards(region) == before:
                    raise
                continue
            self.check()
            if self._shards(region) == before:
                return block
        raise Changed("the shards changed while they were being read; ask again")

    def _shards(self, region: Region) -> list[str]:
        """The revisions of the shards behind a region."""
        return [] if self.layout.shards is None else [self._shard(place) for place in product(*self._files(region))]

    def _shard(self, place: tuple[int, ...]) -> str:
        try:
            return file_revision(self.layout.path(place))
        except FileNotFoundError:
            return ABSENT
        except OSError:
            self.fence.check_inside(self.layout.path(place))
            raise

    def _files(self, region: Region) -> list[range]:
        """The places of the files behind a region, along each axis."""
        return [range(part.start // size, -(-part.stop // size)) for part, size in zip(region, self.layout.file_shape, strict=True)]


def _decoder(codec: Codec, shape: tuple[int, ...], itemsize: int) -> _native.Decoder | None:
    compressor = [] if codec.name == "none" else [FILTERS[codec.name]]
    filters: list[tuple[int, list[int]]] = [(number, []) for number in [*compressor, *[CRC32C] * codec.crc32c]]
    try:
        return _native.Decoder(filters, shape, itemsize)
    except (ValueError, MemoryError):
        return None


def _find(shard_index: np.ndarray[Any, Any], shards: Shards, index: tuple[int, ...]) -> tuple[int, int] | None:
    """Offset and number of bytes of a chunk in its shard; None if it was never written."""
    offset, nbytes = map(int, shard_index[shards.inner(index)])
    return None if offset == nbytes == NOT_STORED else (offset, nbytes)


def _shard_index(file: FileIO, shards: Shards) -> np.ndarray[Any, Any]:
    """Offset and number of bytes of each chunk in an open shard. Raises Damaged where its checksum is wrong."""
    size = 16 * shards.chunks
    if size > LARGEST_INDEX:
        raise Damaged(f"a shard of {shards.chunks} chunks has an index of {size} bytes, at most {LARGEST_INDEX} are read")
    at = 0 if shards.is_index_first else os.fstat(file.fileno()).st_size - size - CHECKSUM
    body = read_exactly(file, max(at, 0), size + CHECKSUM)
    expected, got = int.from_bytes(body[size:], "little"), _native.crc32c(memoryview(body)[:size])
    if expected != got:
        shard = os.path.basename(str(file.name))  # noqa: PTH119
        raise Damaged(f"the index of the shard {shard!r} has the checksum {got:08x}, expected {expected:08x}; restore it from a copy")
    return np.frombuffer(body, "<u8", 2 * shards.chunks).reshape(*shards.counts, 2)


def _cut(block: np.ndarray[Any, Any], inner: Region) -> np.ndarray[Any, Any]:
    box: Any = (*inner, ...)
    cut: np.ndarray[Any, Any] = block[box]
    return cut
