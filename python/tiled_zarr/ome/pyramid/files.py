"""Files of levels: opened, read and written so that a disk that fails is told from a source."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from uuid import uuid4

from ...nodes import Damaged

GONE = ".gone"
"""Suffix of a folder that is being removed."""
UNSUPPORTED = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})
"""Errors of `posix_fallocate` on a file system that cannot reserve space.

There a full disk shows only when we write.
"""


class Unkept(Exception):
    """The disk failed to write or read levels; `__cause__` is the error."""


class Spoiled(Exception):
    """A file of levels does not hold what we wrote to it."""


@contextmanager
def keeping() -> Iterator[None]:
    """Raise errors of the disk as Unkept, so that nobody takes them for errors of the source."""
    try:
        yield
    except (OSError, Spoiled, Damaged) as error:
        raise Unkept(str(error)) from error


def opened(path: Path, flags: int = os.O_RDONLY) -> FileIO:
    """A regular file, opened in binary mode. Raises OSError.

    Anything else of this name (a FIFO) is an OSError; opening it does not block.
    """
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return FileIO(descriptor, "r+b" if flags & os.O_RDWR else "rb")


def size(file: FileIO) -> int:
    """Bytes of an open file."""
    return os.fstat(file.fileno()).st_size


def reserve(file: FileIO, nbytes: int) -> None:
    """Give a file its length, and reserve disk space for it. Raises OSError if the disk is full."""
    file.truncate(nbytes)
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, nbytes)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise


def read(file: FileIO, start: int, nbytes: int) -> bytes:
    """`nbytes` bytes of a file from `start` on. Raises Spoiled if it ends earlier."""
    file.seek(start)
    body = file.read(nbytes)
    if len(body) != nbytes:
        raise Spoiled(f"the file ends early: expected {nbytes} bytes at {start}, got {len(body)}")
    return body


def write(file: FileIO, start: int, data: bytes | memoryview) -> None:
    """Write bytes to a file from `start` on. Raises OSError."""
    file.seek(start)
    written = file.write(data)
    if written != len(data):
        raise OSError(errno.ENOSPC, f"expected to write {len(data)} bytes, wrote {written}")


class Parts:
    """An open file, as shards read one: in parts that are whole or Spoiled."""

    def __init__(self, file: FileIO) -> None:
        self.file = file

    def part(self, offset: int, nbytes: int) -> bytes:
        """Some bytes of it."""
        if offset + nbytes > size(self.file):
            raise Spoiled(f"the file ends early: expected {nbytes} bytes at {offset}, got {size(self.file)} in all")
        return read(self.file, offset, nbytes)

    def tail(self, nbytes: int) -> bytes:
        """Its last bytes."""
        return read(self.file, max(size(self.file) - nbytes, 0), nbytes)


def remove(path: Path) -> None:
    """Remove a folder: first its name, so that nobody reads a part of it. Raises OSError.

    A reader of Zarr takes a file that is not there for zeros.
    """
    if not path.is_symlink() and path.is_dir():
        gone = path.with_name(f"{uuid4().hex}{GONE}")
        with suppress(FileNotFoundError):
            path.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
