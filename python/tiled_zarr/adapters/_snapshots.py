"""Files as they were when they were opened: as long as they stay so they can be read, afterwards they raise.

A file may be rewritten or cut short at any moment. Every access opens it anew and reads explicitly, so no handle goes stale; a
memory map would kill the process with SIGBUS when the file shrinks under it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from ..nodes import Changed
from ..revisions import file_revision, of_file


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A path and the revision of what lay there."""

    path: str
    taken: str

    @classmethod
    def of(cls, path: Path) -> Snapshot:
        """The file as it is now. Raises OSError where there is none."""
        return cls(os.fspath(path), file_revision(path))

    @property
    def revision(self) -> Callable[[], str]:
        """The revision function of nodes made from the file."""
        return of_file(self.path)

    def check(self) -> None:
        """Raises Changed where the file is another by now, OSError where it is gone."""
        if file_revision(self.path) != self.taken:
            raise Changed(f"{Path(self.path).name!r} changed while it was being read; ask again")

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """What is read from the file inside is given out only if the file stayed the same."""
        self.check()
        yield
        self.check()

    @contextmanager
    def opened(self) -> Iterator[FileIO]:
        """The file, unbuffered, for one thread; it must stay the same until the block is left."""
        with FileIO(self.path) as file, self.unchanged():
            yield file


def read_exactly(file: FileIO, offset: int, nbytes: int) -> bytes:
    """Bytes at an offset. Raises OSError where the file ends before them."""
    size = os.fstat(file.fileno()).st_size
    if offset + nbytes > size:
        raise OSError(f"{Path(str(file.name)).name!r} ends at byte {size}, data are expected up to {offset + nbytes}: it is truncated")
    file.seek(offset)
    parts = []
    while nbytes > 0:
        part = file.read(nbytes)
        if not part:
            raise OSError(f"{Path(str(file.name)).name!r} ended while it was being read")
        parts.append(part)
        nbytes -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
