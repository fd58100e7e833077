"""Files that stay open, mapped if the system can: a bounded number of them, and a bounded part counted as this process's memory."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from itertools import product
from threading import Lock
from typing import NamedTuple, TypeAlias

from ... import _native
from .snapshot import Snapshot, check_end, read_exactly

File: TypeAlias = "_native.File"
Faults: TypeAlias = "_native.Faults"

MOST_MAPS = 64
"""Each takes a descriptor, and a mapping one of 1024 places in the native table."""
MOST_RESIDENT = 64 * 1024 * 1024
"""About so many bytes of mapped files stay resident; more are released, which costs a fiftieth of having looked at them."""


class Reopened:
    """A file that is opened anew for each read, on Windows: there an open file can be neither replaced nor deleted."""

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
        """Nothing."""

    def release(self) -> None:
        """Nothing."""


class Map(NamedTuple):
    """A file, and the faults of the snapshot before it was opened."""

    file: File | Reopened
    faults: int
    snapshot: Snapshot


class Mappings:
    """The files used last, each of one snapshot; views keep theirs mapped also after it has been given up here."""

    def __init__(self, most: int = MOST_MAPS, most_resident: int = MOST_RESIDENT) -> None:
        self.most = most
        self.most_resident = most_resident
        self._touched = 0
        self._maps: OrderedDict[Faults, Map] = OrderedDict()
        self._lock = Lock()

    def of(self, snapshot: Snapshot) -> File | Reopened:
        """The open file of a snapshot. Raises Changed if it is another one by now."""
        with self._lock:
            found = self._maps.get(snapshot.faults)
            if found is not None and found.faults == snapshot.faults.count:
                self._maps.move_to_end(snapshot.faults)
                return found.file
        made = Map(_opened(snapshot), snapshot.faults.count, snapshot)
        self._clear()
        with self._lock:
            self._maps[snapshot.faults] = made
            self._maps.move_to_end(snapshot.faults)
            if len(self._maps) > self.most:
                self._maps.popitem(last=False)
        return made.file

    def touch(self, nbytes: int) -> None:
        """Count bytes that are about to be looked at; those of before are released if they have become too many."""
        with self._lock:
            self._touched += nbytes
            if self._touched <= self.most_resident:
                return
            self._touched = nbytes
            maps = list(self._maps.values())
        for found in maps:
            found.file.release()

    def _clear(self) -> None:
        """Give up files that are gone or changed, so that their room on disk is free."""
        with self._lock:
            maps = list(self._maps.items())
        stale = [faults for faults, found in maps if not found.snapshot.stands()]
        with self._lock:
            for faults in stale:
                self._maps.pop(faults, None)


def read_bytes(snapshot: Snapshot, offset: int, nbytes: int) -> bytes:
    """Bytes of the file of a snapshot, which stays open. Raises OSError if it ends before them."""
    file = MAPPINGS.of(snapshot)
    check_end(snapshot.path, len(file), offset + nbytes)
    return file.read(offset, nbytes)


def _opened(snapshot: Snapshot) -> File | Reopened:
    """The file, opened now, which is the one of the snapshot."""
    if not hasattr(_native, "File"):
        return Reopened(snapshot)
    with snapshot.fence.opened(snapshot.path) as file:
        snapshot.check(file.fileno())
        return _native.File(file.fileno(), os.fstat(file.fileno()).st_size, snapshot.faults)


MAPPINGS = Mappings()
"""The files of this process."""
