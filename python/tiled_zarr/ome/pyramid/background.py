"""Background work: one thread of low priority runs jobs step by step, the newest request first."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Thread, current_thread, get_native_id

from ...caches.forgetful import Forgetful

log = logging.getLogger(__name__)

NICENESS = 10
PATIENCE = 1.0
"""Seconds for which a step waits at most while requests are being served."""
RETRY = 60
"""Seconds until a failed job may run again: a source may recover without a new revision."""
MOST_FAILED = 1000
"""Failures that we remember; when full, we forget them all, and the jobs may run again."""
STUCK = 120
"""Seconds that one step may take.

A step reads about 8 MiB, or one chunk of a source. If the source works, that takes milliseconds.
"""
MOST_STUCK = 3
"""Threads that we give up at most; after that, a stuck step holds up all other jobs."""
END = 5.0
"""Seconds for which `stop` waits for the current step to end."""
Job = Callable[[], Iterator[int | None]]
"""Work in steps: each `next` does one of them, and says how many bytes of a source it has read."""


class Background:
    """Runs jobs by name, the one requested last first.

    A job that is requested again moves to the front. One that has failed is not run for RETRY
    seconds.

    The thread starts at the first request, so that a server may fork before that. If a step takes
    longer than STUCK seconds, we give up its thread, and a new one runs the other jobs; that
    happens at most MOST_STUCK times. `forget(thread)` then gives back the memory that the given-up
    thread holds; `thread` is its identifier. `clock` counts seconds.

    With `rate`, steps read at most so many bytes of sources a second, on average. If not `is_on`,
    no job is ever run.
    """

    def __init__(
        self,
        forget: Callable[[int], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        rate: float | None = None,
        is_on: bool = True,
    ) -> None:
        self._rate = rate
        self._is_on = is_on
        self._rested_at = float("-inf")
        """When the next step may begin."""
        self._changed = Condition()
        self._waiting: dict[str, Iterator[int | None]] = {}
        self._failed: Forgetful[str, float] = Forgetful(MOST_FAILED)
        """The time at which each job failed, by name."""
        self._forget_thread = forget
        self._clock = clock
        self._begun: tuple[str, float] | None = None
        """The job whose step is running, and when that step began."""
        self._stuck = 0
        self._thread: Thread | None = None
        self._is_stopped = False
        self._urgent = 0

    def request(self, name: str, job: Job) -> None:
        """Run a job before all others that wait; a job already begun goes on where it is.

        Does nothing if it is off, after `stop`, or if the job failed less than RETRY seconds ago.
        """
        if not self._is_on:
            return
        with self._changed:
            self._replace_stuck_thread()
            if self._is_stopped or self._has_failed(name):
                return
            running = self._waiting.pop(name, None)
            self._waiting[name] = job() if running is None else running
            if self._thread is None:
                self._start()
            self._changed.notify_all()

    def stop(self) -> None:
        """Stop after the current step. Blocks until it ends, at most END seconds.

        A source may hang, so we do not wait longer.
        """
        with self._changed:
            self._is_stopped = True
            self._waiting.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(END)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A context in which no step begins, or only after PATIENCE seconds.

        Use it around work for which a request waits.
        """
        with self._changed:
            self._urgent += 1
        try:
            yield
        finally:
            with self._changed:
                self._urgent -= 1
                self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """True if all requested jobs are done within `seconds`. Blocks until then."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, seconds)

    def _start(self) -> None:
        self._thread = Thread(target=self._run, name="tiled-zarr-levels", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        # only on Linux a thread has its own priority
        with suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), NICENESS)
        while (newest := self._newest()) is not None:
            self._step(*newest)

    def _newest(self) -> tuple[str, Iterator[int | None]] | None:
        """The job requested last. Blocks until there is one.

        None if `stop` was called or another thread has replaced this one.
        """
        with self._changed:
            if self._is_over():
                return None
            self._begun = None
            self._changed.wait_for(lambda: self._waiting or self._is_over())
            self._changed.wait_for(self._is_over, max(self._rested_at - self._clock(), 0.0))
            self._changed.wait_for(lambda: self._urgent == 0 or self._is_over(), PATIENCE)
            if self._is_over() or not self._waiting:
                return None
            name, job = next(reversed(self._waiting.items()))
            self._begun = name, self._clock()
            return name, job

    def _is_over(self) -> bool:
        return self._is_stopped or current_thread() is not self._thread

    def _step(self, name: str, job: Iterator[int | None]) -> None:
        try:
            nbytes = next(job)
            if self._rate is not None:
                self._rested_at = max(self._rested_at, self._clock()) + (nbytes or 0) / self._rate
        except StopIteration:
            self._forget(name)
        except Exception:
            log.exception("cannot read the source of the levels of %s, so they stay as they are for at least %d s", name, RETRY)
            self._forget(name, has_failed=True)

    def _forget(self, name: str, *, has_failed: bool = False) -> None:
        with self._changed:
            if self._is_over():
                return
            self._waiting.pop(name, None)
            if has_failed:
                self._failed[name] = self._clock()
            self._changed.notify_all()

    def _has_failed(self, name: str) -> bool:
        """True if the job failed less than RETRY seconds ago."""
        return self._clock() - self._failed.get(name, float("-inf")) < RETRY

    def _replace_stuck_thread(self) -> None:
        """Replace the thread if its step has taken STUCK seconds; its job counts as failed."""
        if self._begun is None or self._clock() - self._begun[1] < STUCK or self._stuck >= MOST_STUCK:
            return
        name, _ = self._begun
        log.error("levels of %s stay as they are: one step has taken more than %d s, so its thread was replaced", name, STUCK)
        self._stuck += 1
        self._begun = None
        self._waiting.pop(name, None)
        self._failed[name] = self._clock()
        if self._forget_thread is not None and self._thread is not None and self._thread.ident is not None:
            self._forget_thread(self._thread.ident)
        self._start()
