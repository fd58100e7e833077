"""A few threads that work for an event loop, with a third of the hand-over time of `run_in_executor`.

There is one future a job instead of two, without locks of its own, and the loop is woken once for all results that are ready.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

Job: TypeAlias = "tuple[Delivery, asyncio.Future[Any], Callable[[], Any]]"


class Jobs:
    """Jobs that wait, the newest first, since that is what its viewer looks at now; a None after all others ends the threads."""

    def __init__(self) -> None:
        self._waiting: deque[Job | None] = deque()
        self._count: SimpleQueue[None] = SimpleQueue()

    def put(self, job: Job) -> None:
        """Add a job."""
        self._waiting.append(job)
        self._count.put(None)

    def end(self) -> None:
        """Add a None."""
        self._waiting.appendleft(None)
        self._count.put(None)

    def get(self) -> Job | None:
        """Take the newest job as soon as there is one."""
        self._count.get()
        return self._waiting.pop()


class Threads:
    """At most `count` threads, started when there is work for them; they end with this object."""

    def __init__(self, count: int, name: str) -> None:
        self.count = count
        self.name = name
        self.pending = 0
        self._started = 0
        self._jobs = Jobs()
        self._delivery: Delivery | None = None
        self._end = weakref.finalize(self, self._jobs.end)

    def submit(self, make: Callable[[], T]) -> asyncio.Future[T]:
        """A future of `make()` in the running loop. Cancelling it takes the work out of the queue; what has begun goes on unheard."""
        loop = asyncio.get_running_loop()
        if self._delivery is None or self._delivery.loop is not loop:
            self._delivery = Delivery(loop)
        future: asyncio.Future[T] = loop.create_future()
        self.pending += 1
        future.add_done_callback(self._count_down)
        if self._started < min(self.pending, self.count):
            self._started += 1
            Thread(target=work, args=(self._jobs,), name=f"{self.name}-{self._started}", daemon=True).start()
        self._jobs.put((self._delivery, future, make))
        return future

    def shut_down(self) -> None:
        """End the threads after the work that is queued."""
        self._end()

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


def work(jobs: Jobs) -> None:
    """Do one job after the other, until a None, which is passed on to the other threads."""
    while (job := jobs.get()) is not None:
        delivery, future, make = job
        if not future.cancelled():
            delivery.put(future, *outcome(make))
        del job, delivery, future, make
    jobs.end()


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
