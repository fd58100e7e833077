"""Remembers the arrays that this process has described to clients, by their paths on the wire.

A client that has opened an array keeps requesting its chunks after the array is gone, and reads 404
as fill values. So the key space remembers which chunk keys exist according to the metadata that it
has sent. If such a key now names nothing, the server answers 410, which every reader raises.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Lock
from types import ModuleType
from typing import TypeAlias

Counts: TypeAlias = tuple[int, ...]
"""The number of chunks of an array along each axis."""

MOST_KEPT = 32_768
"""Paths that are remembered, at most: about 8 MB.

Three times as many as one root document describes (10,000 arrays are the most that is
consolidated)."""
MOST_GRIDS = 4
"""Numbers of axes that are remembered for a path whose array was replaced, at most."""
MOST_PARTS = 66
"""Parts of a chunk key, at most: numpy has up to 64 axes. Limits the search in a long path."""


class Served:
    """The arrays described last, each with its largest number of chunks so far along each axis.

    A record of promises and no cache: nothing here could be made again. It is noted for each array
    of a document, so it is a plain dict: `caches/recent` made a document of 100,000 nodes 4 %
    slower. Thread-safe.
    """

    def __init__(self, parse_index: Callable[[str, int], Counts | None], most: int = MOST_KEPT) -> None:
        """`parse_index(rest, ndim)` returns the chunk index that a key's rest spells, or None."""
        self._parse_index = parse_index
        self._most = most
        self._grids: OrderedDict[str, dict[int, Counts]] = OrderedDict()
        self._lock = Lock()

    def note(self, path: str, counts: Counts) -> None:
        """Remember that the array at a path was described with `counts` chunks along its axes."""
        with self._lock:
            grids = self._grids.setdefault(path, {})
            self._grids.move_to_end(path)
            former = grids.get(len(counts), counts)
            grids[len(counts)] = tuple(map(max, former, counts))
            if len(grids) > MOST_GRIDS:
                del grids[next(iter(grids))]
            if len(self._grids) > self._most:
                self._grids.popitem(last=False)

    def promised(self, key: str) -> bool:
        """True if a key names a chunk of an array that was described at a path above the key."""
        return bool(self._grids) and any(self._has(path, rest) for path, rest in _splits(key))

    def _has(self, path: str, rest: str) -> bool:
        grids = self._grids.get(path)
        return grids is not None and any(self._is_inside(rest, counts) for counts in list(grids.values()))

    def _is_inside(self, rest: str, counts: Counts) -> bool:
        index = self._parse_index(rest, len(counts))
        return index is not None and all(i < count for i, count in zip(index, counts, strict=True))


def is_shaped(rest: str, format: ModuleType, separator: str) -> bool:  # noqa: A002 - the spec's word
    """True if a key below a group is spelled like a chunk of an array below the group.

    >>> from . import v2, v3
    >>> [is_shaped(rest, v3, "/") for rest in ("a/c/0/1", "g/a/c", "a/c/00", "a/zarr.json", "c/0")]
    [True, True, False, False, False]
    >>> [is_shaped(rest, v2, ".") for rest in ("a/0.1", "a/0", "a/.zarray", "0.1")]
    [True, True, False, False]
    """
    folder = 1 if format.CHUNKS else 0  # a key begins with it, and one number more than there are separators follows
    return any(format.parse_index(tail, tail.count(separator) + 1 - folder, separator) is not None for _, tail in _splits(rest))


def _splits(key: str) -> Iterator[tuple[str, str]]:
    """Split a key at each of its last MOST_PARTS slashes: the path of an array, and the rest.

    >>> list(_splits("g/a/c/0"))
    [('g/a/c', '0'), ('g/a', 'c/0'), ('g', 'a/c/0')]
    """
    at = len(key)
    for _ in range(MOST_PARTS):
        at = key.rfind("/", 0, at)
        if at < 0:
            return
        yield key[:at], key[at + 1 :]
