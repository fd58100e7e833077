"""Jobs that wait for a thread, which of them is next, and how many threads may do them at once.

A job is what one request needs a thread for: a function, the future that gets its result, and the
source that it asks (a file, a folder, a store: what fails, or hangs, as one).

A queue in order of asking, served by as many threads as may wait for disks at once, is too slow in
three ways. Threads that hold Python's lock in turns hold each other up: on two processors, six threads
send 10 to 33 % less of a cached file than two. One source that hangs takes every thread, and the server
answers nobody. And viewers pan: the oldest request is the one whose client has gone.

So:

- Few threads are `allowed` at once, as a rule one a processor. `Threads` allows one more whenever
  those at work have taken no job for 5 ms, which means that they wait for something else.
- A source may have as many threads as the other sources leave idle, its own not counted: one alone
  gets half of all, a second one half of the rest. This is the rule of dynamic thresholds with factor 1
  (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998).
- The newest job goes first, and a job whose future was cancelled is dropped when its turn comes.
- A thread whose job does not end in time is given up: another takes its place, and it ends when its
  job does. At most MOST_STUCK are replaced. A job that was given up counts for its source as long as it
  lasts. A source that has lost half of all threads, or all that may be replaced, is closed until one
  of them returns.

Invariants, under the lock: `busy` is the number of threads that are at work or on their way and were
not replaced, and at most `allowed`. A job is in one queue, or one worker has it, or it is done. `_running`
and `_stuck` count the workers of each source and have no zeros.
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

MOST_STUCK = 64
"""Threads of a pool that are replaced at once. A thread that waits costs little: some 100 kB of memory."""


class Delivery:
    """Results on their way from threads into one event loop, which is woken once for all that are ready."""

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


@dataclass(slots=True, eq=False)
class Job:
    """What to do, since when it waits and since when it is being done, in seconds of `monotonic`.

    The `future` gets the result. `find()` tells the source that it asks, as far as it is known by now.
    """

    make: Callable[[], Any]
    future: asyncio.Future[Any]
    delivery: Delivery
    find: Callable[[], str]
    source: str
    since: float
    begun: float = 0.0

    def deliver(self, result: Any, error: Exception | None) -> None:
        """Hand over what came of it, from any thread."""
        self.delivery.put(self.future, result, error)


@dataclass(slots=True, eq=False)
class Worker:
    """A thread, its job, and the source for which it counts; `is_waiting` for memory, which is not that source's fault.

    `is_stuck`: it was given up; `is_replaced`: another thread works in its place.
    """

    thread: int
    job: Job | None = None
    source: str = ""
    is_waiting: bool = False
    is_stuck: bool = False
    is_replaced: bool = False


class Jobs:
    """Jobs, the newest first, since that is what its viewer looks at now; at most `allowed` of `count` threads do them at once.

    `is_shared` says that a source gets its share of the threads and no more.
    """

    def __init__(self, allowed: int, count: int, *, is_shared: bool = True) -> None:
        self.allowed = allowed
        self.count = count
        self.is_shared = is_shared
        self.busy = 0
        """Threads that are at work or have been called, without those that were replaced."""
        self.taken = 0
        """Jobs that have been begun."""
        self.workers: set[Worker] = set()
        """The threads that there are."""
        self._at_work = 0
        self._waiting: dict[str, deque[Job]] = {}
        self._running: dict[str, int] = {}
        self._stuck: dict[str, int] = {}
        self._calls: SimpleQueue[bool] = SimpleQueue()
        self._lock = Lock()

    def put(self, job: Job) -> bool:
        """Add a job and call a thread for it; whether it has to wait because enough are at work."""
        source = job.source
        with self._lock:
            queue = self._waiting.pop(source, None)
            if queue is None:
                queue = deque()
            queue.append(job)
            self._waiting[source] = queue  # at the end, which comes first
            return self._has_room(source) and not self._call()

    def allow(self, count: int) -> None:
        """Have up to so many threads at work."""
        with self._lock:
            self.allowed = count
            self._call_for_waiting()

    @property
    def waiting(self) -> int:
        """Jobs that no thread has taken yet, and that somebody waits for."""
        with self._lock:
            return sum(not job.future.cancelled() for queue in self._waiting.values() for job in queue)

    @property
    def is_idle(self) -> bool:
        """Whether there is no job at all."""
        return not self._waiting and not self._at_work and not self._stuck

    @property
    def is_held_up(self) -> bool:
        """Whether a job waits that has only to wait because enough are at work."""
        with self._lock:
            return self._next() is not None

    @property
    def stuck(self) -> int:
        """Threads that were given up and have not returned."""
        return sum(self._stuck.values())

    @property
    def at_work(self) -> int:
        """Threads that do a job and have not been given up."""
        return sum(self._running.values())

    def is_closed(self, source: str) -> bool:
        """Whether so many threads have been lost to a source that it gets no more."""
        stuck = self._stuck.get(source, 0)
        return stuck > 0 and (2 * stuck >= self.count or self.stuck >= MOST_STUCK)

    def end(self) -> None:
        """Have the threads end once no job waits."""
        self._calls.put(False)

    def is_called(self) -> bool:
        """Wait until a thread is needed; false where all are to end."""
        if self._calls.get():
            return True
        self.end()
        return False

    def take(self, worker: Worker) -> Job | None:
        """The next job, for a thread that has been called or has done the one before; None where it is to wait for another call.

        A thread that has been replaced gets none, and is to end.
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
        """Count a thread as stuck that does a job, and have another in its place; false where it has done it meanwhile.

        It goes on to count for its source, unless another is to blame.
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
        """Look again for the source of every job: what was taken for a folder's at first may be known to be a file's."""
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
        """Take out the jobs that have waited since before a moment, or whose source is closed, or which nobody waits for."""
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
        """Take down that a thread has done its job."""
        worker.job = None
        less(self._stuck if worker.is_stuck else self._running, worker.source)
        worker.is_stuck = False
        if not worker.is_replaced:
            self._at_work -= 1

    def _pop(self) -> Job | None:
        """The next job that somebody waits for, taken out."""
        while (source := self._next()) is not None:
            queue = self._waiting[source]
            job = queue.pop()
            if not queue:
                del self._waiting[source]
            if not job.future.cancelled():
                return job
        return None

    def _next(self) -> str | None:
        """The source whose newest job is next."""
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
        """Call a thread for each source that has a job to be begun, unless one is on its way, as far as threads are allowed."""
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
    """Count one down; what is 0 is left out."""
    left = counts.pop(source) - 1
    if left:
        counts[source] = left
