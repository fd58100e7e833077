"""Fences: whatever an adapter opens is a regular file, and really lies in the folder that is served.

A fence checks what it has opened, not a path: it opens the file, without waiting for a FIFO's writer, and asks the system where the open
file lies (`/proc/self/fd`). So it makes no difference when somebody swaps a link meanwhile. Where the system cannot tell, the real path
of the name is compared with the open file. Links inside the folder are followed.

What remains: a hard link to a file outside (whoever makes one needs write access to the folder, and Linux's protected_hardlinks asks
for rights on the file), a mount inside the folder, and libraries that open a path again by themselves: HDF5 and tifffile, whose users
here compare what was opened with what was checked, and Blosc2 for the chunk files of a sparse frame.
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
"""Opening a FIFO for reading so returns at once, also where it took the place of a file after the first look."""
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
"""Reasons by the kind of what is no regular file."""


class Fence(NamedTuple):
    """The folder that is served, by its real path; `prefix` is the same with a slash at its end.

    Whatever is refused raises Damaged, with the reason as its text: it is there, so it is a failure and no absence. What is not there
    raises FileNotFoundError.
    """

    folder: str
    prefix: str

    @classmethod
    def of(cls, folder: Name) -> Fence:
        """The fence around a folder, links to it followed."""
        real = os.path.realpath(folder)
        return cls(real, os.path.join(real, ""))  # noqa: PTH118 - texts all the way, on every request

    def holds(self, real: str) -> bool:
        """Whether a real path is that of the folder, or of something in it."""
        return real.startswith(self.prefix) or real == self.folder

    def descriptor(self, path: Name, _flags: int = READ) -> int:
        """A file descriptor of a regular file, to be closed by the caller; it is an `opener`, whose flags are always the same."""
        return self._checked(path, READ, stat.S_IFREG)

    def opened(self, path: Name) -> FileIO:
        """A regular file, unbuffered."""
        return FileIO(os.fspath(path), opener=self.descriptor)

    def check(self, path: Name) -> None:
        """Raises Damaged for what is no regular file in the folder, and OSError for one that cannot be opened."""
        os.close(self.descriptor(path))

    def read(self, path: Name, largest: int | None = None) -> bytes:
        """The content of a regular file; without a file object, which takes 2 microseconds of 9.

        Raises Damaged if it has more than `largest` bytes: a sparse file of any size takes no room on the disk.
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
        """A path for libraries that open files by themselves: inside the block it leads to the very file that was checked.

        Where the system has no such paths, it is the path that was given.
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
        """A file descriptor of a folder that may be read and searched."""
        descriptor = self._checked(os.path.join(path, "."), LIST, stat.S_IFDIR)  # noqa: PTH118 - a Path would drop the dot, which asks for the right to search
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Inside the block this is the fence of all that this thread opens anew."""
        token = _STANDING.set(self)
        try:
            yield
        finally:
            _STANDING.reset(token)

    def _checked(self, path: Name, flags: int, kind: int) -> int:
        """A descriptor of what is of this kind and lies in the folder; devices, which an opening may set going, are not opened."""
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
        """Raises Damaged for a path that leads out of the folder, whether there is anything or not: nobody learns what lies there."""
        if not self.holds(os.path.realpath(path)):
            raise _refused(path, OUTSIDE)

    def _check_place(self, path: Name, descriptor: int) -> None:
        if not (self.holds(_real_path(descriptor)) or self._holds_by_name(path, descriptor)):
            raise _refused(path, OUTSIDE)

    def _holds_by_name(self, path: Name, descriptor: int) -> bool:
        """Whether an open file is the one to which the path leads, and that lies in the folder; ten times as slow."""
        real = os.path.realpath(path)
        try:
            return self.holds(real) and os.path.samestat(os.lstat(real), os.fstat(descriptor))
        except OSError:
            return False


_STANDING: ContextVar[Fence | None] = ContextVar("fence", default=None)


def in_force() -> Fence | None:
    """The fence that a folder has put around what this thread opens, or None."""
    return _STANDING.get()


def around(path: Name) -> Fence:
    """The fence in force; without one, for a file or store that is served by itself, the folder that it is or really lies in."""
    standing = _STANDING.get()
    if standing is not None:
        return standing
    return Fence.of(path if os.path.isdir(path) else os.path.dirname(os.path.realpath(path)))  # noqa: PTH112, PTH120 - texts


def pin(descriptor: int) -> str | None:
    """A path to an open file, whatever becomes of its name; None where the system has none."""
    path = f"/proc/self/fd/{descriptor}"
    return path if os.path.exists(path) else None  # noqa: PTH110 - a text


def dangles(path: Name) -> bool:
    """Whether a path that leads to nothing does so by a link on its way: then something is missing which is meant to be there.

    Costs a look at each missing folder of the path.
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
    """Where an open file lies; "" where the system does not tell."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
    except OSError:
        return ""


def _name(error: Exception, pinned: str, name: str) -> None:
    """Let an error of a library say the file's name where it says the path that it was given."""
    error.args = tuple(part.replace(pinned, name) if isinstance(part, str) else part for part in error.args)
    if isinstance(error, OSError) and error.strerror:
        error.strerror = str(error.strerror).replace(pinned, name)
    if isinstance(error, OSError) and error.filename == pinned:
        error.filename = name


def _refused(path: Name, reason: str) -> Damaged:
    return Damaged(f"{os.path.basename(os.path.normpath(path))!r}: {reason}")  # noqa: PTH119
