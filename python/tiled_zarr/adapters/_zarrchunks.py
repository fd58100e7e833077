"""Chunks of a Zarr array, read from its folder without zarr-python."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from .. import codecs
from ..nodes import Damaged, Region
from ..revisions import file_revision, settled_revision
from ._decoded import DECODED
from ._extras import require
from ._flat import FlatArray
from ._snapshots import Snapshot, read_exactly
from ._zarrlayout import Layout, Shards
from .common.fences import Fence
from .common.folders import COARSEST_CLOCK

MOST_FILES = 16
"""The files of a region are asked for their revisions only up to this number."""
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
            part = self._part(index)
            return None if part is None else part.read()
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
            part = self._part(index)
            return None if part is None else self._read_part(part, index, inner)
        except FileNotFoundError:
            self.check()
            return None

    def _part(self, index: tuple[int, ...]) -> Part | None:
        """Where a chunk lies. Raises FileNotFoundError where its file was never written."""
        shards = self.layout.shards
        if shards is None:
            path = self.layout.path(index)
            return Part(Snapshot(path, file_revision(path), self.fence), 0, os.stat(path).st_size)  # noqa: PTH116
        place = tuple(i // count for i, count in zip(index, shards.counts, strict=True))
        path = self.layout.path(place)
        snapshot = Snapshot(path, file_revision(path), self.fence)
        shard_index = DECODED.get(snapshot, "shard index", lambda: _shard_index(snapshot, shards))
        offset, nbytes = map(int, shard_index[tuple(i % count for i, count in zip(index, shards.counts, strict=True))])
        return None if offset == nbytes == NOT_STORED else Part(snapshot, offset, nbytes)

    def _read_part(self, part: Part, index: tuple[int, ...], inner: Region) -> np.ndarray[Any, Any]:
        expected = math.prod(self.shape) * self.dtype.itemsize
        if self.layout.codec == "none":
            if part.nbytes != expected:
                raise Damaged(f"the chunk {index} has {part.nbytes} bytes, expected {expected}; restore it from a copy")
            return FlatArray(part.snapshot, part.offset, self.shape, self.dtype).read(inner)
        is_most = all((axis.stop - axis.start) * 2 > size for axis, size in zip(inner, self.shape, strict=True))
        block = self._decoded(part) if is_most else DECODED.get(part.snapshot, index, lambda: self._decoded(part))
        box: Any = (*inner, ...)
        cut: np.ndarray[Any, Any] = block[box]
        return cut

    def _decoded(self, part: Part) -> np.ndarray[Any, Any]:
        assert self.decode is not None
        stored = part.read()
        try:
            decoded: np.ndarray[Any, Any] = np.frombuffer(self.decode(stored), self.dtype).reshape(self.shape)
        except Exception as error:
            name = os.path.basename(part.snapshot.path)  # noqa: PTH119
            raise Damaged(f"the chunk {name!r} cannot be decoded: it is damaged; restore it from a copy") from error
        return decoded

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
        return None if None in revisions else "+".join(filter(None, revisions))


def _decoder(spelling: str) -> Callable[[bytes], Any] | None:
    codec = codecs.parse(spelling, stored=True)
    if codec.crc32c:
        return None
    compressor, _ = codec.v2()
    numcodecs = require("numcodecs", "zarr")
    decode: Callable[[bytes], Any] = numcodecs.get_codec(compressor).decode if compressor else bytes
    return decode


def _shard_index(snapshot: Snapshot, shards: Shards) -> np.ndarray[Any, Any]:
    """Offset and number of bytes of each chunk in a shard. Raises Damaged where its checksum is wrong."""
    google_crc32c = require("google_crc32c", "zarr")
    size = 16 * shards.chunks
    with snapshot.opened() as file:
        at = 0 if shards.is_index_first else os.fstat(file.fileno()).st_size - size - CHECKSUM
        body = read_exactly(file, max(at, 0), size + CHECKSUM)
    expected, got = int.from_bytes(body[size:], "little"), google_crc32c.value(body[:size])
    if expected != got:
        shard = os.path.basename(snapshot.path)  # noqa: PTH119
        raise Damaged(f"the index of the shard {shard!r} has the checksum {got:08x}, expected {expected:08x}; restore it from a copy")
    return np.frombuffer(body, "<u8", 2 * shards.chunks).reshape(*shards.counts, 2)
