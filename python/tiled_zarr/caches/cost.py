"""Values by key, bounded in bytes: those that cost most to make, for each byte, stay longest.

The rule is GreedyDual-Size (Cao and Irani, "Cost-aware WWW proxy caching algorithms", 1997).
A chunk out of a compressed file costs 10 ms, one out of memory 0.3, and both are 100 kB long:
the order of last use alone would let the dear one go for thirty cheap ones.

A value's *worth* is the seconds that it took to make, divided by its bytes. Its *rank* is its
worth on top of the *level*, which is the rank of the last value that had to go. The lowest rank
goes first. When a value is asked for again its rank is set anew, on the level of now. So the
level rises as values go, everything that nobody asks for is overtaken in the end, whatever it
cost, and nothing has to be aged by hand.

The ranks are a heap that is put right late: a rank rises in its entry alone, and the heap learns
of it when the entry comes to its top. So a hit costs a look-up and an addition under the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from threading import Lock
from time import perf_counter
from typing import Generic, TypeVar

from .flight import Flights

T = TypeVar("T")

OVERHEAD = 300
"""Bytes that an entry costs besides its body."""


@dataclass(slots=True)
class Counters:
    """What the cache has seen since it was made."""

    hits: int = 0
    misses: int = 0
    joined: int = 0
    evictions: int = 0


@dataclass(slots=True)
class Entry(Generic[T]):
    """A value, its bytes, its worth and its rank among all: the lowest goes first."""

    value: T
    size: int
    worth: float
    rank: float


class Cache(Generic[T]):
    """Thread-safe. With `max_bytes` 0 nothing is kept, and still nothing is computed twice at once.

    `size` tells how many bytes a value takes; `clock` counts seconds; `abandoned` as in Flights.
    """

    def __init__(
        self,
        max_bytes: int,
        size: Callable[[T], int] = len,  # type: ignore[assignment] # bodies by default
        clock: Callable[[], float] = perf_counter,
        abandoned: Collection[int] = (),
    ) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self.counters = Counters()
        self._size = size
        self._clock = clock
        self._entries: dict[Hashable, Entry[T]] = {}
        self._ranks: list[tuple[float, int, Hashable, Entry[T]]] = []
        self._count = 0
        self._level = 0.0
        self._flights: Flights[Hashable, T] = Flights(abandoned, self._join)
        self._lock = Lock()

    def peek(self, key: Hashable) -> T | None:
        """The value if it is there; nothing is computed."""
        with self._lock:
            return self._look_up(key)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value, made by `make()` unless it is there or being made. Raises what that raises."""
        with self._lock:
            value = self._look_up(key)
        return self._flights.of(key, partial(self._made, key, make)) if value is None else value

    def put(self, key: Hashable, value: T, seconds: float) -> None:
        """Keep a value that was made elsewhere in so many seconds."""
        with self._lock:
            self.counters.misses += 1
            self._keep(key, value, seconds)

    def drop(self, key: Hashable, value: T) -> None:
        """Forget a value that is out of date, unless another has taken its place."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.value is value:
                self._remove(key)

    def _look_up(self, key: Hashable) -> T | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        entry.rank = self._level + entry.worth
        self.counters.hits += 1
        return entry.value

    def _join(self) -> None:
        self.counters.joined += 1

    def _made(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value, made now, unless another flight has landed it just before this one began."""
        with self._lock:
            value = self._look_up(key)
            if value is not None:
                return value
            self.counters.misses += 1
        start = self._clock()
        value = make()
        with self._lock:
            self._keep(key, value, self._clock() - start)
        return value

    def _keep(self, key: Hashable, value: T, seconds: float) -> None:
        size = self._size(value) + OVERHEAD
        if size > self.max_bytes:
            return
        if key in self._entries:
            self._remove(key)
        worth = seconds / size
        self._entries[key] = entry = Entry(value, size, worth, self._level + worth)
        self.nbytes += size
        self._file(key, entry)
        while self.nbytes > self.max_bytes:
            self._evict()

    def _file(self, key: Hashable, entry: Entry[T]) -> None:
        """Push an entry's rank on the heap; it may rise unnoticed until its turn comes."""
        self._count += 1
        heappush(self._ranks, (entry.rank, self._count, key, entry))

    def _evict(self) -> None:
        """Let the entry of the lowest rank go, if it still has the rank that the heap says."""
        rank, _, key, entry = heappop(self._ranks)
        if self._entries.get(key) is not entry:
            return
        if entry.rank > rank:
            self._file(key, entry)
            return
        self._level = rank
        self._remove(key)
        self.counters.evictions += 1

    def _remove(self, key: Hashable) -> None:
        self.nbytes -= self._entries.pop(key).size
