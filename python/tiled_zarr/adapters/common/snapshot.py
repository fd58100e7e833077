"""Files at a revision: reading one either gives bytes of that revision, or raises Changed.

Other processes may rewrite, truncate, replace or delete a file at any moment, and there is no lock
that they respect. Bytes of two versions in one reply would be silently wrong. Copying each file
first would be safe, but files have gigabytes.

So a `Snapshot` notes the revision of what lies at a path: size, time of modification in nanoseconds
and inode. Every read has the same form (`unchanged`):

1. Compare the revision of the open file with the noted one. If it was modified within the last tick
   of the clock, first wait for the next tick: a write in the same tick would leave the time as it
   is (`revisions.steady_revision`).
2. Read.
3. Compare the revision of what now lies at the path.

If a comparison fails, what was read is thrown away and Changed is raised; the caller asks again and
gets a new node. A fence opens the file, so that a link cannot lead out of the served folder.

A mapping needs one thing more. If the file has been truncated or its disk fails, the kernel would
kill the process with SIGBUS when it looks at a page. The native code puts zeros there and counts a
fault (`Faults`). So we also compare the number of faults, and put it into the revision of the
nodes: a reply with zeros in place of data can never pass as current.

The descriptor or mapping that `mapped.py` keeps is of the very file whose revision was taken.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

from ..._native import Faults
from ...nodes import Changed, Damaged, TooLarge, Unavailable
from ...resources import Resources, default
from ...revisions import file_revision, steady_revision
from . import fences, slips
from .fences import Fence
from .kinds import HEAD, other_kind


class Elsewhere(ABC):
    """Something in no file system that an adapter opens as it opens a path, by `Snapshot.of`.

    Only adapters that are marked get one (`ranged.by_ranges`).
    """

    name: str
    """The last part of its address."""
    suffix: str
    """The suffix of the name, with its dot."""
    address: str
    """Its URL, without credentials."""
    is_folder: bool
    """True for all that is below a prefix."""

    @abstractmethod
    def snapshot(self, resources: Resources | None) -> Snapshot:
        """It as it is now. Raises FileNotFoundError if it is not there."""

    @abstractmethod
    def beside(self, path: str) -> Elsewhere:
        """What a path names that begins in the folder of this one."""

    @abstractmethod
    def at(self, url: str, resources: Resources | None) -> Elsewhere:
        """What a URL names; a store of the same kind is read with the same options.

        Raises Unavailable if no such URLs are read.
        """

    @abstractmethod
    def options(self) -> Mapping[str, str]:
        """How the store is reached: its `endpoint`, `region` and `skip_signature`, if they are said."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A path, and the revision of what lay there when the snapshot was taken.

    Everything is opened behind `fence`.
    """

    path: str
    taken: str
    fence: Fence
    faults: Faults = field(default_factory=Faults, compare=False, repr=False)
    """Counts the faults of all mappings of the file at this revision."""
    given: Resources | None = field(default=None, compare=False, repr=False)
    """The resources that readers of the file share; None means those of the process."""

    @classmethod
    def of(cls, path: Path | Elsewhere, resources: Resources | None = None) -> Snapshot:
        """The file as it is now, behind the fence in force; of what is elsewhere, what it says.

        Raises OSError if there is no file, Damaged if the fence refuses it.
        """
        if isinstance(path, Elsewhere):
            return path.snapshot(resources)
        return cls._taken(path, fences.around(path), resources)

    @property
    def name(self) -> str:
        """The name of the file, for users."""
        return Path(self.path).name

    @property
    def resources(self) -> Resources:
        """The pools that keep what readers have made of the file."""
        return self.given or default()

    def beside(self, path: str | os.PathLike[str]) -> Snapshot:
        """A snapshot of another file, behind the same fence, for a file that this one refers to."""
        return self._taken(path, self.fence, self.given)

    @classmethod
    def _taken(cls, path: str | os.PathLike[str], fence: Fence, resources: Resources | None) -> Snapshot:
        with fence.opened(path) as file:
            taken = cls(os.fspath(path), file_revision(file.fileno()), fence, given=resources)
        made_from = _MADE_FROM.get()
        return taken if made_from is None else made_from(taken)

    @property
    def revision(self) -> Callable[[], str | None]:
        """The revision function of nodes made from the file.

        It also changes after a fault, so that zeros in place of unreadable data are never served.
        """
        return self._revision

    def _revision(self) -> str:
        faults = self.faults.count
        return f"{file_revision(self.path)}-{faults}" if faults else file_revision(self.path)

    def check(self, opened: str | int | None = None) -> None:
        """Check that the file at the path, or the one given as `opened`, still has this revision.

        Any later change shows in its revision. Raises Changed if it has changed, OSError if it is
        gone.
        """
        if steady_revision(self.path if opened is None else opened) != self.taken:
            raise Changed(f"{self.name!r} changed while it was being read; ask again")

    def check_handle(self, handle: Any) -> None:
        """Check that what a library has opened by itself is this file, by its `fileno()`."""
        self.check(handle.fileno())

    def is_current(self) -> bool:
        """True if the file is still there and has the same revision."""
        try:
            return file_revision(self.path) == self.taken
        except OSError:
            return False

    @contextmanager
    def unchanged(self, opened: str | int | None = None) -> Iterator[None]:
        """Check before and after the block that the file has not changed.

        The first check looks at `opened`, a descriptor or another path, if it is given. Raises
        Changed if the file has changed, or if a mapped page of it could not be read.
        """
        self.check(opened)
        faults = self.faults.count
        yield
        self.check()
        if self.faults.count != faults:
            raise Changed(f"{self.name!r} could not be read in part; ask again")

    @contextmanager
    def read_as(self, kind: str) -> Iterator[str]:
        """A path for a library that reads the file as a `kind`, such as "a TIFF file".

        The file must not change until the block ends. Raises what `failures_as` raises.
        """
        with self.failures_as(kind), self.pinned() as path:
            yield path

    @contextmanager
    def failures_as(self, kind: str) -> Iterator[None]:
        """Turns a library's errors about a file that it cannot read as a `kind` into Damaged.

        Damaged has one sentence for users. Raises Changed instead if the file has changed
        meanwhile. Errors of the system (no permission, no file, no time) pass unchanged. What may
        be our own mistake is logged with its traceback (slips.py).
        """
        try:
            yield
        except Exception as error:
            if is_of_the_system(error):
                raise
            self.check()
            if is_for_users(error):
                raise
            slips.note(error, f"{self.name!r}, read as {kind}")
            raise Damaged(f"{self.name!r} {self._fault(kind)}") from error

    def _fault(self, kind: str) -> str:
        """What we say to users about a file that a library refuses."""
        with self.fence.opened(self.path) as file:
            size = os.fstat(file.fileno()).st_size
            return self._said(size, other_kind(file.read(HEAD), kind), kind)

    def _said(self, size: int, other: str | None, kind: str) -> str:
        if size == 0:
            return f"is empty where {kind} is expected; write it again"
        if other:
            return f"is {other}"
        return f"cannot be read as {kind}: it is truncated, damaged or something else; write it again, or restore it from a copy"

    @contextmanager
    def opened(self) -> Iterator[FileIO]:
        """The file, unbuffered, for one thread; it must not change until the block ends."""
        with self.fence.opened(self.path) as file, self.unchanged(file.fileno()):
            yield file

    @contextmanager
    def pinned(self) -> Iterator[str]:
        """A path for libraries that open the file themselves.

        The file must not change until the block ends.
        """
        with self.fence.pinned(self.path) as path, self.unchanged(path):
            yield path


_MADE_FROM: ContextVar[Callable[[Snapshot], Snapshot] | None] = ContextVar("made from", default=None)


@contextmanager
def taken_as(changed: Callable[[Snapshot], Snapshot]) -> Iterator[None]:
    """Inside the block, `Snapshot.of` in this thread returns what `changed` returns for a file."""
    token = _MADE_FROM.set(changed)
    try:
        yield
    finally:
        _MADE_FROM.reset(token)


def is_of_the_system(error: Exception) -> bool:
    """True if an error is not the fault of the file's content.

    That is: no permission, no file, no memory, no time, or the file has changed.
    """
    has_passed = isinstance(error, MemoryError | Changed | TimeoutError | ConnectionError)
    return has_passed or (isinstance(error, OSError) and error.errno is not None)


def is_for_users(error: Exception) -> bool:
    """True if an error may be raised unchanged.

    Its text is written for users already, or it is the system's error.
    """
    return isinstance(error, Damaged | Unavailable | TooLarge) or is_of_the_system(error)


def read_exactly(file: FileIO, offset: int, nbytes: int) -> bytes:
    """`nbytes` bytes at an offset. Raises Damaged if the file ends before them."""
    check_end(str(file.name), size_of(file), offset + nbytes)
    file.seek(offset)
    parts = []
    while nbytes > 0:
        part = file.read(nbytes)
        if not part:
            raise Damaged(f"{Path(str(file.name)).name!r} ended while it was being read; ask again")
        parts.append(part)
        nbytes -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def size_of(file: FileIO) -> int:
    """The bytes of an open file, or of an object that is read as one."""
    size: int | None = getattr(file, "size", None)
    return os.fstat(file.fileno()).st_size if size is None else size


def check_end(path: str, size: int, end: int) -> None:
    """Raises Damaged if a file of `size` bytes ends before byte `end`."""
    if end > size:
        raise Damaged(f"{Path(path).name!r} ends at byte {size}, data are expected up to {end}: it is truncated; restore it from a copy")
