"""Threads that work for an event loop, and the looks at what takes too long.

`loop.run_in_executor` takes three times as long to hand a result over: it makes two futures a job, each
with a lock, and wakes the loop for each result. Here a job has one future, which only the loop's thread
touches, and the loop is woken once for all results that are ready (`Delivery`).

Nobody can stop a thread that waits for a disk or a network share that does not answer. So deadlines
are looked at from outside. As long as there is work, the loop looks about once a second:

- A job that has waited longer than `Limits.queue` is refused (Busy, 503).
- A thread that has had one job for longer than `Limits.read` is given up: its client gets TooSlow
  (503), another thread takes its place, the budget gets back the memory that it held, and caches know
  that nobody should wait for what it makes.
- A thread that makes a document and waits for one child of a group is given up after a quarter of that.
  The child is declared to hang (hangs.py) and the document is begun again without it.

The clock of a job stands still while its thread waits for memory, which is not the source's fault.

What that costs against `concurrent.futures.ThreadPoolExecutor`, which has none of it, is measured by
bench/threads.py and told in docs/design.md.
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

from ... import budgets
from ...budgets import Budget
from ...nodes import Busy, TooSlow
from ...resources import Resources
from .jobs import Delivery, Job, Jobs, Worker

T = TypeVar("T")

STALL = 0.005
"""Seconds after which a thread that has done nothing is taken to wait for something."""
LOOK = 1.0
"""Seconds between two looks at what takes too long, at most; a tenth of the shortest limit, if that is less."""

PATIENCE = 0.02
"""Seconds after which a client is watched that waits for its answer; watching costs more than handing a result over."""


class Gone(Exception):
    """The client went away before its work began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds that a source has for a read, from its beginning, and that a request waits for a thread or for memory."""

    read: float = 60.0
    queue: float = 60.0

    @property
    def listed(self) -> float:
        """Seconds that a child has which a document is to tell of: it can do without."""
        return self.read / 4

    @property
    def look(self) -> float:
        """Seconds between two looks."""
        return min(LOOK, self.listed / 10, self.queue / 10)


class Threads:
    """At most `count` threads, started when there is work for them; they end with this object.

    With `usual`, which is for jobs that wait for something, no more than so many are at work at once, unless a job waits while theirs take
    longer than STALL; and no source gets more than its share of them. Their memory, what hangs and which of them were given up are noted in
    `resources`.
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
        """Jobs that wait, are being done, or were given up and go on."""
        return self.jobs.waiting + self.jobs.at_work + self.jobs.stuck

    @property
    def alive(self) -> int:
        """The threads that there are."""
        return len(self.jobs.workers)

    def submit(self, make: Callable[[], T], find: Callable[[], str]) -> asyncio.Future[T]:
        """A future of `make()` in the running loop; `find()` tells, as far as it is known, the source that it asks.

        Cancelling it takes the work out of the queue; what has begun goes on unheard. The future raises TooSlow where the source takes
        too long, or has too many threads that hang already, and Busy where no thread came free in time.
        """
        loop = asyncio.get_running_loop()
        if self._delivery is None or self._delivery.loop is not loop:
            self._delivery, self._relief, self._look = Delivery(loop), None, None
        future: asyncio.Future[T] = loop.create_future()
        source = find()
        if self.jobs.is_closed(source):
            future.set_exception(self._closed())
            return future
        job = Job(make, future, self._delivery, find, source, monotonic())
        if self.jobs.put(job) and self._relief is None and self.usual < self.count:
            self._relieve_later(loop)
        if self._look is None:
            self._look_later(loop)
        self._start()
        return future

    async def run(self, make: Callable[[], T], receive: Receive, find: Callable[[], str]) -> T:
        """The result of `make()`. If the client disconnects first its job leaves the queue, and Gone is raised.

        Raises TooSlow and Busy, and what the function raises.
        """
        return await unless_gone(self.submit(make, find), receive)

    def shut_down(self) -> None:
        """End the threads after the work that is queued. Waits for none."""
        self._end()

    def _start(self) -> None:
        """Start the threads that are called and do not exist yet."""
        while self._started - self._replaced < self.jobs.busy:
            self._started += 1
            Thread(target=work, args=(self.jobs, self._resources), name=f"{self.name}-{self._started}", daemon=True).start()

    def _relieve_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._relief = loop.call_later(STALL, self._relieve, loop, self.jobs.taken)

    def _relieve(self, loop: asyncio.AbstractEventLoop, taken: int) -> None:
        """Allow a thread more if those at work have not taken a job each meanwhile; the usual number where nothing waits any more."""
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
        """Refuse what has waited too long, give up what has been done for too long."""
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
        """Give a thread up that has taken too long; where it waits for a child that a document is to tell of, begin again without that."""
        asked = self._hangs.asked(worker.thread)
        is_slow = asked is not None and now - asked.since > self.limits.listed
        if asked is not None and is_slow and asked.is_listed:
            if self._give_up(worker, job, f"/{asked.name}"):  # not to be counted for the group: no source has such a name
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
        return TooSlow(f"the source has let several reads wait for more than {self.limits.read:g} s; it is asked again when one returns")

    def _busy(self) -> Busy:
        return Busy(f"no thread was free for {self.limits.queue:g} s; ask again later")


_WORKER: ContextVar[Worker | None] = ContextVar("worker", default=None)
"""The worker that this thread is: each thread has a context of its own."""


def work(jobs: Jobs, resources: Resources) -> None:
    """Do jobs whenever there are some, until the end, with memory out of a budget."""
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
    """Do jobs as long as there are some."""
    job = jobs.take(worker)
    while job is not None:
        result, error = (None, None) if job.future.cancelled() else outcome(job.make)
        done, job = job, jobs.take(worker)  # before anybody hears of the result, and asks for more
        if abandoned:
            abandoned.discard(worker.thread)
        done.deliver(result, error)
        del done, result, error


@contextmanager
def waiting() -> Iterator[None]:
    """Wait for something that is not the source's fault: the clock of this thread's job stands still meanwhile."""
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
    """Take bytes out of a budget for this thread, to be given back; waiting for them is not the source's fault.

    Blocks. Raises TooLarge and Busy.
    """
    if not budget.take_free(nbytes):
        with waiting():
            budget.take(nbytes)


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


async def unless_gone(result: asyncio.Future[T], receive: Receive) -> T:
    """The result, unless it takes a while and the client disconnects first: then its work leaves the queue, and Gone is raised."""
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
    """Cancels a result once its client has gone; looks only after a while, because most results are there before."""

    def __init__(self, result: asyncio.Future[Any], receive: Receive) -> None:
        self.has_seen_it_go = False
        self._result = result
        self._receive = receive
        self._looking: asyncio.Future[None] | None = None
        self._later = asyncio.get_running_loop().call_later(PATIENCE, self._look)

    def stop(self) -> None:
        """Look no longer."""
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
    """Return when the client has gone; what it still sends is thrown away."""
    while (await receive())["type"] != "http.disconnect":
        pass
