"""Work that nobody waits for: one thread of low priority, newest request first, stopped at any step."""

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
"""Seconds for which a step waits at most while there is work that somebody waits for."""
RETRY = 60
"""Seconds after which a job that has failed may be tried again, since its source may work again without a new revision."""
MOST_FAILED = 1000
"""Failures that are remembered; then all are forgotten, and tried again."""
STUCK = 120
"""Seconds for one step: reads of 8 MiB, or of one chunk of a source, that take milliseconds where the source works."""
MOST_STUCK = 3
END = 5.0
"""Seconds for which the end of a step is waited for when all is to end."""
Job = Callable[[], Iterator[None]]
"""Work in steps: each `next` does a little of it."""


class Background:
    """Runs jobs by name; one that is asked for again comes to the front, and one that has failed is left alone for RETRY seconds.

    The thread is started at the first request, so that a server may fork before. A step that takes longer than STUCK seconds loses its
    thread: another one, at most MOST_STUCK altogether, does the other jobs. `forget(thread)` then gives back the memory that the thread,
    by its identifier, holds. `clock` counts seconds.
    """

    def __init__(self, forget: Callable[[int], None] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._changed = Condition()
        self._waiting: dict[str, Iterator[None]] = {}
        self._failed: Forgetful[str, float] = Forgetful(MOST_FAILED)
        """When which job failed."""
        self._forget_thread = forget
        self._clock = clock
        self._begun: tuple[str, float] | None = None
        """The job of which a step is being done, and since when."""
        self._stuck = 0
        self._thread: Thread | None = None
        self._is_stopped = False
        self._urgent = 0

    def request(self, name: str, job: Job) -> None:
        """Have a job done, before all others that wait."""
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
        """Finish the step that is being done, and no other. Blocks for as long, but no more than END seconds: a source may hang."""
        with self._changed:
            self._is_stopped = True
            self._waiting.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(END)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Do something that somebody waits for: meanwhile no step is begun, unless it takes long."""
        with self._changed:
            self._urgent += 1
        try:
            yield
        finally:
            with self._changed:
                self._urgent -= 1
                self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Whether everything that was asked for is done within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, seconds)

    def _start(self) -> None:
        self._thread = Thread(target=self._run, name="tiled-zarr-levels", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError, AttributeError):  # elsewhere than on Linux a thread has no priority of its own
            os.setpriority(os.PRIO_PROCESS, get_native_id(), NICENESS)
        while (newest := self._newest()) is not None:
            self._step(*newest)

    def _newest(self) -> tuple[str, Iterator[None]] | None:
        """The job asked for last, as soon as there is one; None when all is to end, or another thread has taken over."""
        with self._changed:
            if self._is_over():
                return None
            self._begun = None
            self._changed.wait_for(lambda: self._waiting or self._is_over())
            self._changed.wait_for(lambda: self._urgent == 0 or self._is_over(), PATIENCE)
            if self._is_over() or not self._waiting:
                return None
            name, job = next(reversed(self._waiting.items()))
            self._begun = name, self._clock()
            return name, job

    def _is_over(self) -> bool:
        return self._is_stopped or current_thread() is not self._thread

    def _step(self, name: str, job: Iterator[None]) -> None:
        try:
            next(job)
        except StopIteration:
            self._forget(name)
        except Exception:
            log.exception(
                "levels of %s stay as they are: the source cannot be read; they are tried again in %d s at the soonest", name, RETRY
            )
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
        """Whether a job failed a short while ago."""
        return self._clock() - self._failed.get(name, float("-inf")) < RETRY

    def _replace_stuck_thread(self) -> None:
        """Give the thread up where its step takes too long; its job counts as failed."""
        if self._begun is None or self._clock() - self._begun[1] < STUCK or self._stuck >= MOST_STUCK:
            return
        name, _ = self._begun
        log.error("levels of %s stay as they are: a step has taken more than %d s, and its thread is given up", name, STUCK)
        self._stuck += 1
        self._begun = None
        self._waiting.pop(name, None)
        self._failed[name] = self._clock()
        if self._forget_thread is not None and self._thread is not None and self._thread.ident is not None:
            self._forget_thread(self._thread.ident)
        self._start()
