"""Chunks of a Zarr array, read from its folder without zarr-python."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from itertools import product
from typing import Any

import numpy as np

from .. import codecs
from ..nodes import Changed, Region
from ..revisions import file_revision, settled_revision, steady_revision
from ._decoded import DECODED
from ._extras import require
from ._flat import FlatArray
from ._snapshots import Snapshot, read_exactly
from ._zarrlayout import Layout, Shards
from .common.fences import Fence
from .common.folders import COARSEST_CLOCK

MOST_FILES = 16
"""The files of a region are asked for their revisions only up to this number."""
TRIES = 5
"""Readings of a region until its shards stay the same meanwhile: each append writes one anew, twenty times a second."""
ABSENT = "absent"
CHECKSUM = 4
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

    `opened` is the revision of the array's documents by which it is read; all files are opened behind `fence`; `decode` makes the
    bytes of items out of those of a chunk, where it takes no more than one step.
    """

    layout: Layout
    fence: Fence
    opened: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    decode: Callable[[bytes], Any] | None

    @classmethod
    def of(cls, layout: Layout, fence: Fence, opened: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Chunks:
        """The chunks of an array of a layout."""
        return cls(layout, fence, opened, shape, dtype, None if layout.codec is None or dtype.hasobject else _decoder(layout.codec))

    def read(self, index: tuple[int, ...]) -> bytes | None:
        """The stored bytes of a chunk, or None where it was never written. Raises OSError where the array itself is gone."""
        try:
            if self.layout.shards is None:
                return self.fence.read(self.layout.path(index))
            try:
                part = self._part(index)
                return None if part is None else part.read()
            except Changed:
                return self._read_now(index)
        except FileNotFoundError:
            self.check()
            return None

    def check(self) -> None:
        """Raises OSError where the array is gone; its chunks are then not missing but unknown."""
        os.stat(self.layout.document)  # noqa: PTH116 - a Path would be built on every request

    def block(self, region: Region) -> np.ndarray[Any, Any] | None:
        """The elements of a region inside one plain chunk; None where it touches several, or was never written, or cannot be read here.

        What is not compressed is read as far as it is needed; what is decoded for a part of it is kept for who needs the other parts.
        """
        index = tuple(part.start // size for part, size in zip(region, self.shape, strict=True))
        start = tuple(i * size for i, size in zip(index, self.shape, strict=True))
        inner = tuple(slice(part.start - first, part.stop - first) for part, first in zip(region, start, strict=True))
        is_inside = all(part.start < part.stop <= size for part, size in zip(inner, self.shape, strict=True))
        if self.decode is None or not is_inside:
            return None
        try:
            return self._block(index, inner)
        except FileNotFoundError:
            self.check()
            return None

    def _block(self, index: tuple[int, ...], inner: Region) -> np.ndarray[Any, Any] | None:
        """A part of a chunk. Raises FileNotFoundError where its file was never written."""
        try:
            part = self._part(index)
            return None if part is None else self._read_part(part, index, inner)
        except Changed:
            content = self._read_now(index)
            return None if content is None else self._cut(self._made(content), inner)

    def _read_now(self, index: tuple[int, ...]) -> bytes | None:
        """The stored bytes of a chunk whose file is replaced by a new one time and again, as the file is that we open.

        Raises Changed where the file itself is written.
        """
        shards = self.layout.shards
        with self.fence.opened(self.layout.path(index if shards is None else shards.place(index))) as file:
            opened = steady_revision(file.fileno())
            at = (0, os.fstat(file.fileno()).st_size) if shards is None else _find(_shard_index(file, shards), shards, index)
            content = None if at is None else read_exactly(file, *at)
            if file_revision(file.fileno()) != opened:
                raise Changed(f"the chunk {index} changed while it was being read; ask again")
        return content

    def _part(self, index: tuple[int, ...]) -> Part | None:
        """Where a chunk lies. Raises FileNotFoundError where its file was never written."""
        shards = self.layout.shards
        if shards is None:
            path = self.layout.path(index)
            return Part(Snapshot(path, file_revision(path), self.fence), 0, os.stat(path).st_size)  # noqa: PTH116
        path = self.layout.path(shards.place(index))
        snapshot = Snapshot(path, file_revision(path), self.fence)

        def read_index() -> np.ndarray[Any, Any]:
            with snapshot.opened() as file:
                return _shard_index(file, shards)

        at = _find(DECODED.get(snapshot, "shard index", read_index), shards, index)
        return None if at is None else Part(snapshot, *at)

    def _read_part(self, part: Part, index: tuple[int, ...], inner: Region) -> np.ndarray[Any, Any]:
        expected = math.prod(self.shape) * self.dtype.itemsize
        if self.layout.codec == "none":
            if part.nbytes != expected:
                raise OSError(f"the chunk {index} has {part.nbytes} bytes, expected {expected}")
            return FlatArray(part.snapshot, part.offset, self.shape, self.dtype).read(inner)
        is_most = all((axis.stop - axis.start) * 2 > size for axis, size in zip(inner, self.shape, strict=True))
        block = self._decoded(part) if is_most else DECODED.get(part.snapshot, index, lambda: self._decoded(part))
        return self._cut(block, inner)

    def _cut(self, block: np.ndarray[Any, Any], inner: Region) -> np.ndarray[Any, Any]:
        box: Any = (*inner, ...)
        cut: np.ndarray[Any, Any] = block[box]
        return cut

    def _decoded(self, part: Part) -> np.ndarray[Any, Any]:
        return self._made(part.read())

    def _made(self, content: bytes) -> np.ndarray[Any, Any]:
        """The chunk in its stored bytes."""
        assert self.decode is not None
        decoded: np.ndarray[Any, Any] = np.frombuffer(self.decode(content), self.dtype).reshape(self.shape)
        return decoded

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

    def _files(self, region: Region) -> list[range]:
        """The places of the files behind a region, along each axis."""
        return [range(part.start // size, -(-part.stop // size)) for part, size in zip(region, self.layout.file_shape, strict=True)]


def _decoder(spelling: str) -> Callable[[bytes], Any] | None:
    codec = codecs.parse(spelling, stored=True)
    if codec.crc32c:
        return None
    compressor, _ = codec.v2()
    numcodecs = require("numcodecs", "zarr")
    decode: Callable[[bytes], Any] = numcodecs.get_codec(compressor).decode if compressor else bytes
    return decode


def _find(shard_index: np.ndarray[Any, Any], shards: Shards, index: tuple[int, ...]) -> tuple[int, int] | None:
    """Offset and number of bytes of a chunk in its shard; None if it was never written."""
    offset, nbytes = map(int, shard_index[shards.inner(index)])
    return None if offset == nbytes == NOT_STORED else (offset, nbytes)


def _shard_index(file: FileIO, shards: Shards) -> np.ndarray[Any, Any]:
    """Offset and number of bytes of each chunk in an open shard. Raises OSError where its checksum is wrong."""
    google_crc32c = require("google_crc32c", "zarr")
    size = 16 * shards.chunks
    at = 0 if shards.is_index_first else os.fstat(file.fileno()).st_size - size - CHECKSUM
    body = read_exactly(file, max(at, 0), size + CHECKSUM)
    expected, got = int.from_bytes(body[size:], "little"), google_crc32c.value(body[:size])
    if expected != got:
        name = os.path.basename(str(file.name))  # noqa: PTH119
        raise OSError(f"the index of the shard {name!r} has the checksum {got:#x}, expected {expected:#x}")
    return np.frombuffer(body, "<u8", 2 * shards.chunks).reshape(*shards.counts, 2)
