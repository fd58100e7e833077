"""Fences: an adapter opens only regular files that really are in the folder that is served.

A fence checks the file that it has opened, and not a path. It opens the file, without waiting for
the writer of a FIFO, and asks the system where the open file is (`/proc/self/fd`). So it makes no
difference if somebody swaps a link meanwhile. If the system cannot tell, the fence compares the
file at the path's real path with the open file. Links inside the folder are followed.

These ways out remain: a hard link to a file outside (making one needs write access to the folder,
and Linux's protected_hardlinks requires rights on the file), a mount inside the folder, and
libraries that open a path again by themselves. Of these, users of HDF5 and tifffile here compare
the opened file with the checked one; Blosc2 opens the chunk files of a sparse frame.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import FileIO
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from ...nodes import Damaged

Name: TypeAlias = "str | os.PathLike[str]"

READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Opening a FIFO for reading with these flags returns at once.

A FIFO may take the place of a file after we have looked at it.
"""
LIST = READ | getattr(os, "O_DIRECTORY", 0)
OUTSIDE = "a link out of the folder that is served, which is not followed"
NOWHERE = "a link that leads nowhere"
CIRCLE = "links that lead in a circle"
KINDS = MappingProxyType(
    {
        stat.S_IFIFO: "a named pipe (FIFO), which is never opened",
        stat.S_IFSOCK: "a socket, which is never opened",
        stat.S_IFCHR: "a device, which is never opened",
        stat.S_IFBLK: "a device, which is never opened",
        stat.S_IFDIR: "a folder where a file is expected",
    }
)
"""Reasons for refusing what is no regular file, by its kind."""


class Fence(NamedTuple):
    """The folder that is served, by its real path; `prefix` is the same with a slash at its end.

    A refusal raises Damaged with the reason as its text: the file exists, so this is a failure and
    no absence. A file that does not exist raises FileNotFoundError.
    """

    folder: str
    prefix: str

    @classmethod
    def of(cls, folder: Name) -> Fence:
        """The fence around a folder; links to it are followed."""
        real = os.path.realpath(folder)
        return cls(real, os.path.join(real, ""))  # noqa: PTH118 - strings throughout, on every request

    def holds(self, real: str) -> bool:
        """Whether a real path is that of the folder, or of something in it."""
        return real.startswith(self.prefix) or real == self.folder

    def descriptor(self, path: Name, _flags: int = READ) -> int:
        """A file descriptor of a regular file; the caller closes it.

        This is an `opener` for `open`; it ignores the flags, which are always the same.
        """
        return self._checked(path, READ, stat.S_IFREG)

    def opened(self, path: Name) -> FileIO:
        """A regular file, opened without a buffer."""
        return FileIO(os.fspath(path), opener=self.descriptor)

    def check(self, path: Name) -> None:
        """Raise Damaged if this is no regular file in the folder, OSError if opening it fails."""
        os.close(self.descriptor(path))

    def read(self, path: Name, largest: int | None = None) -> bytes:
        """The content of a regular file. Without a file object, which takes 2 microseconds of 9.

        Raises Damaged if the file has more than `largest` bytes: a sparse file of any size needs no
        room on the disk.
        """
        descriptor = self.descriptor(path)
        try:
            missing = os.fstat(descriptor).st_size
            if largest is not None and missing > largest:
                raise Damaged(f"{os.path.basename(path)!r} has {missing} bytes, at most {largest} are expected")  # noqa: PTH119
            content = os.read(descriptor, missing)
            while len(content) < missing and (more := os.read(descriptor, missing - len(content))):
                content += more
            return content
        finally:
            os.close(descriptor)

    @contextmanager
    def pinned(self, path: Name) -> Iterator[str]:
        """A path for libraries that open files by themselves.

        Inside the block it leads to the very file that was checked. If the system has no such
        paths, it is the given path.
        """
        descriptor = self.descriptor(path)
        pinned = pin(descriptor) or os.fspath(path)
        try:
            yield pinned
        except Exception as error:
            _name(error, pinned, os.path.basename(path))  # noqa: PTH119
            raise
        finally:
            os.close(descriptor)

    @contextmanager
    def listed(self, path: Name) -> Iterator[int]:
        """A file descriptor of a folder that may be read and searched, open inside the block."""
        descriptor = self._checked(os.path.join(path, "."), LIST, stat.S_IFDIR)  # noqa: PTH118 - a Path would drop the dot, which requires the right to search
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Inside the block, this fence is in force for everything that this thread opens."""
        token = _IN_FORCE.set(self)
        try:
            yield
        finally:
            _IN_FORCE.reset(token)

    def _checked(self, path: Name, flags: int, kind: int) -> int:
        """A descriptor of a file or folder of this kind inside the fence.

        Devices are never opened, since opening one may start it.
        """
        # We check the kind before opening, since opening a device may start it, and again after
        # opening, since the name may have got another target in between.
        try:
            _check_kind(path, _status(path), kind)
            descriptor = os.open(path, flags)
        except OSError:
            self.check_inside(path)
            raise
        try:
            self._check_place(path, descriptor)
            _check_kind(path, os.fstat(descriptor), kind)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def check_inside(self, path: Name) -> None:
        """Raise Damaged if a path leads out of the folder, whether it exists or not.

        So nobody learns what exists outside.
        """
        if not self.holds(os.path.realpath(path)):
            raise _refused(path, OUTSIDE)

    def _check_place(self, path: Name, descriptor: int) -> None:
        if not (self.holds(_real_path(descriptor)) or self._holds_by_name(path, descriptor)):
            raise _refused(path, OUTSIDE)

    def _holds_by_name(self, path: Name, descriptor: int) -> bool:
        """Whether an open file is the one at the path's real path, and that is in the folder.

        This takes ten times as long as asking /proc.
        """
        real = os.path.realpath(path)
        try:
            return self.holds(real) and os.path.samestat(os.lstat(real), os.fstat(descriptor))
        except OSError:
            return False


_IN_FORCE: ContextVar[Fence | None] = ContextVar("fence", default=None)


def in_force() -> Fence | None:
    """The fence in force in this thread, or None."""
    return _IN_FORCE.get()


def around(path: Name) -> Fence:
    """The fence in force; without one, the fence around the folder of a file or store.

    A file or store that is served by itself has no fence in force. A folder is fenced itself; for a
    file it is the folder in which it really is.
    """
    fence = _IN_FORCE.get()
    if fence is not None:
        return fence
    return Fence.of(path if os.path.isdir(path) else os.path.dirname(os.path.realpath(path)))  # noqa: PTH112, PTH120 - strings


def pin(descriptor: int) -> str | None:
    """A path to an open file that stays valid if its name changes; None if the system has none."""
    path = f"/proc/self/fd/{descriptor}"
    return path if os.path.exists(path) else None  # noqa: PTH110 - a string


def dangles(path: Name) -> bool:
    """Whether a path that does not exist passes through a link: then something expected is missing.

    Calls lstat for each missing folder of the path.
    """
    name = os.fspath(path)
    while True:
        try:
            return stat.S_ISLNK(os.lstat(name).st_mode)
        except FileNotFoundError:
            above = os.path.dirname(name)  # noqa: PTH120
            if above in {"", name}:
                return False
            name = above


def _status(path: Name) -> os.stat_result:
    try:
        return os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        if dangles(path):
            raise _refused(path, NOWHERE) from None
        raise
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _refused(path, CIRCLE) from None
        raise


def _check_kind(path: Name, status: os.stat_result, expected: int) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind != expected:
        raise _refused(path, KINDS.get(kind, "no regular file"))


def _real_path(descriptor: int) -> str:
    """The path of an open file; "" if the system cannot tell."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
    except OSError:
        return ""


def _name(error: Exception, pinned: str, name: str) -> None:
    """Replace the pinned path in a library's error by the file's name."""
    error.args = tuple(part.replace(pinned, name) if isinstance(part, str) else part for part in error.args)
    if isinstance(error, OSError) and error.strerror:
        error.strerror = str(error.strerror).replace(pinned, name)
    if isinstance(error, OSError) and error.filename == pinned:
        error.filename = name


def _refused(path: Name, reason: str) -> Damaged:
    return Damaged(f"{os.path.basename(os.path.normpath(path))!r}: {reason}")  # noqa: PTH119
