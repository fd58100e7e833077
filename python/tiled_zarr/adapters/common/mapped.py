"""Files that stay open, memory-mapped if the system can.

The number of files is bounded, and so is the part of them that counts as this process's memory.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple, TypeAlias

from ... import _native
from .snapshot import Snapshot, check_end, read_exactly

File: TypeAlias = "_native.File"


class Reopened:
    """A file that is opened for each read, as on Windows.

    There, a file that is open can be neither replaced nor deleted.
    """

    is_mapped = False

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def __len__(self) -> int:
        return os.stat(self.snapshot.path).st_size  # noqa: PTH116

    def read(self, first: int, nbytes: int, counts: Sequence[int] = (), strides: Sequence[int] = ()) -> bytes:
        """As `_native.File.read`."""
        places = product(*(range(0, count * stride, stride) for count, stride in zip(counts, strides, strict=True)))
        with self.snapshot.opened() as file:
            return b"".join([read_exactly(file, first + sum(place), nbytes) for place in places])

    def prefetch(self, *pieces: object) -> None:
        """Does nothing."""

    def release(self) -> None:
        """Does nothing."""


class Map(NamedTuple):
    """An open file, and the number of faults of its snapshot before it was opened."""

    file: File | Reopened
    faults: int
    snapshot: Snapshot

    def release(self) -> None:
        """Give all pages back to the system."""
        self.file.release()


def file_of(snapshot: Snapshot) -> File | Reopened:
    """The open file of a snapshot. Raises Changed if the file has changed.

    The files used last are kept. A view keeps its file mapped even after we have dropped the file.
    """
    kept = snapshot.resources.mapped.kept
    found: Map | None = kept.peek(snapshot.faults)
    if found is not None and found.faults == snapshot.faults.count:
        return found.file
    made = Map(_opened(snapshot), snapshot.faults.count, snapshot)
    for faults, other in kept.items():  # deleted files hold disk space until they are closed
        if not other.snapshot.is_current():
            kept.drop(faults)
    kept.keep(snapshot.faults, made)
    return made.file


def touch(snapshot: Snapshot, nbytes: int) -> None:
    """Count bytes of a mapped file that are about to be looked at."""
    snapshot.resources.mapped.touch(nbytes)


def read_bytes(snapshot: Snapshot, offset: int, nbytes: int) -> bytes:
    """Bytes of a snapshot's file, which stays open. Raises OSError if it ends before them."""
    file = file_of(snapshot)
    check_end(snapshot.path, len(file), offset + nbytes)
    return file.read(offset, nbytes)


def _opened(snapshot: Snapshot) -> File | Reopened:
    """The snapshot's file, opened now. Raises Changed if it has changed."""
    if not hasattr(_native, "File"):
        return Reopened(snapshot)
    with snapshot.fence.opened(snapshot.path) as file:
        snapshot.check(file.fileno())
        return _native.File(file.fileno(), os.fstat(file.fileno()).st_size, snapshot.faults)
