"""Files that stay open, memory-mapped if the system can.

The number of files is bounded, and so is the part of them that counts as this process's memory.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple, TypeAlias

from ... import _native
from .ranged import Ranged
from .snapshot import Snapshot, check_end, read_exactly

File: TypeAlias = "_native.File"

READ_GAP = 4096
"""Bytes that cost as much to copy as another `pread`, about half a microsecond."""
FETCH_GAP = 256 * 1024
"""Bytes that cost about as much to fetch as another request: 5 ms at 50 MB/s, and 32 in flight."""

KEPT = 1024 * 1024
"""Bytes of the blocks that are kept if a reader needs a small part of the bytes that it fetches."""


class Reopened:
    """A file that is opened for each read, as on Windows.

    There, a file that is open can be neither replaced nor deleted.
    """

    is_mapped = False
    gap = READ_GAP

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def __len__(self) -> int:
        return os.stat(self.snapshot.path).st_size  # noqa: PTH116

    def read(self, first: int, nbytes: int, counts: Sequence[int] = (), strides: Sequence[int] = ()) -> bytes:
        """As `_native.File.read`."""
        with self.snapshot.opened() as file:
            return b"".join([read_exactly(file, start, nbytes) for start in starts(first, counts, strides)])

    def prefetch(self, *pieces: object) -> None:
        """Does nothing."""

    def release(self) -> None:
        """Does nothing."""


class Fetched(Reopened):
    """An object that is read by ranges, several at once."""

    gap = FETCH_GAP

    def __init__(self, snapshot: Ranged) -> None:
        super().__init__(snapshot)
        self.ranged = snapshot

    def __len__(self) -> int:
        return self.ranged.size

    def read(self, first: int, nbytes: int, counts: Sequence[int] = (), strides: Sequence[int] = ()) -> bytes:
        """As `_native.File.read`."""
        found = self.ranged.read([(start, start + nbytes) for start in starts(first, counts, strides)])
        return found[0] if len(found) == 1 else b"".join(found)

    def read_kept(self, first: int, nbytes: int, counts: Sequence[int] = (), strides: Sequence[int] = ()) -> bytes:
        """The same, from blocks that are kept: for a caller that needs a small part of the bytes."""
        return b"".join([self.ranged.kept(start, start + nbytes, KEPT) for start in starts(first, counts, strides)])


def starts(first: int, counts: Sequence[int], strides: Sequence[int]) -> list[int]:
    """Where each of some pieces begins that lie at equal distances along some axes.

    >>> starts(10, (2, 3), (100, 5))
    [10, 15, 20, 110, 115, 120]
    """
    return [
        first + sum(place) for place in product(*(range(0, count * stride, stride) for count, stride in zip(counts, strides, strict=True)))
    ]


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
    if isinstance(snapshot, Ranged):
        return Fetched(snapshot)
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


def read_several(snapshot: Snapshot, pieces: Sequence[tuple[int, int]]) -> list[bytes]:
    """Several pieces of a snapshot's file, each an offset and a number of bytes, in order.

    Of what is read by ranges, all of them are in flight at once. Raises OSError if it ends before
    one of them.
    """
    if not isinstance(snapshot, Ranged):
        return [read_bytes(snapshot, offset, nbytes) for offset, nbytes in pieces]
    check_end(snapshot.path, snapshot.size, max((offset + nbytes for offset, nbytes in pieces), default=0))
    return snapshot.read_near([(offset, offset + nbytes) for offset, nbytes in pieces], FETCH_GAP)


def _opened(snapshot: Snapshot) -> File | Reopened:
    """The snapshot's file, opened now. Raises Changed if it has changed."""
    if not hasattr(_native, "File"):
        return Reopened(snapshot)
    with snapshot.fence.opened(snapshot.path) as file:
        snapshot.check(file.fileno())
        return _native.File(file.fileno(), os.fstat(file.fileno()).st_size, snapshot.faults)
