"""Objects with memory pages that the operating system can take back: mapped files.

The system counts a page as this process's memory once the process has touched it, and takes it back
late. So we count the bytes that are about to be touched, and release all pages when there are more
than `most`. A page that is touched again costs a page fault, a fiftieth of the time that using it
takes. The number of objects is bounded too, since each takes an entry in tables of the system.
"""

from __future__ import annotations

from collections.abc import Hashable
from threading import Lock
from typing import Generic, Protocol, TypeVar

from .recent import Recent


class Releases(Protocol):
    """An object that can release its pages."""

    def release(self) -> None:
        """Release all pages to the system, which reads them again when they are touched."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Releases)


class Resident(Generic[K, V]):
    """The `count` objects used last, with about `most` bytes of pages in memory. Thread-safe."""

    def __init__(self, most: int, count: int) -> None:
        self.most = most
        self.total = 0
        """Bytes touched since the last release of pages."""
        self.kept: Recent[K, V] = Recent(count)
        self._lock = Lock()

    def touch(self, nbytes: int) -> None:
        """Count bytes that are about to be touched.

        If the sum is then more than `most`, release the pages of all objects.
        """
        with self._lock:
            self.total += nbytes
            if self.total <= self.most:
                return
            self.total = nbytes
        for one in self.kept.values():
            one.release()
