"""Files as they were when they were opened: as long as they stay so they can be read, afterwards they raise.

A file may be rewritten or cut short at any moment. A reader opens it anew, or uses the descriptor or
the mapping that `mapped.py` keeps of the very file whose revision was taken; it compares the revision
of what lies at the path before and after. A mapping also counts its faults: if there were any, what
was made of it is no longer what the file holds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from ..._native import Faults
from ...nodes import Changed, Damaged, TooLarge, Unavailable
from ...resources import Resources, default
from ...revisions import file_revision, steady_revision
from . import fences
from .fences import Fence
from .kinds import HEAD, other_kind


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A path, the revision of what lay there, the fence around all that is opened for it, and the resources of its readers."""

    path: str
    taken: str
    fence: Fence
    faults: Faults = field(default_factory=Faults, compare=False, repr=False)
    """Of all mappings of the file as it was then."""
    given: Resources | None = field(default=None, compare=False, repr=False)
    """What reading the file shares with other readers; None stands for that of the process."""

    @classmethod
    def of(cls, path: Path, resources: Resources | None = None) -> Snapshot:
        """The file as it is now, behind the fence in force. Raises OSError if there is none, Damaged if it is refused."""
        return cls._taken(path, fences.around(path), resources)

    @property
    def resources(self) -> Resources:
        """The pools in which whoever reads the file keeps what it has made of it."""
        return self.given or default()

    def beside(self, path: str | os.PathLike[str]) -> Snapshot:
        """Another file, behind the same fence: one to which this one leads, at any time later."""
        return self._taken(path, self.fence, self.given)

    @classmethod
    def _taken(cls, path: str | os.PathLike[str], fence: Fence, resources: Resources | None) -> Snapshot:
        with fence.opened(path) as file:
            return cls(os.fspath(path), file_revision(file.fileno()), fence, given=resources)

    @property
    def revision(self) -> Callable[[], str | None]:
        """The revision function of nodes made from the file: another one after a fault too, so that no zeros in its place are served."""
        return self._revision

    def _revision(self) -> str:
        faults = self.faults.count
        return f"{file_revision(self.path)}-{faults}" if faults else file_revision(self.path)

    def check(self, opened: str | int | None = None) -> None:
        """Raises Changed where the file, or the one that was opened, is another by now, OSError where it is gone.

        Whatever happens to the file afterwards shows in its revision.
        """
        if steady_revision(self.path if opened is None else opened) != self.taken:
            raise Changed(f"{Path(self.path).name!r} changed while it was being read; ask again")

    def stands(self) -> bool:
        """Whether the file is still there and the same."""
        try:
            return file_revision(self.path) == self.taken
        except OSError:
            return False

    @contextmanager
    def unchanged(self, opened: str | int | None = None) -> Iterator[None]:
        """What is read from the file inside is given out only if the file, which may be open already, stayed the same."""
        self.check(opened)
        faults = self.faults.count
        yield
        self.check()
        if self.faults.count != faults:
            raise Changed(f"{Path(self.path).name!r} could not be read in part; ask again")

    @contextmanager
    def read_as(self, kind: str) -> Iterator[str]:
        """A path for a library that reads the file as a `kind`; the file must stay the same until the block is left.

        Raises what `failures_as` does.
        """
        with self.failures_as(kind), self.pinned() as path:
            yield path

    @contextmanager
    def failures_as(self, kind: str) -> Iterator[None]:
        """What a library raises inside about a file that it cannot read as a `kind` becomes Damaged, with one sentence for users.

        Raises Changed instead if the file changed meanwhile. Failures of the system itself (no right, no file, no time) stay what they are.
        """
        try:
            yield
        except Exception as error:
            if is_of_the_system(error):
                raise
            self.check()
            if is_told(error):
                raise
            raise Damaged(f"{Path(self.path).name!r} {self._fault(kind)}") from error

    def _fault(self, kind: str) -> str:
        """What users are told of a file that a library refuses."""
        if os.stat(self.path).st_size == 0:  # noqa: PTH116
            return f"is empty where {kind} is expected; write it again"
        with self.fence.opened(self.path) as file:
            other = other_kind(file.read(HEAD), kind)
        if other:
            return f"is {other}"
        return f"cannot be read as {kind}: it is truncated, damaged or something else; write it again, or restore it from a copy"

    @contextmanager
    def opened(self) -> Iterator[FileIO]:
        """The file, unbuffered, for one thread; it must stay the same until the block is left."""
        with self.fence.opened(self.path) as file, self.unchanged(file.fileno()):
            yield file

    @contextmanager
    def pinned(self) -> Iterator[str]:
        """A path for libraries that open the file by themselves; it must stay the same until the block is left."""
        with self.fence.pinned(self.path) as path, self.unchanged(path):
            yield path


def is_of_the_system(error: Exception) -> bool:
    """Whether an error is no fault of the file's content: no right, no file, no memory, no time."""
    has_passed = isinstance(error, MemoryError | Changed | TimeoutError | ConnectionError)
    return has_passed or (isinstance(error, OSError) and error.errno is not None)


def is_told(error: Exception) -> bool:
    """Whether the text of an error is meant for users already, or the error is the system's."""
    return isinstance(error, Damaged | Unavailable | TooLarge) or is_of_the_system(error)


def read_exactly(file: FileIO, offset: int, nbytes: int) -> bytes:
    """Bytes at an offset. Raises Damaged where the file ends before them."""
    check_end(str(file.name), os.fstat(file.fileno()).st_size, offset + nbytes)
    file.seek(offset)
    parts = []
    while nbytes > 0:
        part = file.read(nbytes)
        if not part:
            raise Damaged(f"{Path(str(file.name)).name!r} ended while it was being read; ask again")
        parts.append(part)
        nbytes -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def check_end(path: str, size: int, end: int) -> None:
    """Raises Damaged where a file of so many bytes ends before what is to be read of it."""
    if end > size:
        raise Damaged(f"{Path(path).name!r} ends at byte {size}, data are expected up to {end}: it is truncated; restore it from a copy")
