"""Bodies or blocks by key: bounded in bytes, worth what they cost to make, and one computation for all who ask at once.

What goes first is told by the GreedyDual-Size rule (Cao and Irani, "Cost-aware WWW proxy caching algorithms", 1997): a value is worth the
seconds that it took to make, a byte, on top of the worth of the last one that had to go. So a value that costs much outlives many cheap
ones, and one that nobody asks for any longer goes all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from threading import Lock, get_ident
from time import perf_counter
from typing import Generic, TypeVar, cast

T = TypeVar("T")

OVERHEAD = 300
"""Bytes that an entry costs besides its body."""
LOOK = 0.25
"""Seconds after which those who wait look whether the thread that makes their value has been given up."""

abandoned: set[int] = set()
"""Threads that were given up because they do not return, by their identifiers: nobody waits for what they are making."""


@dataclass(slots=True)
class Counters:
    """What the cache has seen since it was made."""

    hits: int = 0
    misses: int = 0
    joined: int = 0
    evictions: int = 0


@dataclass(slots=True)
class Entry(Generic[T]):
    """A value, its bytes, what each of them cost in seconds, and its rank among all: the lowest goes first."""

    value: T
    size: int
    worth: float
    rank: float


class Abandoned(Exception):
    """The thread that was making a value has been given up."""


class Flight(Generic[T]):
    """A value that is being made, for those who wait for it; a `Future` would cost ten times as much, and hardly ever does anybody wait."""

    __slots__ = ("_error", "_pending", "_value", "maker")

    def __init__(self) -> None:
        self.maker = get_ident()
        self._pending = Lock()
        self._pending.acquire()
        self._value: T | None = None
        self._error: BaseException | None = None

    def land(self, value: T) -> None:
        """Give the value to all who wait."""
        self._value = value
        self._pending.release()

    def fail(self, error: BaseException) -> None:
        """Raise an error where a value is waited for."""
        self._error = error
        self._pending.release()

    def result(self) -> T:
        """The value, as soon as it is there. Raises what making it raised, and Abandoned."""
        while not self._pending.acquire(timeout=LOOK):
            if self.maker in abandoned:
                raise Abandoned
        self._pending.release()
        if self._error is not None:
            raise self._error
        return cast("T", self._value)


class Cache(Generic[T]):
    """Thread-safe. With `max_bytes` 0 nothing is kept, and still nothing is computed twice at once.

    `size` tells how many bytes a value takes; `clock` counts seconds.
    """

    def __init__(self, max_bytes: int, size: Callable[[T], int] = len, clock: Callable[[], float] = perf_counter) -> None:  # type: ignore[assignment] # bodies by default
        self.max_bytes = max_bytes
        self.nbytes = 0
        self.counters = Counters()
        self._size = size
        self._clock = clock
        self._entries: dict[str, Entry[T]] = {}
        self._ranks: list[tuple[float, int, str, Entry[T]]] = []
        self._count = 0
        self._level = 0.0
        self._running: dict[str, Flight[T]] = {}
        self._lock = Lock()

    def peek(self, key: str) -> T | None:
        """The value if it is there; nothing is computed."""
        with self._lock:
            return self._look_up(key)

    def get(self, key: str, make: Callable[[], T]) -> T:
        """The value, made by `make()` unless it is there or being made; then this waits for that. Raises what `make` raises."""
        with self._lock:
            value = self._look_up(key)
            if value is not None:
                return value
            running = self._running.get(key)
            if running is None or running.maker in abandoned:
                running, mine = None, Flight[T]()
                self._running[key] = mine
                self.counters.misses += 1
            else:
                self.counters.joined += 1
        if running is None:
            return self._make(key, make, mine)
        try:
            return running.result()
        except Abandoned:
            return self.get(key, make)

    def put(self, key: str, value: T, seconds: float) -> None:
        """Keep a value that was made elsewhere in so many seconds."""
        with self._lock:
            self.counters.misses += 1
            self._keep(key, value, seconds)

    def drop(self, key: str, value: T) -> None:
        """Forget a value that is out of date, unless another has taken its place."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.value is value:
                self._remove(key)

    def _look_up(self, key: str) -> T | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        entry.rank = self._level + entry.worth
        self.counters.hits += 1
        return entry.value

    def _make(self, key: str, make: Callable[[], T], mine: Flight[T]) -> T:
        start = self._clock()
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                self._leave(key, mine)
            mine.fail(error)
            raise
        with self._lock:
            self._leave(key, mine)
            self._keep(key, value, self._clock() - start)
        mine.land(value)
        return value

    def _leave(self, key: str, mine: Flight[T]) -> None:
        """Nobody is to join any longer; where the thread was given up, another may be making the value."""
        if self._running.get(key) is mine:
            del self._running[key]

    def _keep(self, key: str, value: T, seconds: float) -> None:
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

    def _file(self, key: str, entry: Entry[T]) -> None:
        """Write an entry's rank down; it rises unnoticed, and is looked at again when its turn comes."""
        self._count += 1
        heappush(self._ranks, (entry.rank, self._count, key, entry))

    def _evict(self) -> None:
        """Let the entry of the lowest rank go, if the lowest on paper still has it."""
        rank, _, key, entry = heappop(self._ranks)
        if self._entries.get(key) is not entry:
            return
        if entry.rank > rank:
            self._file(key, entry)
            return
        self._level = rank
        self._remove(key)
        self.counters.evictions += 1

    def _remove(self, key: str) -> None:
        self.nbytes -= self._entries.pop(key).size
