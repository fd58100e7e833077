"""Chunks of a Zarr array, read from its folder without zarr-python.

Other processes may write to an array while we serve it, and Zarr has no lock. zarr-python reads a
chunk in several steps: in a shard, first the index, then the bytes at the offsets that it found. If
a writer replaces the shard between the two, these offsets point into another file, and the reader
returns garbage or a decoding error. Here each reading belongs to one version of one file.

A chunk is a file of its own, or a part of a shard, a file with many chunks and an index of their
offsets and sizes. To read one:

1. Take the revision of its file (`_file`): size, time of modification and inode. A file that does
   not exist means that the chunk was never written, and readers get the fill value, unless the
   array's document is gone too: then the error is raised (`check`).
2. Find the chunk in the shard's index (`_part`). The index is kept per revision of the file, so a
   reader of many chunks reads it once.
3. Read the bytes. `Snapshot.opened` compares the file's revision before and after, and raises
   Changed if they differ.
4. On Changed, read again from a single open descriptor (`_read_now`): index and bytes then come
   from the same inode, even if a writer renames new files over the path twenty times a second. Only
   a file that is modified in place still raises Changed.

`block` decodes chunks natively, into exactly the bytes of a chunk, whatever a damaged stream would
decode to. It reads uncompressed chunks only as far as the region needs. A chunk of which the region
needs no more than half along some axis is kept decoded for the requests for its other parts.

Whatever the native decoder does not know goes through zarr-python. `steadily` then takes the
revisions of all shards of the region before and after the read, and reads again, up to TRIES times,
if one has changed.

`revision` gives a region the revisions of its files, joined with those of the array's documents. It
returns None (unknown) if there are more than MOST_FILES files, or if one was modified less than
COARSEST_CLOCK (2 s) ago: another write could leave the same time.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import FileIO
from itertools import product
from typing import Any

import numpy as np

from ... import _native, codecs
from ...nodes import Changed, Damaged, Region
from ...resources import Resources
from ...revisions import file_revision, settled_revision, steady_revision
from ..common.bounds import LARGEST_TEXT, grown
from ..common.decoded import piece
from ..common.fences import Fence
from ..common.flat import FlatArray
from ..common.folders import COARSEST_CLOCK
from ..common.snapshot import Snapshot, read_exactly
from .folder import Folder
from .layout import Layout, Shards
from .pieces import assembled, decoded, decoder_of
from .shards import find, index_size, parsed

MOST_FILES = 16
"""Largest number of files behind a region for which we compute a revision."""
TRIES = 5
"""Attempts to read a region whose shards are being replaced.

Each append writes a shard anew, twenty times a second.
"""
ABSENT = "absent"
UNCOMPRESSED = codecs.parse("none")


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of a file."""

    snapshot: Snapshot
    offset: int
    nbytes: int

    def read(self) -> bytes:
        """The bytes. Raises Changed if the file has changed."""
        with self.snapshot.opened() as file:
            return read_exactly(file, self.offset, self.nbytes)


@dataclass(frozen=True, slots=True)
class Chunks:
    """The chunks of an array, of `shape` elements each: files, or parts of shards.

    `opened` is the revision of the array's documents when it was opened. All files are opened
    behind `fence`. `decoder`, set if the codec is known natively, stops at the size of a chunk,
    whatever its bytes would decode to.
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
        """The chunks of an array with this layout."""
        decoder = None if layout.codec is None or dtype.hasobject else decoder_of(layout.codec, shape, dtype.itemsize)
        return cls(layout, folder.fence, opened, shape, dtype, decoder, folder.resources)

    @property
    def largest(self) -> int:
        """Bytes of the largest stored chunk that we accept."""
        return LARGEST_TEXT if self.dtype.hasobject else grown(self._nbytes)

    @property
    def _nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self, index: tuple[int, ...]) -> bytes | None:
        """The stored bytes of a chunk, or None if it was never written.

        Raises OSError if the array itself is gone.
        """
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
        """Raises OSError if the array is gone; its chunks are then unknown, not unwritten."""
        os.stat(self.layout.document)  # noqa: PTH116 - a Path would be built on every request

    def block(self, region: Region) -> np.ndarray[Any, Any] | None:
        """The elements of a region.

        None if one of its chunks was never written, or cannot be decoded here. Of uncompressed
        chunks we read only what the region needs. A chunk of which the region needs only a small
        part is kept decoded for the requests for its other parts.
        """
        return None if self.decoder is None else assembled(region, self.shape, self.dtype, self._block)

    def _block(self, index: tuple[int, ...], inner: Region) -> np.ndarray[Any, Any] | None:
        """A part of a chunk, or None if that chunk was never written."""
        try:
            return self._chunk(index, inner)
        except FileNotFoundError:
            self.check()
            return None

    def _chunk(self, index: tuple[int, ...], inner: Region) -> np.ndarray[Any, Any] | None:
        """A part of a chunk. Raises FileNotFoundError if its file was never written."""
        try:
            part = self._part(index)
            return None if part is None else self._read_part(part, index, inner)
        except Changed:
            content = self._read_now(index)
            return None if content is None else _cut(self._made(content, index), inner)

    def _read_now(self, index: tuple[int, ...]) -> bytes | None:
        """The stored bytes of a chunk, from the file that lies at its path when we open it.

        For a file that writers replace again and again: we keep the descriptor that we opened.
        Raises Changed if that file itself is being modified.
        """
        shards = self.layout.shards
        with self.fence.opened(self._path(index)) as file:
            opened = steady_revision(file.fileno())
            at = (0, os.fstat(file.fileno()).st_size) if shards is None else find(_shard_index(file, shards), shards, index)
            if at is not None:
                self._check_size(at[1], index)
            content = None if at is None else read_exactly(file, *at)
            if file_revision(file.fileno()) != opened:
                raise Changed(f"the chunk {index} changed while it was being read; ask again")
        return content

    def _part(self, index: tuple[int, ...]) -> Part | None:
        """The location of a chunk, or None if its shard lacks it.

        Raises FileNotFoundError if its file was never written.
        """
        shards, snapshot = self.layout.shards, self._file(index)
        if shards is None:
            return Part(snapshot, 0, os.stat(snapshot.path).st_size)  # noqa: PTH116

        def read_index() -> np.ndarray[Any, Any]:
            with snapshot.opened() as file:
                return _shard_index(file, shards)

        at = find(piece(snapshot.resources.decoded, snapshot, "shard index", read_index), shards, index)
        return None if at is None else Part(snapshot, *at)

    def _file(self, index: tuple[int, ...]) -> Snapshot:
        """A snapshot of a chunk's file, which is not opened yet.

        Raises FileNotFoundError if it was never written.
        """
        path = self._path(index)
        try:
            return Snapshot(path, file_revision(path), self.fence, given=self.resources)
        except OSError:
            self.fence.check_inside(path)
            raise

    def _read_part(self, part: Part, index: tuple[int, ...], inner: Region) -> np.ndarray[Any, Any]:
        if self.layout.codec == UNCOMPRESSED:
            if part.nbytes != self._nbytes:
                # before the error reveals the size of a file that is not served
                self.fence.check(part.snapshot.path)
                raise Damaged(f"the chunk {index} has {part.nbytes} bytes, expected {self._nbytes}; restore it from a copy")
            return FlatArray(part.snapshot, part.offset, self.shape, self.dtype).read(inner)
        is_most = all((axis.stop - axis.start) * 2 > size for axis, size in zip(inner, self.shape, strict=True))
        if is_most:
            return _cut(self._decoded(part, index), inner)
        pool = part.snapshot.resources.decoded
        return _cut(piece(pool, part.snapshot, index, partial(self._decoded, part, index)), inner)

    def _stored(self, part: Part, index: tuple[int, ...]) -> bytes:
        """The stored bytes of a chunk.

        Raises Damaged if they are more than a chunk of its size can have.
        """
        self._check_size(part.nbytes, index)
        return part.read()

    def _check_size(self, nbytes: int, index: tuple[int, ...]) -> None:
        if nbytes > self.largest:
            self.fence.check(self._path(index))
            raise Damaged(f"the chunk {index} has {nbytes} bytes, at most {self.largest} are expected; restore it from a copy")

    def _decoded(self, part: Part, index: tuple[int, ...]) -> np.ndarray[Any, Any]:
        return self._made(self._stored(part, index), index)

    def _made(self, stored: bytes, index: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """The decoded elements of a chunk.

        Raises Damaged if its bytes decode to more or fewer elements, or are not valid.
        """
        assert self.decoder is not None
        return decoded(self.decoder, np.empty(self.shape, self.dtype), index, stored, os.path.basename(self._path(index)))  # noqa: PTH119

    def _path(self, index: tuple[int, ...]) -> str:
        """The path of the file that contains a chunk."""
        shards = self.layout.shards
        return self.layout.path(index if shards is None else shards.place(index))

    def revision(self, region: Region) -> str | None:
        """The revision of the files behind a region and of the array's documents.

        None if there are too many files, or if one was written just now: a second write within one
        tick of the file system's clock may leave the same time. Raises OSError if the document is
        gone.
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
        """The region as `read`, which calls zarr-python, returns it while no shard changes.

        zarr-python reads a shard's index first, and then its chunks, perhaps from another file.
        Raises Changed if shards are replaced during each attempt, OSError if the array itself is
        gone.
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
        """For each axis the range of the indexes of the files behind a region."""
        return [range(part.start // size, -(-part.stop // size)) for part, size in zip(region, self.layout.file_shape, strict=True)]


def _shard_index(file: FileIO, shards: Shards) -> np.ndarray[Any, Any]:
    """Offset and number of bytes of each chunk in an open shard.

    Raises Damaged if the index is too large or its checksum is wrong.
    """
    size = index_size(shards)
    at = 0 if shards.is_index_first else os.fstat(file.fileno()).st_size - size
    return parsed(read_exactly(file, max(at, 0), size), shards, os.path.basename(str(file.name)))  # noqa: PTH119


def _cut(block: np.ndarray[Any, Any], inner: Region) -> np.ndarray[Any, Any]:
    box: Any = (*inner, ...)
    cut: np.ndarray[Any, Any] = block[box]
    return cut
