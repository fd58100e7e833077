"""Bodies or blocks by key: bounded in bytes, least recently used go first, and one computation for all who ask at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

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


class Cache(Generic[T]):
    """Thread-safe. With `max_bytes` 0 nothing is kept, and still nothing is computed twice at once.

    `size` tells how many bytes a value takes.
    """

    def __init__(self, max_bytes: int, size: Callable[[T], int] = len) -> None:  # type: ignore[assignment] # bodies by default
        self._size = size
        self.max_bytes = max_bytes
        self.nbytes = 0
        self.counters = Counters()
        self._bodies: OrderedDict[str, T] = OrderedDict()
        self._running: dict[str, Future[T]] = {}
        self._lock = Lock()

    def peek(self, key: str) -> T | None:
        """The body if it is there; nothing is computed."""
        with self._lock:
            return self._look_up(key)

    def get(self, key: str, make: Callable[[], T]) -> T:
        """The body, made by `make()` unless it is there or being made; then this waits for that. Raises what `make` raises."""
        with self._lock:
            body = self._look_up(key)
            if body is not None:
                return body
            running = self._running.get(key)
            if running is None:
                mine = self._running[key] = Future()
                self.counters.misses += 1
            else:
                self.counters.joined += 1
        return self._make(key, make, mine) if running is None else running.result()

    def _look_up(self, key: str) -> T | None:
        body = self._bodies.get(key)
        if body is not None:
            self._bodies.move_to_end(key)
            self.counters.hits += 1
        return body

    def _make(self, key: str, make: Callable[[], T], mine: Future[T]) -> T:
        try:
            body = make()
        except BaseException as error:
            self._forget(key)
            mine.set_exception(error)
            raise
        self._keep(key, body)
        mine.set_result(body)
        return body

    def _forget(self, key: str) -> None:
        with self._lock:
            del self._running[key]

    def _keep(self, key: str, body: T) -> None:
        with self._lock:
            del self._running[key]
            size = self._size(body) + OVERHEAD
            if size > self.max_bytes:
                return
            self._bodies[key] = body
            self.nbytes += size
            while self.nbytes > self.max_bytes:
                _, oldest = self._bodies.popitem(last=False)
                self.nbytes -= self._size(oldest) + OVERHEAD
                self.counters.evictions += 1
