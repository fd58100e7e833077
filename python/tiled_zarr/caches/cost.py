"""A cache bounded in bytes that prefers values which took long to make for their size.

The rule is GreedyDual-Size (Cao and Irani, "Cost-aware WWW proxy caching algorithms", 1997). A
chunk from a compressed file takes 10 ms to make, a chunk from memory 0.3 ms, and both have 100 kB.
An LRU cache would evict the slow one to keep a quick one that was used later, although the slow one
takes thirty times as long to make again.

A value's *worth* is the seconds that it took to make, divided by its bytes. Its *rank* is its worth
plus the *level*, and the level is the rank of the last value that we evicted. We evict the value
with the lowest rank. At each hit, the value gets a new rank from the level of now. So the level
rises with each eviction, and a value that nobody asks for is overtaken in the end, however long it
took to make. No value has to be aged.

The ranks are in a heap that we update late: a hit raises the rank in the entry only, and when the
entry comes to the top of the heap, we push it again with its new rank. So a hit costs a dictionary
look-up and an addition under the lock. The invariant: an entry's rank in the heap is at most its
true rank, so the top of the heap with an unchanged rank is the lowest of all.

A value that is dropped or replaced leaves its rank in the heap, where eviction would find it late
or never. So the heap has only ranks and keys, no values, and is made anew when more than half of it
is left over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from functools import partial
from heapq import heapify, heappop, heappush
from threading import Lock
from time import perf_counter
from typing import Generic, TypeVar

from .flight import Flights

T = TypeVar("T")

OVERHEAD = 300
"""Bytes that we count for an entry besides its value."""
LEFT_OVER = 64
"""Ranks that the heap may have beyond two per entry: a small heap is not worth making anew."""


@dataclass(slots=True)
class Counters:
    """What has happened in the cache since it was made."""

    hits: int = 0
    misses: int = 0
    joined: int = 0
    evictions: int = 0


@dataclass(slots=True)
class Entry(Generic[T]):
    """A value, its bytes, its worth and its rank; the entry with the lowest rank goes first.

    `number` is that of the entry's rank in the heap.
    """

    value: T
    size: int
    worth: float
    rank: float
    number: int = 0


class Cache(Generic[T]):
    """Thread-safe. With `max_bytes` 0 it keeps nothing, but still makes no value twice at once.

    `size` returns the bytes of a value and `clock` the time in seconds; `abandoned` is that of
    Flights.
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
        self._ranks: list[tuple[float, int, Hashable]] = []
        self._count = 0
        self._level = 0.0
        self._flights: Flights[Hashable, T] = Flights(abandoned, self._join)
        self._lock = Lock()

    def peek(self, key: Hashable) -> T | None:
        """The value if the cache has it, else None. Makes nothing."""
        with self._lock:
            return self._look_up(key)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value, made by `make()` if the cache does not have it.

        Blocks while another thread makes it. Raises what `make` raises.
        """
        with self._lock:
            value = self._look_up(key)
        return self._flights.of(key, partial(self._made, key, make)) if value is None else value

    def put(self, key: Hashable, value: T, seconds: float) -> None:
        """Keep a value that took `seconds` to make elsewhere."""
        with self._lock:
            self.counters.misses += 1
            self._keep(key, value, seconds)

    def drop(self, key: Hashable, value: T) -> None:
        """Remove this value, unless another has replaced it."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.value is value:
                self._remove(key)

    def clear(self) -> None:
        """Remove all values."""
        with self._lock:
            self._entries.clear()
            self._ranks.clear()
            self.nbytes = 0

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
        """The value, made now, unless another thread put it into the cache just before."""
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
        """Push an entry's rank on the heap, which is made anew if too much of it is left over."""
        self._count += 1
        entry.number = self._count
        heappush(self._ranks, (entry.rank, entry.number, key))
        if len(self._ranks) > 2 * len(self._entries) + LEFT_OVER:
            self._ranks = [(kept.rank, kept.number, name) for name, kept in self._entries.items()]
            heapify(self._ranks)

    def _evict(self) -> None:
        """Evict the entry at the top of the heap, or push it again if its rank has risen."""
        rank, number, key = heappop(self._ranks)
        entry = self._entries.get(key)
        if entry is None or entry.number != number:
            return
        if entry.rank > rank:
            self._file(key, entry)
            return
        self._level = rank
        self._remove(key)
        self.counters.evictions += 1

    def _remove(self, key: Hashable) -> None:
        self.nbytes -= self._entries.pop(key).size
