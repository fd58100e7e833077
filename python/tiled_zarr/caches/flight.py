"""Single flight: if several threads want a value, one makes it and the others wait.

The first thread that asks for a key makes the value and *lands* it. Threads that ask meanwhile
join, and get the same value or the same error. We do not use `concurrent.futures.Future`, which
costs ten times as much as a `Flight`, since hardly any flight is joined.

Two rules keep it right:

- A value goes into its cache before its flight leaves the table, and a maker looks into the cache
  again after its flight has entered the table. So no value that the cache keeps is made twice.
- A thread may be given up because its source hangs (`abandoned`). Threads that wait for it check
  every LOOK seconds whether it has been given up; if so, one of them makes the value.

```
        absent ----first asks----> making ----lands----> in the cache, if there is one
                                   |    ^
                  maker abandoned  |    |  a thread that waited makes it
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
"""Seconds between two checks whether the thread that makes a value has been given up."""


class Abandoned(Exception):
    """The thread that was making a value has been given up."""


class Flight(Generic[T]):
    """A value that the thread `maker` is making, for the threads that wait for it."""

    __slots__ = ("_error", "_pending", "_value", "maker")

    def __init__(self) -> None:
        self.maker = get_ident()
        self._pending = Lock()
        self._pending.acquire()
        self._value: T | None = None
        self._error: BaseException | None = None

    def land(self, value: T) -> None:
        """Give the value to all threads that wait."""
        self._value = value
        self._pending.release()

    def fail(self, error: BaseException) -> None:
        """Raise an error in all threads that wait."""
        self._error = error
        self._pending.release()

    def result(self, abandoned: Collection[int]) -> T:
        """The value. Blocks until the maker lands it or fails.

        Raises what the maker raised, and Abandoned if the maker has been given up.
        """
        while not self._pending.acquire(timeout=LOOK):
            if self.maker in abandoned:
                raise Abandoned
        self._pending.release()
        if self._error is not None:
            raise self._error
        return cast("T", self._value)


class Flights(Generic[K, T]):
    """The values that are being made, by key. Thread-safe.

    `abandoned` has the identifiers of threads that were given up. `on_join` is called each time a
    thread joins a flight.
    """

    def __init__(self, abandoned: Collection[int] = (), on_join: Callable[[], None] | None = None) -> None:
        self.abandoned = abandoned
        self._on_join = on_join
        self._running: dict[K, Flight[T]] = {}
        self._lock = Lock()

    def of(self, key: K, make: Callable[[], T]) -> T:
        """The value of `make()`, which the first thread that asks calls.

        Blocks while another thread makes it. Raises what `make` raises.
        """
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
        """Take the flight out of the table, so that nobody joins it any more.

        If this thread was given up, the table may have another flight in its place.
        """
        with self._lock:
            if self._running.get(key) is mine:
                del self._running[key]
