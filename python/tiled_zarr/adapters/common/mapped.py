"""Mapped files: a bounded number of them, and a bounded number of their bytes resident."""

from __future__ import annotations

import os
from typing import NamedTuple

from ..._native import Mapping
from .snapshot import Snapshot, check_end, read_exactly


class Map(NamedTuple):
    """A mapping, or None if the file cannot be mapped, and the faults of the file before that."""

    mapping: Mapping | None
    faults: int
    snapshot: Snapshot

    def release(self) -> None:
        """Give all pages back to the system."""
        if self.mapping is not None:
            self.mapping.release()


def mapping_of(snapshot: Snapshot) -> Mapping | None:
    """The file of a snapshot; None if it cannot be mapped. Raises Changed if it has changed.

    The mappings used last are kept; views keep theirs also after it has been given up here.
    """
    kept = snapshot.resources.mapped.kept
    found: Map | None = kept.peek(snapshot.faults)
    if found is not None and found.faults == snapshot.faults.count:
        return found.mapping
    made = Map(_mapping(snapshot), snapshot.faults.count, snapshot)
    for faults, other in kept.items():  # files that are gone or changed give up their room on disk
        if not other.snapshot.stands():
            kept.drop(faults)
    kept.keep(snapshot.faults, made)
    return made.mapping


def touch(snapshot: Snapshot, nbytes: int) -> None:
    """Count bytes of a mapped file that are about to be looked at."""
    snapshot.resources.mapped.touch(nbytes)


def read_bytes(snapshot: Snapshot, offset: int, nbytes: int) -> bytes:
    """Bytes of a file, which is not opened again if it is mapped. Raises OSError if it ends earlier."""
    mapping = mapping_of(snapshot)
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
