"""Threads that work for an event loop, with deadlines for what takes too long.

`loop.run_in_executor` takes three times as long to hand over a result: it makes two futures per
job, each with a lock, and wakes the loop for each result. Here a job has one future, which only the
loop's thread touches, and the loop is woken once for all results that are ready (`Delivery`).

A thread that waits for a disk or a network share that does not answer cannot be stopped. So the
event loop checks the deadlines: while there is work, it looks at all jobs about once a second.

- A job that has waited longer than `Limits.queue` is refused (Busy, 503).
- A thread that has had one job for longer than `Limits.read` is given up. Its client gets TooSlow
  (503), another thread replaces it, the budget gets back the memory that it held, and requests that
  wait for the value it makes stop waiting for it (`abandoned`).
- A thread that makes a document, and waits for one child of a group, is given up after a quarter of
  `Limits.read`. The child is declared to hang (hangs.py), and another thread makes the document
  without it.

The clock of a job stops while its thread waits for memory, which is not the source's fault.

bench/threads.py measures what this costs against `concurrent.futures.ThreadPoolExecutor`, which
does none of it; docs/design.md has the result.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Thread, get_ident
from time import monotonic
from typing import Any, TypeVar

from starlette.types import Receive

from ... import budgets, clocks
from ...budgets import Budget
from ...clocks import Clock
from ...nodes import Busy, TooSlow
from ...resources import Resources
from .jobs import Delivery, Job, Jobs, Worker

T = TypeVar("T")

STALL = 0.005
"""Seconds between two checks whether the threads at work take jobs; if not, one more may work."""
LOOK = 1.0
"""Seconds between two checks of the deadlines, at most; see `Limits.look`."""

PATIENCE = 0.02
"""Seconds that a request waits before we watch whether its client disconnects.

Most results come earlier, and watching costs more than handing over a result.
"""


class Gone(Exception):
    """The client disconnected before it got its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Deadlines in seconds.

    A source has `read` for one job, from when a thread takes it. A request waits `queue` for a
    thread, or for memory.
    """

    read: float = 60.0
    queue: float = 60.0

    @property
    def listed(self) -> float:
        """Seconds for one child that a document describes: the document can leave it out."""
        return self.read / 4

    @property
    def look(self) -> float:
        """Seconds between two checks of the deadlines.

        It is a tenth of the shortest deadline, and at most LOOK.
        """
        return min(LOOK, self.listed / 10, self.queue / 10)


class Threads:
    """At most `count` threads, which start when there is work and end with this object.

    `usual` is for jobs that wait for disks or networks. It is the number of threads that work at
    once, unless a job waits while theirs take longer than STALL; and each source gets only its
    share of the threads. The threads take memory from the budget in `resources`, which also notes
    what hangs, and which threads were given up.
    """

    def __init__(self, count: int, name: str, usual: int | None = None, *, resources: Resources, limits: Limits | None = None) -> None:
        self.count = count
        self.name = name
        self.usual = min(count, usual or count)
        self.limits = limits or Limits()
        self.jobs = Jobs(self.usual, count, is_shared=usual is not None)
        self._resources = resources
        self._hangs = resources.hangs
        self._started = 0
        self._replaced = 0
        self._delivery: Delivery | None = None
        self._relief: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self._end = weakref.finalize(self, self.jobs.end)

    @property
    def pending(self) -> int:
        """The number of jobs that wait, are being done, or were given up and continue."""
        return self.jobs.waiting + self.jobs.at_work + self.jobs.stuck

    @property
    def alive(self) -> int:
        """The number of threads that exist."""
        return len(self.jobs.workers)

    def submit(self, make: Callable[[], T], find: Callable[[], str], clock: Clock | None = None) -> asyncio.Future[T]:
        """A future, in the running loop, of the result of `make()` in a thread.

        `find()` returns the source that `make` reads, as far as it is known at that time; `clock`
        measures the job. If the future is cancelled, its job leaves the queue; a job that a thread
        has taken continues, and its result is dropped. The future raises TooSlow if the source
        takes too long, or has too many threads that hang, and Busy if no thread was free in time.
        """
        loop = asyncio.get_running_loop()
        if self._delivery is None or self._delivery.loop is not loop:
            self._delivery, self._relief, self._look = Delivery(loop), None, None
        future: asyncio.Future[T] = loop.create_future()
        source = find()
        if self.jobs.is_closed(source):
            future.set_exception(self._closed())
            return future
        job = Job(make, future, self._delivery, find, source, monotonic(), clock=clock)
        if self.jobs.put(job) and self._relief is None and self.usual < self.count:
            self._relieve_later(loop)
        if self._look is None:
            self._look_later(loop)
        self._start()
        return future

    async def run(self, make: Callable[[], T], receive: Receive, find: Callable[[], str], clock: Clock | None = None) -> T:
        """The result of `make()` in a thread. Raises Gone if the client disconnects first.

        Its job then leaves the queue. Raises TooSlow and Busy as `submit` does, and what `make`
        raises.
        """
        return await unless_gone(self.submit(make, find, clock), receive)

    def shut_down(self) -> None:
        """Make the threads end after the jobs that are queued. Does not wait for them."""
        self._end()

    def _start(self) -> None:
        """Start threads until there is one for each that was called."""
        while self._started - self._replaced < self.jobs.busy:
            self._started += 1
            Thread(target=work, args=(self.jobs, self._resources), name=f"{self.name}-{self._started}", daemon=True).start()

    def _relieve_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._relief = loop.call_later(STALL, self._relieve, loop, self.jobs.taken)

    def _relieve(self, loop: asyncio.AbstractEventLoop, taken: int) -> None:
        """Allow one more thread if those at work took fewer jobs than there are of them.

        If no job is held up any more, allow the usual number again. Runs every STALL seconds.
        """
        jobs = self.jobs
        if not jobs.is_held_up:
            jobs.allow(self.usual)
            self._relief = None
            return
        if jobs.taken - taken < jobs.busy:
            jobs.allow(min(jobs.allowed + 1, self.count))
            self._start()
        self._relieve_later(loop)

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._look = loop.call_later(self.limits.look, self._look_at_all, loop)

    def _look_at_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """Refuse jobs that have waited too long, and give up threads whose job takes too long."""
        if self._delivery is None or self._delivery.loop is not loop:
            return
        now = monotonic()
        for worker in list(self.jobs.workers):
            if (job := worker.job) is not None and not (worker.is_waiting or worker.is_stuck):
                self._look_at(worker, job, now)
        self.jobs.sort_again()
        for job in self.jobs.expired(now - self.limits.queue):
            job.deliver(None, self._closed() if self.jobs.is_closed(job.source) else self._busy())
        self._start()
        if self._relief is None and self.jobs.is_held_up and self.usual < self.count:
            self._relieve_later(loop)
        if self.jobs.is_idle:
            self._look = None
        else:
            self._look_later(loop)

    def _look_at(self, worker: Worker, job: Job, now: float) -> None:
        """Give up a thread whose job takes too long.

        If it waits for a child that a document describes, begin the document again without the
        child.
        """
        asked = self._hangs.asked(worker.thread)
        is_slow = asked is not None and now - asked.since > self.limits.listed
        if asked is not None and is_slow and asked.is_listed:
            # a name that no source has, so that the group's share stays whole
            if self._give_up(worker, job, f"/{asked.name}"):
                self._hangs.declare(asked)
                job.since = now
                self.jobs.put(job)
        elif now - max(job.begun, self._hangs.answered(worker.thread)) > self.limits.read and self._give_up(worker, job):
            if asked is not None and is_slow:
                self._hangs.declare(asked)
            job.deliver(None, TooSlow(f"the source did not answer within {self.limits.read:g} s; ask again later"))

    def _give_up(self, worker: Worker, job: Job, source: str | None = None) -> bool:
        self._resources.abandoned.add(worker.thread)
        if not self.jobs.give_up(worker, job, source):
            self._resources.abandoned.discard(worker.thread)
            return False
        self._replaced += worker.is_replaced
        self._resources.budget.forget(worker.thread)
        return True

    def _closed(self) -> TooSlow:
        return TooSlow(f"several reads of the source have taken more than {self.limits.read:g} s; it is read again when one of them ends")

    def _busy(self) -> Busy:
        return Busy(f"no thread was free for {self.limits.queue:g} s; ask again later")


_WORKER: ContextVar[Worker | None] = ContextVar("worker", default=None)
"""The worker of this thread; each thread has its own context."""


def work(jobs: Jobs, resources: Resources) -> None:
    """Do jobs whenever there are some, until the end, with memory from the budget."""
    worker = Worker(get_ident())
    _WORKER.set(worker)
    jobs.workers.add(worker)
    budgets.lend(resources.budget)
    try:
        while not worker.is_replaced and jobs.is_called():
            do(jobs, worker, resources.abandoned)
    finally:
        jobs.workers.discard(worker)


def do(jobs: Jobs, worker: Worker, abandoned: set[int]) -> None:
    """Do jobs while there are some."""
    job = jobs.take(worker)
    while job is not None:
        clocks.CURRENT.set(job.clock)
        result, error = (None, None) if job.future.cancelled() else outcome(job.make)
        if job.clock is not None:
            job.clock.queue += job.begun - job.since
        done, job = job, jobs.take(worker)  # before the client gets the result and asks for more
        if abandoned:
            abandoned.discard(worker.thread)
        done.deliver(result, error)
        del done, result, error


@contextmanager
def waiting() -> Iterator[None]:
    """A context in which this thread waits for something that is not the source's fault.

    The clock of the thread's job stops meanwhile.
    """
    worker = _WORKER.get()
    if worker is None or worker.job is None:
        yield
        return
    worker.is_waiting, since = True, monotonic()
    try:
        yield
    finally:
        worker.job.begun += monotonic() - since
        worker.is_waiting = False


def take(budget: Budget, nbytes: int) -> None:
    """Take bytes from a budget for this thread, which must give them back.

    Blocks, and stops the clock of the thread's job meanwhile. Raises TooLarge and Busy.
    """
    if not budget.take_free(nbytes):
        with waiting():
            budget.take(nbytes)


def outcome(make: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """What `make()` returns, or the error that it raises.

    An error that no future can raise becomes a RuntimeError.
    """
    try:
        return make(), None
    except StopIteration as error:
        return None, wrapped(error)
    except Exception as error:  # noqa: BLE001 - raised again where it is awaited
        return None, error
    except BaseException as error:  # noqa: BLE001 - an error must not end the thread, which the pool would not replace
        return None, wrapped(error)


def wrapped(cause: BaseException) -> RuntimeError:
    """A RuntimeError, which a future can raise, with this cause."""
    error = RuntimeError(f"{type(cause).__name__}: {cause}")
    error.__cause__ = cause
    return error


async def unless_gone(result: asyncio.Future[T], receive: Receive) -> T:
    """The result of a future. Raises Gone if the client disconnects first.

    The future is then cancelled, so that its job leaves the queue. We watch the client only after
    PATIENCE seconds.
    """
    watcher = Watcher(result, receive)
    try:
        return await result
    except asyncio.CancelledError:
        if watcher.has_seen_it_go:
            raise Gone from None
        raise
    finally:
        watcher.stop()


class Watcher:
    """Cancels a future when the client disconnects.

    It watches only after PATIENCE seconds, because most results are ready earlier.
    """

    def __init__(self, result: asyncio.Future[Any], receive: Receive) -> None:
        self.has_seen_it_go = False
        self._result = result
        self._receive = receive
        self._looking: asyncio.Future[None] | None = None
        self._later = asyncio.get_running_loop().call_later(PATIENCE, self._look)

    def stop(self) -> None:
        """Stop watching."""
        self._later.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def _look(self) -> None:
        self._looking = asyncio.ensure_future(disconnected(self._receive))
        self._looking.add_done_callback(self._seen)

    def _seen(self, looking: asyncio.Future[None]) -> None:
        if not looking.cancelled():
            self.has_seen_it_go = not self._result.done()
            self._result.cancel()


async def disconnected(receive: Receive) -> None:
    """Return when the client has disconnected; drop what it sends until then."""
    while (await receive())["type"] != "http.disconnect":
        pass
