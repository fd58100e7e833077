"""Objects whose pages the system lends: mapped files.

Their memory is counted as this process's once it has been looked at, and the system takes it
back late. So we count what is about to be looked at, and release all pages when that is more
than `most` bytes: a page that is needed again costs a fault, a fiftieth of having looked at it.
The number of objects is bounded too: each takes an entry in tables of the system.
"""

from __future__ import annotations

from collections.abc import Hashable
from threading import Lock
from typing import Generic, Protocol, TypeVar

from .recent import Recent


class Releases(Protocol):
    """What can give its pages back."""

    def release(self) -> None:
        """Give all pages back to the system; they are read again when they are looked at."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Releases)


class Resident(Generic[K, V]):
    """The `count` objects used last, of which about `most` bytes stay resident. Thread-safe."""

    def __init__(self, most: int, count: int) -> None:
        self.most = most
        self.total = 0
        """Bytes that were looked at since pages were released last."""
        self.kept: Recent[K, V] = Recent(count)
        self._lock = Lock()

    def touch(self, nbytes: int) -> None:
        """Count bytes that are about to be looked at; if they are too many, earlier pages go."""
        with self._lock:
            self.total += nbytes
            if self.total <= self.most:
                return
            self.total = nbytes
        for one in self.kept.values():
            one.release()
