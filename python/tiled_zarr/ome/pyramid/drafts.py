"""Planes and their drafts: in memory, or in a file whose tiles each carry a checksum.

A file has this form:

    header      a line of JSON (MAGIC, first level, shapes, edge of a tile, type) that ends
                with a line feed, and the CRC-32C of that line
    tile        its pixels, row by row, little-endian; only the part inside the level
    CRC-32C     of the tile
    tile, CRC-32C, ...      in the order of `Layout.tiles()`: the finest level first
    rows, CRC-32C           only while it is a draft: how many rows of the source are done

Each CRC-32C has 4 bytes, little-endian. The layout determines the length of the file and the offset
of each tile, so there is no index: a request reads one tile with one seek and one read. `load`
compares the length and the header with those that the layout demands, so a file of another version,
type or shape counts as absent.

The simple way would be to map the file into memory. A mapping ends the process by SIGBUS if the
disk is full at a write, or if someone cuts the file short before a read. With `write` and `read`
the first is an OSError and the second a short read or a wrong checksum. To
read and check a tile of half a MiB takes 70 us, and 15 us from a mapping.

How a draft becomes a plane:

1. `FileDraft` gives the file its whole length and reserves the space (`posix_fallocate`), so that a
   full disk fails here rather than after minutes of work.
2. `put` writes blocks at any place, in any order. `checkpoint` notes behind the tiles how many rows
   of the source are in the file, once their bytes are on disk. A later process that opens the draft
   of one that has ended goes on from there.
3. `sealed` reads a tile back when no block of it is missing, and writes its checksum behind it.
4. `finished` calls `fsync` and then renames the file. The name appears only when the bytes are on
   disk.

If the disk fails in any of these steps, it raises Unkept. The source raises OSError too, and the
caller must know which of the two has failed.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from .kernels import CHECKSUM, checksum
from .layouts import Box, Layout, Tile

Block: TypeAlias = np.ndarray[Any, Any]

MAGIC = "tiled-zarr levels 1"
MARK = 20 + CHECKSUM
"""Bytes of the checkpoint at the end of a draft: digits, and their checksum."""
OFTEN = 0.2
"""Seconds between two checkpoints, at least: each waits for the disk, some milliseconds."""
UNSUPPORTED = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})
"""Errors of `posix_fallocate` on a file system that cannot reserve space.

There a full disk shows only when we write.
"""


class Unkept(Exception):
    """The disk failed to write or read a draft; `__cause__` is the OSError or Spoiled."""


class Spoiled(Exception):
    """A file of levels does not hold what we wrote to it."""


class MemoryPlane:
    """The levels of a plane in memory. It is also its own draft."""

    rows = 0
    """Rows of the source that were done before."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.flat: Block = np.empty(layout.size, layout.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes in memory."""
        return self.flat.nbytes

    def tile(self, tile: Tile) -> Block:
        """A tile, as a view of the plane."""
        start, shape = self.layout.start(tile), self.layout.tile_shape(tile)
        return self.flat[start : start + math.prod(shape)].reshape(shape)

    def put(self, level: int, top: int, left: int, block: Block) -> None:
        """Write a block to a level, at pixel (`top`, `left`)."""
        for tile, inside, part in self.layout.parts(level, top, left, block.shape):
            self.tile(tile)[inside] = block[part]

    def sealed(self, tile: Tile) -> Block:
        """A tile to which nothing more will be written."""
        return self.tile(tile)

    def checkpoint(self, rows: int) -> None:
        """Do nothing: memory does not outlive the process."""

    def finished(self, path: Path | None) -> MemoryPlane:  # noqa: ARG002 - that of a file needs one
        """The plane, now read-only."""
        self.flat.flags.writeable = False
        return self

    def leave(self) -> None:
        """Throw the draft away."""

    def drop(self) -> None:
        """Throw the draft away."""


class FilePlane:
    """The levels of a plane in a file.

    We open the file for each read, so that a thousand planes hold no file descriptors.
    """

    def __init__(self, layout: Layout, path: Path) -> None:
        self.layout = layout
        self.path = path

    @property
    def nbytes(self) -> int:
        """Bytes of its pixels on disk, without header and checksums."""
        return self.layout.nbytes

    def tile(self, tile: Tile) -> Block:
        """A tile, read and checked. Raises OSError, or Spoiled if its checksum is wrong."""
        shape = self.layout.tile_shape(tile)
        with opened(self.path) as file:
            body = _read(file, _offset(self.layout, tile), math.prod(shape) * self.layout.dtype.itemsize + CHECKSUM)
        data, written = memoryview(body)[:-CHECKSUM], body[-CHECKSUM:]
        found = checksum(data)
        if found != written:
            raise Spoiled(f"{self.path.name}: the checksum of {tile} is {found.hex()}, not {written.hex()}")
        return np.frombuffer(data, self.layout.dtype).reshape(shape)


class FileDraft:
    """A plane that is being written to a file, under another name until it is finished.

    `rows` are those of the source that another process had done before it ended. Raises Unkept if
    the disk fails, also while it is made.
    """

    def __init__(self, layout: Layout, file: FileIO, path: Path) -> None:
        self.layout = layout
        self.file = file
        self.path = path
        self._written_at = time.monotonic()
        try:
            with _keeping():
                self.rows = rows_done(file, layout)
                if self.rows == 0:
                    file.truncate(0)
                    _reserve(file, length(layout) + MARK)
                    _write(file, 0, header(layout))
        except Unkept:
            self.drop()
            raise

    def put(self, level: int, top: int, left: int, block: Block) -> None:
        """Write a block to a level, at pixel (`top`, `left`). Raises Unkept.

        A tile that the block covers from left to right takes one write, others one for each row.
        """
        for tile, inside, part in self.layout.parts(level, top, left, block.shape):
            self._put(tile, inside, np.ascontiguousarray(block[part], self.layout.dtype))

    def sealed(self, tile: Tile) -> Block:
        """A tile to which nothing more will be written. Writes its checksum; raises Unkept."""
        shape, start = self.layout.tile_shape(tile), _offset(self.layout, tile)
        nbytes = math.prod(shape) * self.layout.dtype.itemsize
        with _keeping():
            body = _read(self.file, start, nbytes)
            _write(self.file, start + nbytes, checksum(body))
        return np.frombuffer(body, self.layout.dtype).reshape(shape)

    def checkpoint(self, rows: int) -> None:
        """Note that `rows` rows of the source are in the file, now on disk. Raises Unkept.

        Does nothing if that was less than OFTEN seconds ago.
        """
        if time.monotonic() - self._written_at < OFTEN:
            return
        with _keeping():
            os.fsync(self.file.fileno())
            text = b"%0*d" % (MARK - CHECKSUM, rows)
            _write(self.file, length(self.layout), text + checksum(text))
        self.rows = rows
        self._written_at = time.monotonic()

    def finished(self, path: Path | None) -> FilePlane:
        """The plane, renamed to `path` once its bytes are on disk. Raises Unkept."""
        assert path is not None
        with _keeping():
            self.file.truncate(length(self.layout))
            os.fsync(self.file.fileno())
            self.path.replace(path)
        self.file.close()
        return FilePlane(self.layout, path)

    def leave(self) -> None:
        """Close the draft for a process that goes on with it; without a checkpoint, throw it away."""
        if self.rows == 0:
            self.drop()
        else:
            self.file.close()

    def drop(self) -> None:
        """Throw the draft away."""
        if not self.file.closed:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)
            self.file.close()

    def _put(self, tile: Tile, inside: Box, block: Block) -> None:
        itemsize, width = self.layout.dtype.itemsize, self.layout.tile_shape(tile)[1]
        start = _offset(self.layout, tile) + (inside[0].start * width + inside[1].start) * itemsize
        pieces = [block] if block.shape[1] == width else block
        with _keeping():
            for row, piece in enumerate(pieces):
                _write(self.file, start + row * width * itemsize, memoryview(piece).cast("B"))


Plane: TypeAlias = MemoryPlane | FilePlane
Draft: TypeAlias = MemoryPlane | FileDraft


def load(path: Path, layout: Layout) -> FilePlane | None:
    """The plane in a file; None if there is no file or it has another layout.

    It also sets the file's time of last use, by which `Folder.trim` decides.
    """
    try:
        with opened(path) as file:
            if os.fstat(file.fileno()).st_size != length(layout) or _read(file, 0, len(header(layout))) != header(layout):
                return None
    except (OSError, Spoiled):
        return None
    with suppress(OSError):
        os.utime(path)
    return FilePlane(layout, path)


def rows_done(file: FileIO, layout: Layout | None = None) -> int:
    """Rows of the source that are in a draft; 0 if it has another layout or no checkpoint.

    Raises OSError.
    """
    size = os.fstat(file.fileno()).st_size
    try:
        if layout is not None and (size != length(layout) + MARK or _read(file, 0, len(header(layout))) != header(layout)):
            return 0
        mark = _read(file, max(size - MARK, 0), MARK)
    except Spoiled:
        return 0
    text, written = mark[:-CHECKSUM], mark[-CHECKSUM:]
    return int(text) if checksum(text) == written and text.isdigit() else 0


def header(layout: Layout) -> bytes:
    """The first bytes of a file with this layout: a line of JSON and its CRC-32C."""
    text = json.dumps([MAGIC, layout.first, layout.shapes, layout.tile, layout.dtype.str]).encode() + b"\n"
    return text + checksum(text)


def length(layout: Layout) -> int:
    """Bytes of a file with this layout."""
    return len(header(layout)) + layout.nbytes + CHECKSUM * layout.tile_count


def opened(path: Path, flags: int = os.O_RDONLY) -> FileIO:
    """A regular file, opened in binary mode. Raises OSError.

    Anything else of this name (a FIFO) is an OSError; opening it does not block.
    """
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return FileIO(descriptor, "r+b" if flags & os.O_RDWR else "rb")


def _offset(layout: Layout, tile: Tile) -> int:
    """The offset in bytes at which a tile begins in the file."""
    return len(header(layout)) + layout.start(tile) * layout.dtype.itemsize + CHECKSUM * layout.number(tile)


def _reserve(file: FileIO, nbytes: int) -> None:
    """Give a file its length, and reserve disk space for it. Raises OSError if the disk is full."""
    file.truncate(nbytes)
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, nbytes)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise


def _read(file: FileIO, start: int, nbytes: int) -> bytes:
    """`nbytes` bytes of a file from `start` on. Raises Spoiled if it ends earlier."""
    file.seek(start)
    body = file.read(nbytes)
    if len(body) != nbytes:
        raise Spoiled(f"the file ends early: expected {nbytes} bytes at {start}, got {len(body)}")
    return body


def _write(file: FileIO, start: int, data: bytes | memoryview) -> None:
    file.seek(start)
    written = file.write(data)
    if written != len(data):
        raise OSError(errno.ENOSPC, f"expected to write {len(data)} bytes, wrote {written}")


@contextmanager
def _keeping() -> Iterator[None]:
    """Raise OSError and Spoiled as Unkept, so that nobody takes them for errors of the source."""
    try:
        yield
    except (OSError, Spoiled) as error:
        raise Unkept(str(error)) from error
