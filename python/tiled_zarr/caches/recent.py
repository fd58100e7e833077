"""An LRU cache, bounded by the number of its values or by their bytes.

This rule fits values that all take about the same time per byte to make: nodes of files, decoded
chunks of one kind, indexes. It needs no clock, and it returns the values that it evicts, so that
the owner can close or unlink them.

The lock is reentrant: a key may be a weak reference whose callback drops the entry, and the garbage
collector may run that callback in a thread that holds the lock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator
from functools import partial
from threading import RLock
from typing import Any, Generic, NamedTuple, TypeVar

from .flight import Flights

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Entry(NamedTuple, Generic[V]):
    """A value and its size."""

    value: V
    size: int


def one(_: object) -> int:
    """The size of each value, if their number is what is bounded."""
    return 1


class Recent(Generic[K, V]):
    """At most `most` values, or `most` bytes of them if `size` returns their bytes. Thread-safe.

    A value larger than `most` is returned to its maker but not kept; if `keeps_large`, it is kept
    alone until the next value comes. `abandoned` is that of Flights.
    """

    def __init__(self, most: int, size: Callable[[V], int] = one, *, keeps_large: bool = False, abandoned: Collection[int] = ()) -> None:
        self.most = most
        self.total = 0
        """The sum of the sizes of all values that are kept."""
        self._size = size
        self._keeps_large = keeps_large
        self._entries: OrderedDict[K, Entry[V]] = OrderedDict()
        self.flights: Flights[Any, V] = Flights(abandoned)
        """The values being made, for callers that make one under another key than it is kept."""
        self._lock = RLock()

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[K]:
        with self._lock:
            return iter(list(self._entries))

    def values(self) -> list[V]:
        """All values, from the one used longest ago to the one used last."""
        with self._lock:
            return [entry.value for entry in self._entries.values()]

    def items(self) -> list[tuple[K, V]]:
        """All keys and values, in the same order."""
        with self._lock:
            return [(key, entry.value) for key, entry in self._entries.items()]

    def peek(self, key: K) -> V | None:
        """The value if the cache has it, else None; the value then counts as the one used last."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry.value

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value, made by `make()` if the cache does not have it.

        Blocks while another thread makes it. Raises what `make` raises.
        """
        value = self.peek(key)
        return self.flights.of(key, partial(self._made, key, make)) if value is None else value

    def keep(self, key: K, value: V) -> list[tuple[K, V]]:
        """Keep a value; return the keys and values that it replaced or evicted."""
        size = self._size(value)
        with self._lock:
            gone = self._popped(key) if key in self._entries else []
            if size > self.most and not self._keeps_large:
                return gone
            if self.total + size > self.most:
                gone += self.make_room(size)
            self._entries[key] = Entry(value, size)
            self.total += size
        return gone

    def make_room(self, size: int) -> list[tuple[K, V]]:
        """Evict what a value of this size displaces, before it is made; return keys and values."""
        gone: list[tuple[K, V]] = []
        with self._lock:
            while self._entries and self.total + size > self.most:
                gone += self._popped(next(iter(self._entries)))
        return gone

    def drop(self, key: K) -> None:
        """Remove the value of a key, if there is one."""
        with self._lock:
            self._popped(key)

    def _popped(self, key: K) -> list[tuple[K, V]]:
        entry = self._entries.pop(key, None)
        if entry is None:
            return []
        self.total -= entry.size
        return [(key, entry.value)]

    def _made(self, key: K, make: Callable[[], V]) -> V:
        """The value, made now, unless another thread put it into the cache just before."""
        value = self.peek(key)
        if value is None:
            value = make()
            self.keep(key, value)
        return value
