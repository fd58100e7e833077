"""A few threads that work for an event loop, with a third of the hand-over time of `run_in_executor`.

There is one future a job instead of two, without locks of its own, and the loop is woken once for all results that are ready.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any, TypeAlias, TypeVar

from .jobs import Jobs

T = TypeVar("T")

STALL = 0.005
"""Seconds after which a thread that has done nothing is taken to wait for something."""

Job: TypeAlias = "tuple[Delivery, asyncio.Future[Any], Callable[[], Any]]"


class Threads:
    """At most `count` threads, started when there is work for them; they end with this object.

    No more than `usual` of them are at work at once, unless a job waits while theirs take longer than STALL.
    """

    def __init__(self, count: int, name: str, usual: int | None = None) -> None:
        self.count = count
        self.name = name
        self.usual = min(count, usual or count)
        self.pending = 0
        self._started = 0
        self._jobs: Jobs[Job] = Jobs(self.usual)
        self._delivery: Delivery | None = None
        self._relief: asyncio.TimerHandle | None = None
        self._end = weakref.finalize(self, self._jobs.end)

    def submit(self, make: Callable[[], T]) -> asyncio.Future[T]:
        """A future of `make()` in the running loop. Cancelling it takes the work out of the queue; what has begun goes on unheard."""
        loop = asyncio.get_running_loop()
        if self._delivery is None or self._delivery.loop is not loop:
            self._delivery, self._relief = Delivery(loop), None
        future: asyncio.Future[T] = loop.create_future()
        self.pending += 1
        future.add_done_callback(self._count_down)
        if self._jobs.put((self._delivery, future, make)) and self._relief is None and self.usual < self.count:
            self._relieve_later(loop)
        self._start()
        return future

    def shut_down(self) -> None:
        """End the threads after the work that is queued."""
        self._end()

    def _start(self) -> None:
        """Start the threads that are called and do not exist yet."""
        while self._started < self._jobs.busy:
            self._started += 1
            Thread(target=work, args=(self._jobs,), name=f"{self.name}-{self._started}", daemon=True).start()

    def _relieve_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._relief = loop.call_later(STALL, self._relieve, loop, self._jobs.taken)

    def _relieve(self, loop: asyncio.AbstractEventLoop, taken: int) -> None:
        """Allow a thread more if those at work have not taken a job each meanwhile; the usual number where nothing waits any more."""
        jobs = self._jobs
        if not jobs.waiting:
            jobs.allow(self.usual)
            self._relief = None
            return
        if jobs.taken - taken < jobs.busy:
            jobs.allow(min(jobs.allowed + 1, self.count))
            self._start()
        self._relieve_later(loop)

    def _count_down(self, _: asyncio.Future[Any]) -> None:
        self.pending -= 1


class Delivery:
    """Results on their way into one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ready: deque[tuple[asyncio.Future[Any], Any, Exception | None]] = deque()
        self._is_woken = False

    def put(self, future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        """Hand over a result, from any thread; a loop that is closed has nobody who waits for it."""
        self._ready.append((future, result, error))
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_woken = False
        while self._ready:
            future, result, error = self._ready.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


def work(jobs: Jobs[Job]) -> None:
    """Do jobs whenever there are some, until the end."""
    while jobs.is_called():
        job = jobs.take()
        while job is not None:
            delivery, future, make = job
            result, error = (None, None) if future.cancelled() else outcome(make)
            job = jobs.take()  # before anybody hears of the result, and asks for more
            delivery.put(future, result, error)
            del delivery, future, make, result, error


def outcome(make: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """What `make()` returns or raises; what no future can raise becomes a RuntimeError."""
    try:
        return make(), None
    except StopIteration as error:
        return None, wrapped(error)
    except Exception as error:  # noqa: BLE001 - raised again where it is awaited
        return None, error
    except BaseException as error:  # noqa: BLE001 - a thread that ends would take a place in the queue with it
        return None, wrapped(error)


def wrapped(cause: BaseException) -> RuntimeError:
    """An error that a future can raise."""
    error = RuntimeError(f"{type(cause).__name__}: {cause}")
    error.__cause__ = cause
    return error
