"""Planes and their drafts: in memory, or in a file whose tiles each carry a checksum.

The file is a header, then every tile followed by its CRC-32C (4 bytes, little endian). It is
written and read with `write` and `read`, never mapped: a full disk or a file cut short is an
OSError or a wrong checksum, where a mapping would end the process by SIGBUS.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
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
UNSUPPORTED = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})
"""What `posix_fallocate` raises where a file system cannot reserve space; then a full disk shows while writing."""


class Unkept(Exception):
    """The disk took or gave no more bytes of a draft; its cause is the OSError."""


class Spoiled(Exception):
    """A file of levels does not hold what was written to it."""


class MemoryPlane:
    """The levels of a plane in memory; its own draft."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.flat: Block = np.empty(layout.size, layout.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return self.flat.nbytes

    def tile(self, tile: Tile) -> Block:
        """A tile, as a view."""
        start, shape = self.layout.start(tile), self.layout.tile_shape(tile)
        return self.flat[start : start + math.prod(shape)].reshape(shape)

    def put(self, level: int, top: int, left: int, block: Block) -> None:
        """Write a block to a level."""
        for tile, inside, part in self.layout.parts(level, top, left, block.shape):
            self.tile(tile)[inside] = block[part]

    def sealed(self, tile: Tile) -> Block:
        """A tile to which nothing more will be written."""
        return self.tile(tile)

    def finished(self, path: Path | None) -> MemoryPlane:  # noqa: ARG002 - that of a file needs one
        """The plane, no longer to be written to."""
        self.flat.flags.writeable = False
        return self

    def drop(self) -> None:
        """Throw the draft away."""


class FilePlane:
    """The levels of a plane in a file, which is opened for each read: a thousand planes hold no descriptors."""

    def __init__(self, layout: Layout, path: Path) -> None:
        self.layout = layout
        self.path = path

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, on disk."""
        return self.layout.nbytes

    def tile(self, tile: Tile) -> Block:
        """A tile, read and checked. Raises OSError, or Spoiled where its checksum is wrong."""
        shape = self.layout.tile_shape(tile)
        with opened(self.path) as file:
            body = _read(file, _offset(self.layout, tile), math.prod(shape) * self.layout.dtype.itemsize + CHECKSUM)
        data, written = memoryview(body)[:-CHECKSUM], body[-CHECKSUM:]
        found = checksum(data)
        if found != written:
            raise Spoiled(f"{self.path.name}: the checksum of {tile} is {found.hex()}, not {written.hex()}")
        return np.frombuffer(data, self.layout.dtype).reshape(shape)


class FileDraft:
    """A plane that is being written to a file with another name. Raises Unkept where the disk fails, also when it is made."""

    def __init__(self, layout: Layout, file: FileIO, path: Path) -> None:
        self.layout = layout
        self.file = file
        self.path = path
        try:
            with _keeping():
                _reserve(file, length(layout))
                _write(file, 0, header(layout))
        except Unkept:
            self.drop()
            raise

    def put(self, level: int, top: int, left: int, block: Block) -> None:
        """Write a block to a level: in one piece to tiles that it covers from left to right, else row by row."""
        for tile, inside, part in self.layout.parts(level, top, left, block.shape):
            self._put(tile, inside, np.ascontiguousarray(block[part], self.layout.dtype))

    def sealed(self, tile: Tile) -> Block:
        """A tile to which nothing more will be written; its checksum is written behind it."""
        shape, start = self.layout.tile_shape(tile), _offset(self.layout, tile)
        nbytes = math.prod(shape) * self.layout.dtype.itemsize
        with _keeping():
            body = _read(self.file, start, nbytes)
            _write(self.file, start + nbytes, checksum(body))
        return np.frombuffer(body, self.layout.dtype).reshape(shape)

    def finished(self, path: Path | None) -> FilePlane:
        """The plane, under its name once it is on disk."""
        assert path is not None
        with _keeping():
            os.fsync(self.file.fileno())
            self.path.replace(path)
        self.file.close()
        return FilePlane(self.layout, path)

    def drop(self) -> None:
        """Throw the draft away."""
        if not self.file.closed:
            self.file.close()
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

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
    """The plane in a file; None where there is none, or another one than expected."""
    try:
        with opened(path) as file:
            if os.fstat(file.fileno()).st_size != length(layout) or _read(file, 0, len(header(layout))) != header(layout):
                return None
    except (OSError, Spoiled):
        return None
    with suppress(OSError):
        os.utime(path)
    return FilePlane(layout, path)


def header(layout: Layout) -> bytes:
    """What a file of a layout begins with."""
    text = json.dumps([MAGIC, layout.first, layout.shapes, layout.tile, layout.dtype.str]).encode() + b"\n"
    return text + checksum(text)


def length(layout: Layout) -> int:
    """Bytes of a file of a layout."""
    return len(header(layout)) + layout.nbytes + CHECKSUM * layout.tile_count


def opened(path: Path, flags: int = os.O_RDONLY) -> FileIO:
    """A regular file, opened; what else has its name (a FIFO) is an OSError, and never waited for."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return FileIO(descriptor, "r+b" if flags & os.O_RDWR else "rb")


def _offset(layout: Layout, tile: Tile) -> int:
    """The byte of the file at which a tile begins."""
    return len(header(layout)) + layout.start(tile) * layout.dtype.itemsize + CHECKSUM * layout.number(tile)


def _reserve(file: FileIO, nbytes: int) -> None:
    """Give a file its length, with room on the disk for all of it. Raises OSError where that is full."""
    file.truncate(nbytes)
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, nbytes)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise


def _read(file: FileIO, start: int, nbytes: int) -> bytes:
    """Bytes of a file. Raises Spoiled where it ends before them."""
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
    """Errors of the disk as Unkept, so that nobody takes them for the source's."""
    try:
        yield
    except (OSError, Spoiled) as error:
        raise Unkept(str(error)) from error
