"""A queue of jobs for threads: which job is next, and how many threads may work at once.

A job is what one request needs a thread for: a function, the future that gets its result, and the
*source* that the function reads: a file, a folder or a store, which fails or hangs as one.

The simple way is a first-in, first-out queue with as many threads as may wait for disks at once. It
fails in three ways. Threads that compete for Python's lock slow each other down: on two processors,
six threads send 10 to 33 % less of a cached file than two. One source that hangs takes all threads,
and the server answers nobody. And viewers pan: the oldest request is the one whose client has gone.

So we do four things:

- Few threads may work at once (`allowed`), by default one per processor. Every 5 ms `Threads`
  allows one more if a job has to wait and the threads at work took fewer jobs than there are of
  them: then they wait for disks or networks.
- A source gets another thread only while it has fewer threads than are idle, or none. So one source
  alone gets half of all threads, and a second one half of the rest. This is the rule of dynamic
  thresholds with factor 1 (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory
  packet switches", 1998).
- The newest job goes first. A job whose future was cancelled is dropped when its turn comes.
- A thread whose job takes too long is given up: another thread replaces it, and it ends when its
  job does. At most MOST_STUCK threads are replaced. Until it ends, it counts as a thread of its
  source. A source that holds half of all threads in this way, or any of them when no more may be
  replaced, is closed: it gets no more threads until one returns.

Invariants, under the lock: `busy` is the number of threads that have a job or were called for one,
without those that were replaced; we call a thread only while `busy` is below `allowed`. A job is in
one queue, or one worker that was not given up has it, or it has its result. `_running` and `_stuck`
count the workers of each source and have no zeros.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock
from time import monotonic
from typing import Any

from ...clocks import Clock

MOST_STUCK = 64
"""Threads of a pool that may be replaced at once; a waiting thread costs some 100 kB of memory."""


class Delivery:
    """Hands results from threads to one event loop.

    It wakes the loop once for all results that are ready.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ready: deque[tuple[asyncio.Future[Any], Any, Exception | None]] = deque()
        self._is_woken = False

    def put(self, future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        """Hand over a result, from any thread.

        A closed loop ignores it, since nobody waits there any more.
        """
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


@dataclass(slots=True, eq=False)
class Job:
    """A function to call, the future that gets its result, and the source that it reads.

    `since` is when it was queued and `begun` when a thread took it (0 before that), in seconds of
    `monotonic`. `find()` returns the source, as far as it is known at that time. `clock` is that of
    the request.
    """

    make: Callable[[], Any]
    future: asyncio.Future[Any]
    delivery: Delivery
    find: Callable[[], str]
    source: str
    since: float
    begun: float = 0.0
    clock: Clock | None = None

    def deliver(self, result: Any, error: Exception | None) -> None:
        """Hand over the result or the error, from any thread."""
        self.delivery.put(self.future, result, error)


@dataclass(slots=True, eq=False)
class Worker:
    """A thread, its job, and the source that the job counts for.

    `is_waiting` means that it waits for memory, which is not the source's fault; `is_stuck`, that
    it was given up; `is_replaced`, that another thread works in its place.
    """

    thread: int
    job: Job | None = None
    source: str = ""
    is_waiting: bool = False
    is_stuck: bool = False
    is_replaced: bool = False


class Jobs:
    """A queue of jobs, the newest first, since that is what its viewer shows now.

    At most `allowed` of `count` threads work at once. If `is_shared`, each source gets only its
    share of the threads.
    """

    def __init__(self, allowed: int, count: int, *, is_shared: bool = True) -> None:
        self.allowed = allowed
        self.count = count
        self.is_shared = is_shared
        self.busy = 0
        """Threads that have a job or were called for one, without those that were replaced."""
        self.taken = 0
        """Jobs that threads have taken so far."""
        self.workers: set[Worker] = set()
        """All threads that exist."""
        self._at_work = 0
        self._waiting: dict[str, deque[Job]] = {}
        self._running: dict[str, int] = {}
        self._stuck: dict[str, int] = {}
        self._calls: SimpleQueue[bool] = SimpleQueue()
        self._lock = Lock()

    def put(self, job: Job) -> bool:
        """Add a job, and call a thread for it.

        Returns True if the job has to wait only because `allowed` threads are at work.
        """
        source = job.source
        with self._lock:
            queue = self._waiting.pop(source, None)
            if queue is None:
                queue = deque()
            queue.append(job)
            self._waiting[source] = queue  # the last source is the next one
            return self._has_room(source) and not self._call()

    def allow(self, count: int) -> None:
        """Let up to `count` threads work at once."""
        with self._lock:
            self.allowed = count
            self._call_for_waiting()

    @property
    def waiting(self) -> int:
        """The number of jobs that no thread has taken and whose futures are not cancelled."""
        with self._lock:
            return sum(not job.future.cancelled() for queue in self._waiting.values() for job in queue)

    @property
    def is_idle(self) -> bool:
        """Whether no job waits, and no thread has one."""
        return not self._waiting and not self._at_work and not self._stuck

    @property
    def is_held_up(self) -> bool:
        """Whether a job waits only because `allowed` threads are at work."""
        with self._lock:
            return self._next() is not None

    @property
    def stuck(self) -> int:
        """The number of threads that were given up and have not returned."""
        return sum(self._stuck.values())

    @property
    def at_work(self) -> int:
        """The number of threads that have a job and were not given up."""
        return sum(self._running.values())

    def is_closed(self, source: str) -> bool:
        """Whether a source gets no more threads, since too many of its threads are stuck."""
        stuck = self._stuck.get(source, 0)
        return stuck > 0 and (2 * stuck >= self.count or self.stuck >= MOST_STUCK)

    def end(self) -> None:
        """Make the threads end after the calls that were made before."""
        self._calls.put(False)

    def is_called(self) -> bool:
        """Wait until a thread is needed. Blocks; returns False if all threads shall end."""
        if self._calls.get():
            return True
        self.end()
        return False

    def take(self, worker: Worker) -> Job | None:
        """The next job, for a thread that was called or has finished its last job.

        None means that the thread shall wait for another call, or, if it was replaced, that it
        shall end.
        """
        with self._lock:
            if worker.job is not None:
                self._finish(worker)
            if worker.is_replaced:
                return None
            job = self._pop() if self._waiting else None
            if job is None:
                self.busy -= 1
                return None
            worker.job, worker.source = job, job.source
            if not job.begun:
                job.begun = monotonic()
            self.taken += 1
            self._at_work += 1
            self._running[job.source] = self._running.get(job.source, 0) + 1
            if self._waiting and self.busy < self.allowed:
                self._call_for_waiting()
            return job

    def give_up(self, worker: Worker, job: Job, source: str | None = None) -> bool:
        """Count a thread as stuck, and replace it; return False if it has finished `job` meanwhile.

        Until it returns, it counts for `source`, by default the source of its job. No thread
        replaces it if MOST_STUCK threads are stuck already.
        """
        with self._lock:
            if worker.job is not job or worker.is_stuck:
                return False
            worker.is_stuck = True
            worker.is_replaced = self.stuck < MOST_STUCK
            less(self._running, worker.source)
            worker.source = worker.source if source is None else source
            self._stuck[worker.source] = self._stuck.get(worker.source, 0) + 1
            if worker.is_replaced:
                self._at_work -= 1
                self.busy -= 1
                self._call_for_waiting()
            return True

    def sort_again(self) -> None:
        """Ask every job for its source again.

        A job that was queued for a folder may by now be known to read one file in it.
        """
        with self._lock:
            queues, self._waiting = self._waiting, {}
            for job in (job for queue in queues.values() for job in queue):
                job.source = job.find()
                self._waiting.setdefault(job.source, deque()).append(job)
            for worker in self.workers:
                if worker.job is not None and not worker.is_stuck:
                    less(self._running, worker.source)
                    worker.source = worker.job.find()
                    self._running[worker.source] = self._running.get(worker.source, 0) + 1
            self._call_for_waiting()

    def expired(self, before: float) -> list[Job]:
        """Remove and return the jobs that no thread shall take any more.

        They have waited since before the time `before`, or their source is closed, or they were
        cancelled.
        """
        out = []
        with self._lock:
            for source, queue in list(self._waiting.items()):
                is_closed = self.is_closed(source)
                while queue and (is_closed or queue[0].since < before or queue[0].future.cancelled()):
                    out.append(queue.popleft())
                if not queue:
                    del self._waiting[source]
        return out

    def _finish(self, worker: Worker) -> None:
        """Note that a thread has finished its job."""
        worker.job = None
        less(self._stuck if worker.is_stuck else self._running, worker.source)
        worker.is_stuck = False
        if not worker.is_replaced:
            self._at_work -= 1

    def _pop(self) -> Job | None:
        """Remove and return the next job whose future is not cancelled."""
        while (source := self._next()) is not None:
            queue = self._waiting[source]
            job = queue.pop()
            if not queue:
                del self._waiting[source]
            if not job.future.cancelled():
                return job
        return None

    def _next(self) -> str | None:
        """The source whose newest job is next; None if no waiting job may begin."""
        for source in reversed(self._waiting):
            if self._has_room(source):
                return source
        return None

    def _has_room(self, source: str) -> bool:
        if not self.is_shared:
            return True
        running, stuck = self._running.get(source, 0), self._stuck.get(source, 0) if self._stuck else 0
        return not (running or stuck) or running + stuck < self.count - self._at_work - stuck

    def _call_for_waiting(self) -> None:
        """Call a thread for each source with a job that may begin.

        Threads that are on their way already count, and `allowed` is the limit.
        """
        coming = self.busy - self._at_work
        for source in self._waiting:
            if self.busy >= self.allowed:
                return
            if self._has_room(source):
                if coming <= 0:
                    self._call()
                coming -= 1

    def _call(self) -> bool:
        if self.busy >= self.allowed:
            return False
        self.busy += 1
        self._calls.put(True)
        return True


def less(counts: dict[str, int], source: str) -> None:
    """Count one down, and remove a count of 0."""
    left = counts.pop(source) - 1
    if left:
        counts[source] = left
