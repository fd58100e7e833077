"""Work that nobody waits for: one thread of low priority, newest request first, stopped at any step."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Thread, get_native_id

log = logging.getLogger(__name__)

NICENESS = 10
PATIENCE = 1.0
"""Seconds for which a step waits at most while there is work that somebody waits for."""
END = 5.0
"""Seconds for which the end of a step is waited for when all is to end."""
Job = Callable[[], Iterator[None]]
"""Work in steps: each `next` does a little of it."""


class Background:
    """Runs jobs by name; one that is asked for again comes to the front, and one that has failed is not tried again.

    The thread is started at the first request, so that a server may fork before.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: dict[str, Iterator[None]] = {}
        self._failed: set[str] = set()
        self._thread: Thread | None = None
        self._is_stopped = False
        self._urgent = 0

    def request(self, name: str, job: Job) -> None:
        """Have a job done, before all others that wait."""
        with self._changed:
            if self._is_stopped or name in self._failed:
                return
            running = self._waiting.pop(name, None)
            self._waiting[name] = job() if running is None else running
            if self._thread is None:
                self._thread = Thread(target=self._run, name="tiled-zarr-levels", daemon=True)
                self._thread.start()
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

    def _run(self) -> None:
        with suppress(OSError, AttributeError):  # elsewhere than on Linux a thread has no priority of its own
            os.setpriority(os.PRIO_PROCESS, get_native_id(), NICENESS)
        while (newest := self._newest()) is not None:
            self._step(*newest)

    def _newest(self) -> tuple[str, Iterator[None]] | None:
        """The job asked for last, as soon as there is one; None when all is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_stopped)
            self._changed.wait_for(lambda: self._urgent == 0 or self._is_stopped, PATIENCE)
            return None if self._is_stopped else next(reversed(self._waiting.items()))

    def _step(self, name: str, job: Iterator[None]) -> None:
        try:
            next(job)
        except StopIteration:
            self._forget(name)
        except Exception:
            log.exception("levels of %s stay as they are: the source cannot be read", name)
            self._forget(name, has_failed=True)

    def _forget(self, name: str, *, has_failed: bool = False) -> None:
        with self._changed:
            self._waiting.pop(name, None)
            if has_failed:
                self._failed.add(name)
            self._changed.notify_all()
