"""Arrays that this process has described to clients, by their paths on the wire.

A client that opened an array keeps asking for its chunks when the array has gone, and takes 404 for fill values. So the key space
remembers which chunk keys it has promised: those are answered 410 when they lead nowhere, which every reader raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from typing import TypeAlias

from ..caches.recent import Recent

Counts: TypeAlias = tuple[int, ...]
"""How many chunks an array has along each axis."""

MOST_KEPT = 32_768
"""Paths that are remembered, about 8 MB of them; a root document of 10,000 arrays, the most that is consolidated, fits three times."""
MOST_GRIDS = 4
"""Numbers of axes that a path has had."""
MOST_PARTS = 66
"""Parts of a chunk key: numpy has at most 64 axes. It bounds the search in a path of any length."""


class Served:
    """The arrays described last, with the largest number of chunks along each axis that they had. Thread-safe."""

    def __init__(self, parse_index: Callable[[str, int], Counts | None], most: int = MOST_KEPT) -> None:
        """`parse_index(rest, ndim)` returns the chunk index that the rest of a key spells, or None."""
        self._parse_index = parse_index
        self._grids: Recent[str, dict[int, Counts]] = Recent(most)
        self._lock = Lock()

    def note(self, path: str, counts: Counts) -> None:
        """Remember that an array of so many chunks was described at a path."""
        with self._lock:
            grids = self._grids.peek(path)
            if grids is None:
                grids = {}
                self._grids.keep(path, grids)
            former = grids.get(len(counts), counts)
            grids[len(counts)] = tuple(map(max, former, counts))
            if len(grids) > MOST_GRIDS:
                del grids[next(iter(grids))]

    def promised(self, key: str) -> bool:
        """Whether a key names a chunk of an array that was described, at any path above it."""
        return bool(self._grids) and any(self._has(path, rest) for path, rest in _splits(key))

    def _has(self, path: str, rest: str) -> bool:
        grids = self._grids.peek(path)
        return grids is not None and any(self._is_inside(rest, counts) for counts in list(grids.values()))

    def _is_inside(self, rest: str, counts: Counts) -> bool:
        index = self._parse_index(rest, len(counts))
        return index is not None and all(i < count for i, count in zip(index, counts, strict=True))


def _splits(key: str) -> Iterator[tuple[str, str]]:
    """A key in two at each of its last slashes: the path of an array, and the rest.

    >>> list(_splits("g/a/c/0"))
    [('g/a/c', '0'), ('g/a', 'c/0'), ('g', 'a/c/0')]
    """
    at = len(key)
    for _ in range(MOST_PARTS):
        at = key.rfind("/", 0, at)
        if at < 0:
            return
        yield key[:at], key[at + 1 :]
