"""Single flight: while a value is being made, all others who ask for it wait for that making.

The first who asks for a key makes the value and *lands* it; whoever comes meanwhile joins, and
gets the same value or the same error. A `Future` would cost ten times as much as a `Flight`,
and hardly ever does anybody wait.

Two rules keep it right. A value goes into its cache before its flight leaves the table, and a
maker looks into the cache once more after it has entered the table: so nothing is made twice
that is kept. And a thread that was given up because its source hangs (`abandoned`) takes nobody
along: those who wait look every LOOK seconds whether their maker still counts, and else make
the value themselves.

```
        absent ----first asks----> making ----lands----> in the cache, if there is one
                                   |    ^
                  maker abandoned  |    |  another who waited makes it
                                   +----+
```
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from threading import Lock, get_ident
from typing import Generic, TypeVar, cast

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

LOOK = 0.25
"""Seconds between two looks whether the thread that makes a value has been given up."""


class Abandoned(Exception):
    """The thread that was making a value has been given up."""


class Flight(Generic[T]):
    """A value that is being made by the thread `maker`, for those who wait for it."""

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
        """Raise an error in all who wait."""
        self._error = error
        self._pending.release()

    def result(self, abandoned: Collection[int]) -> T:
        """The value, as soon as it is there. Raises what making it raised, and Abandoned."""
        while not self._pending.acquire(timeout=LOOK):
            if self.maker in abandoned:
                raise Abandoned
        self._pending.release()
        if self._error is not None:
            raise self._error
        return cast("T", self._value)


class Flights(Generic[K, T]):
    """What is being made, by key. Thread-safe.

    `abandoned` are the identifiers of threads that were given up; `on_join` is called when
    somebody joins a flight.
    """

    def __init__(self, abandoned: Collection[int] = (), on_join: Callable[[], None] | None = None) -> None:
        self.abandoned = abandoned
        self._on_join = on_join
        self._running: dict[K, Flight[T]] = {}
        self._lock = Lock()

    def of(self, key: K, make: Callable[[], T]) -> T:
        """The value of `make()`, which the first who asks calls. Blocks; raises what it raises."""
        while True:
            with self._lock:
                running = self._running.get(key)
                if running is None or running.maker in self.abandoned:
                    running, mine = None, Flight[T]()
                    self._running[key] = mine
                elif self._on_join is not None:
                    self._on_join()
            if running is None:
                return self._made(key, make, mine)
            try:
                return running.result(self.abandoned)
            except Abandoned:
                continue

    def _made(self, key: K, make: Callable[[], T], mine: Flight[T]) -> T:
        try:
            value = make()
        except BaseException as error:
            self._leave(key, mine)
            mine.fail(error)
            raise
        self._leave(key, mine)
        mine.land(value)
        return value

    def _leave(self, key: K, mine: Flight[T]) -> None:
        """Let nobody join any longer; if this thread was given up, another may be the maker now."""
        with self._lock:
            if self._running.get(key) is mine:
                del self._running[key]
