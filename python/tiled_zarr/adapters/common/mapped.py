"""Files in memory: a bounded number of them, and a bounded part of each of them counted as this process's memory."""

from __future__ import annotations

import os
from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

from ..._native import Faults, Mapping
from .snapshot import Snapshot, check_end, read_exactly

MOST_MAPS = 64
MOST_RESIDENT = 64 * 1024 * 1024
"""About so many bytes of mapped files stay resident; more are released, which costs a fiftieth of having looked at them."""


class Map(NamedTuple):
    """A mapping, or None where the file cannot be mapped, and the faults of the file before it was made."""

    mapping: Mapping | None
    faults: int
    snapshot: Snapshot


class Mappings:
    """The mappings used last, each of one snapshot; views keep theirs also after it has been given up here."""

    def __init__(self, most: int = MOST_MAPS, most_resident: int = MOST_RESIDENT) -> None:
        self.most = most
        self.most_resident = most_resident
        self._touched = 0
        self._maps: OrderedDict[Faults, Map] = OrderedDict()
        self._lock = Lock()

    def of(self, snapshot: Snapshot) -> Mapping | None:
        """The file of a snapshot; None where it cannot be mapped. Raises Changed where it is another one by now."""
        with self._lock:
            found = self._maps.get(snapshot.faults)
            if found is not None and found.faults == snapshot.faults.count:
                self._maps.move_to_end(snapshot.faults)
                return found.mapping
        made = Map(_mapping(snapshot), snapshot.faults.count, snapshot)
        self._clear()
        with self._lock:
            self._maps[snapshot.faults] = made
            self._maps.move_to_end(snapshot.faults)
            if len(self._maps) > self.most:
                self._maps.popitem(last=False)
        return made.mapping

    def touch(self, nbytes: int) -> None:
        """Count bytes that are about to be looked at; those of before are released where they have become too many."""
        with self._lock:
            self._touched += nbytes
            if self._touched <= self.most_resident:
                return
            self._touched = nbytes
            maps = list(self._maps.values())
        for found in maps:
            if found.mapping is not None:
                found.mapping.release()

    def _clear(self) -> None:
        """Give up files that are gone or changed, so that their room on disk is free."""
        with self._lock:
            maps = list(self._maps.items())
        stale = [faults for faults, found in maps if not found.snapshot.stands()]
        with self._lock:
            for faults in stale:
                self._maps.pop(faults, None)


def read_bytes(snapshot: Snapshot, offset: int, nbytes: int) -> bytes:
    """Bytes of the file of a snapshot, without opening it anew where it is mapped. Raises OSError where it ends before them."""
    mapping = MAPPINGS.of(snapshot)
    if mapping is None:
        with snapshot.fence.opened(snapshot.path) as file:
            return read_exactly(file, offset, nbytes)
    check_end(snapshot.path, len(mapping), offset + nbytes)
    return mapping.read(offset, nbytes)


def _mapping(snapshot: Snapshot) -> Mapping | None:
    """A new mapping of the file, which is the one of the snapshot."""
    with snapshot.fence.opened(snapshot.path) as file:
        snapshot.check(file.fileno())
        try:
            return Mapping(file.fileno(), os.fstat(file.fileno()).st_size, snapshot.faults)
        except OSError:  # a file system without mappings, or too many of them; the file is read instead
            return None


MAPPINGS = Mappings()
"""The mappings of this process."""
