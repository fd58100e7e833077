"""Values by key: those used last stay, within a number of them or of their bytes.

This is the right rule where values cost about the same to make, byte for byte: nodes of files,
decoded chunks of one kind, indexes. It needs no clock, and gives back what had to go, so that
the owner can close or unlink it.

The lock is reentrant: a key may be a weak reference whose callback drops the entry, and the
garbage collector may run that callback in a thread that is inside a method here.
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
    """A value and what it counts."""

    value: V
    size: int


def one(_: object) -> int:
    """The size of a value if their number is what is bounded."""
    return 1


class Recent(Generic[K, V]):
    """At most `most` values, or `most` bytes of them if `size` tells their bytes. Thread-safe.

    A value larger than `most` is used by who makes it and let go, or, if `keeps_large`, kept
    alone until the next one comes. `abandoned` as in Flights.
    """

    def __init__(self, most: int, size: Callable[[V], int] = one, *, keeps_large: bool = False, abandoned: Collection[int] = ()) -> None:
        self.most = most
        self.total = 0
        """Of the sizes of all that is kept."""
        self._size = size
        self._keeps_large = keeps_large
        self._entries: OrderedDict[K, Entry[V]] = OrderedDict()
        self.flights: Flights[Any, V] = Flights(abandoned)
        """What is being made. Whoever makes under another key than it keeps uses this directly."""
        self._lock = RLock()

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[K]:
        with self._lock:
            return iter(list(self._entries))

    def values(self) -> list[V]:
        """All values, the one used longest ago first."""
        with self._lock:
            return [entry.value for entry in self._entries.values()]

    def items(self) -> list[tuple[K, V]]:
        """All keys and values, in the same order."""
        with self._lock:
            return [(key, entry.value) for key, entry in self._entries.items()]

    def peek(self, key: K) -> V | None:
        """The value if it is there, which is now the one used last."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry.value

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value, made by `make()` unless it is there or being made. Raises what that raises."""
        value = self.peek(key)
        return self.flights.of(key, partial(self._made, key, make)) if value is None else value

    def keep(self, key: K, value: V) -> list[tuple[K, V]]:
        """Keep a value; what had to go for it, or what it replaces, with the keys."""
        size = self._size(value)
        with self._lock:
            gone = self._popped(key)
            if size > self.most and not self._keeps_large:
                return gone
            gone += self.make_room(size)
            self._entries[key] = Entry(value, size)
            self.total += size
        return gone

    def make_room(self, size: int) -> list[tuple[K, V]]:
        """Let go what has to go for a value of this size, before it is made; with the keys."""
        gone: list[tuple[K, V]] = []
        with self._lock:
            while self._entries and self.total + size > self.most:
                gone += self._popped(next(iter(self._entries)))
        return gone

    def drop(self, key: K) -> None:
        """Forget a value."""
        with self._lock:
            self._popped(key)

    def _popped(self, key: K) -> list[tuple[K, V]]:
        entry = self._entries.pop(key, None)
        if entry is None:
            return []
        self.total -= entry.size
        return [(key, entry.value)]

    def _made(self, key: K, make: Callable[[], V]) -> V:
        """The value, made now, unless another flight has landed it just before this one began."""
        value = self.peek(key)
        if value is None:
            value = make()
            self.keep(key, value)
        return value
