"""A shelf in a folder: encoded chunks in files, for all processes of one machine.

    PATH/a3/a3f0...chunk     CRC-32 of the body, 4 bytes, little-endian; the body
    PATH/a3/a3f0...part      the same while it is made: its maker holds a lock (flock) on it
    PATH/trim.lock           held by the process that removes files

Whoever gets the lock on NAME.part may make the body. It is written to that file, which is renamed
when it is whole. The system releases the lock of a process that dies, so the next one that asks
gets it at once, and writes over what is left. Two things need care:

- Between `open` and `flock` the file may be renamed or removed by its former holder. So after the
  lock we compare: if the name has another inode now, or none, we open it again.
- A name is on disk before its bytes are, unless one waits for the disk at each chunk. After a loss
  of power a file may hold anything, so each body carries a checksum. A wrong one is no body.

A file's time of modification is that of its last use, set at most once in FRESH seconds. When this
process has written a PART of the bound, it lists the folder and removes the files used longest ago.
So the folder may exceed the bound by that part for each process that writes.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from zlib import crc32

from .shared import Failed

BODY, DRAFT, TRIM = ".chunk", ".part", "trim.lock"
OURS = re.compile("[0-9a-f]{2}")
SEED = 0x745A
"""The checksum of nothing: a file of zeros has a wrong one."""
HEAD = 4
FRESH = 60.0
"""Seconds for which a time of last use is not set again."""
PART = 16
"""A process that has written a 16th of the bound looks whether files have to go."""
STALE = 3600.0
"""Seconds after which a draft that nobody has locked is removed."""


class Folder:
    """At most about `most` bytes of bodies in a folder, which is made when the first one comes."""

    kind = "folder"

    def __init__(self, path: Path, most: int) -> None:
        self.path = path
        self.most = most
        self._written = most
        """Bytes since the last look at the whole folder; at the start, a look is due."""
        self._lock = Lock()

    def get(self, name: str) -> bytes | None:
        """The body of a name. A file that does not hold what was written is removed."""
        path = self._path(name, BODY)
        with failures():
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            except FileNotFoundError:
                return None
            try:
                status = os.fstat(descriptor)
                head, body = os.pread(descriptor, HEAD, 0), os.pread(descriptor, max(status.st_size - HEAD, 0), HEAD)
            finally:
                os.close(descriptor)
        if head != checksum(body):
            with suppress(OSError):
                os.unlink(path)  # noqa: PTH108 - a Path would be built for each chunk
            return None
        if time.time() - status.st_mtime > FRESH:
            with suppress(OSError):
                os.utime(path)
        return body

    def hold(self, name: str) -> Draft | None:
        """The locked draft of a name; None while another thread or process has locked it."""
        path = self._path(name, DRAFT)
        with failures():
            while True:
                descriptor = self._opened(path)
                try:
                    if not locked(descriptor):
                        os.close(descriptor)
                        return None
                    is_there = is_at(descriptor, path)
                except BaseException:
                    os.close(descriptor)
                    raise
                if is_there:
                    return Draft(self, descriptor, path, self._path(name, BODY))
                os.close(descriptor)

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def wrote(self, nbytes: int) -> None:
        """Count bytes that were put, and remove files if there are too many now. Raises OSError."""
        with self._lock:
            self._written += nbytes
            is_due = self._written >= self.most // PART
            if is_due:
                self._written = 0
        if is_due and not self.trim():
            with self._lock:  # the other may have listed the folder before we wrote
                self._written += self.most // PART

    def trim(self) -> bool:
        """Remove the files used longest ago until the bound holds, and drafts that nobody makes.

        Does nothing and returns False if another thread or process does it. Raises OSError.
        """
        descriptor = os.open(self.path / TRIM, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            is_ours = locked(descriptor)
            if is_ours:
                self._trim()
        finally:
            os.close(descriptor)
        return is_ours

    def _trim(self) -> None:
        bodies, total = [], 0
        for entry in self._entries():
            with suppress(FileNotFoundError, PermissionError):
                status = entry.stat(follow_symlinks=False)
                if entry.name.endswith(BODY):
                    bodies.append((status.st_mtime_ns, status.st_size, entry.path))
                    total += status.st_size
                elif entry.name.endswith(DRAFT) and time.time() - status.st_mtime > STALE:
                    remove_draft(entry.path)
        for _, size, path in sorted(bodies):
            if total <= self.most:
                return
            try:
                os.unlink(path)  # noqa: PTH108
            except (IsADirectoryError, PermissionError):  # not ours: another has to go
                continue
            except FileNotFoundError:
                pass
            total -= size

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        """What is in the folders of bodies: others, as `lost+found` of a disk, are not ours."""
        with os.scandir(self.path) as folders:
            for folder in folders:
                if OURS.fullmatch(folder.name) and folder.is_dir(follow_symlinks=False):
                    with suppress(FileNotFoundError, PermissionError), os.scandir(folder) as entries:
                        yield from entries

    def _path(self, name: str, suffix: str) -> str:
        return f"{self.path}/{name[:2]}/{name}{suffix}"

    def _opened(self, path: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            for folder in (self.path, Path(path).parent):  # `parents` of mkdir would be readable by all
                folder.mkdir(0o700, parents=True, exist_ok=True)
            return os.open(path, flags, 0o600)


class Draft:
    """A file that this process has locked, and that becomes the file of a body."""

    def __init__(self, folder: Folder, descriptor: int, draft: str, final: str) -> None:
        self._folder = folder
        self._descriptor = descriptor
        self._draft = draft
        self._final = final

    def put(self, body: bytes) -> None:
        """Write the body, rename the file and unlock it. Raises Failed."""
        if len(body) + HEAD > self._folder.most:
            self.leave()
            return
        with failures():
            try:
                os.ftruncate(self._descriptor, 0)
                write(self._descriptor, [checksum(body), body])
                os.rename(self._draft, self._final)  # noqa: PTH104
            except BaseException:
                self.leave()
                raise
            os.close(self._descriptor)
            self._folder.wrote(len(body) + HEAD)

    def leave(self) -> None:
        """Remove the draft and unlock it."""
        with suppress(OSError):
            os.unlink(self._draft)  # noqa: PTH108
        os.close(self._descriptor)


def checksum(body: bytes) -> bytes:
    """The bytes in front of a body."""
    return crc32(body, SEED).to_bytes(HEAD, "little")


def write(descriptor: int, pieces: list[bytes]) -> None:
    """Write all bytes, one piece after the other. Raises OSError."""
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def locked(descriptor: int) -> bool:
    """Whether we hold the lock of an open file now. Raises OSError without locks."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(descriptor: int, path: str) -> bool:
    """Whether an open file still has this path."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))  # noqa: PTH116
    except FileNotFoundError:
        return False


def remove_draft(path: str) -> None:
    """Remove a draft unless somebody makes it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if locked(descriptor) and is_at(descriptor, path):
            os.unlink(path)  # noqa: PTH108
    finally:
        os.close(descriptor)


@contextmanager
def failures() -> Iterator[None]:
    """A context in which an error of the disk is a failure of the shelf."""
    try:
        yield
    except OSError as error:
        raise Failed(str(error)) from error
