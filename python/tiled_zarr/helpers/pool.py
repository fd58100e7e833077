"""A pool of helper processes that share the calls about files.

    idle -> in a call -> idle
                      -> ended, if the call was late or the library crashed

A call takes an idle helper, preferably one that has its file open. If none is idle for PATIENCE
seconds, the pool starts another. `usual` helpers are enough to keep the processors busy. A helper
that has been in one call for STUCK seconds no longer counts among them, so that files which hang do
not delay the others; there are at most `most` helpers. At most PER_FILE helpers are in calls about
one file.
"""

from __future__ import annotations

import atexit
import logging
import os
import time
from dataclasses import dataclass, field
from threading import Condition
from typing import Any
from weakref import ref

from ..caches.recent import Recent
from ..nodes import Busy, Damaged, TooSlow
from .process import Died, Late, Process
from .verdicts import Verdicts

log = logging.getLogger(__name__)

USUAL = min(4, max(2, os.cpu_count() or 1))
MOST = 8
PER_FILE = 2
PATIENCE = 0.05
"""Seconds: a quarter of the time that a helper takes to start."""
STUCK = 0.5
"""Seconds in one call after which a helper no longer counts as usual."""
FILES_KNOWN = 16
"""Files that we assume a helper still has open, those of its last calls."""


class NoAnswer(TooSlow):
    """A library did not answer about a file in time.

    Asking again later may help, since a slow disk looks the same.
    """


@dataclass(slots=True, eq=False)
class Helper:
    """A process, the files of its last calls, and the path of the call that it is in, if any."""

    process: Process
    files: Recent[str, str] = field(default_factory=lambda: Recent(FILES_KNOWN))
    path: str | None = None
    since: float = 0.0

    def begin(self, path: str) -> None:
        """Note that a call about a file begins."""
        self.path, self.since = path, time.monotonic()
        self.files.keep(path, path)


class Pool:
    """Helpers that run the functions of one module; they are started when they are needed.

    Thread-safe. After a fork, the child process has no helpers and starts its own.
    """

    def __init__(self, module: str, library: str, usual: int = USUAL, most: int = MOST) -> None:
        self.module = module
        self.library = library
        self.usual = usual
        self.most = most
        self.verdicts = Verdicts()
        self.ended = {"late": 0, "died": 0}
        self._helpers: list[Helper] = []
        self._idle: list[Helper] = []
        self._starting = 0
        self._is_closed = False
        self._changed = Condition()
        register_at_fork(self)
        atexit.register(self.close)

    @property
    def pids(self) -> list[int]:
        """The process ids of the helpers."""
        return [helper.process.pid for helper in self._helpers]

    def call(self, path: str, revision: str, name: str, arguments: tuple[Any, ...], seconds: float) -> Any:
        """What a function returns or raises about a file, within `seconds` of getting a helper.

        Raises NoAnswer if the function took longer, Damaged if the library crashed twice, and Busy
        if no helper was free for `seconds`. After NoAnswer or Damaged, calls about the same
        revision of the file raise the same error at once for a while.
        """
        is_trial = self.verdicts.check(path, revision)
        try:
            helper = self._taken(path, seconds, None if is_trial else revision)
            return self._twice(helper, path, name, arguments, seconds)
        except Late:
            raise self._condemned(path, revision, NoAnswer, f"did not answer within {seconds:g} seconds") from None
        except Died as how:
            raise self._condemned(path, revision, Damaged, f"crashed ({how})") from None
        finally:
            self.verdicts.settle(path)

    def close(self) -> None:
        """End all helpers for good; calls raise from now on, including those under way."""
        atexit.unregister(self.close)
        with self._changed:
            self._is_closed = True
            for helper in self._helpers:
                if helper in self._idle:
                    helper.process.end()
                else:
                    helper.process.kill()  # its call closes the connection
            self._helpers, self._idle = [], []
            self._changed.notify_all()

    def _twice(self, helper: Helper, path: str, name: str, arguments: tuple[Any, ...], seconds: float) -> Any:
        """The answer of a helper or, if it died, of a new one.

        The first helper may have died because an earlier file had corrupted its memory.
        """
        try:
            return self._once(helper, name, arguments, seconds)
        except Died:
            self._check_open()
            return self._once(self._started(path), name, arguments, seconds)

    def _once(self, helper: Helper, name: str, arguments: tuple[Any, ...], seconds: float) -> Any:
        try:
            answer = helper.process.ask(name, arguments, seconds)
        except (Late, Died) as error:
            self.ended["late" if isinstance(error, Late) else "died"] += 1
            self._drop(helper)
            raise
        except BaseException:
            self._return(helper)
            raise
        self._return(helper)
        return answer

    def _condemned(self, path: str, revision: str, kind: type[OSError], what: str) -> OSError:
        """The error for a file on which the library hung or crashed.

        Calls about the file raise it for a while from now on.
        """
        name = os.path.basename(path)  # noqa: PTH119 - a string
        text = (
            f"the {self.library} library {what} on {name!r}, which is not opened again for a while; if this repeats, restore it from a copy"
        )

        def error() -> OSError:
            return kind(text)

        log.warning(text)
        self.verdicts.condemn(path, revision, error)
        return error()

    def _taken(self, path: str, seconds: float, revision: str | None) -> Helper:
        """A helper for a call about a file. Raises Busy if none is free for `seconds`.

        If a revision is given, raises NoAnswer or Damaged as soon as another call condemns the file
        at that revision.
        """
        began = time.monotonic()
        with self._changed:
            while (waited := time.monotonic() - began) < seconds:
                self._check_open()
                calls = [helper for helper in self._helpers if helper.path == path]
                if len(calls) < PER_FILE:
                    helper = self._free(path)
                    if helper is not None:
                        helper.begin(path)
                        return helper
                    if not (self._helpers or self._starting) or (waited >= PATIENCE and self._has_room()):
                        self._starting += 1
                        break
                self._changed.wait(min(seconds, STUCK if waited >= PATIENCE else PATIENCE))
                if revision is not None and self.verdicts.check(path, revision):
                    revision = None
            else:
                raise Busy(f"all {len(self._helpers)} helper processes for the {self.library} library are busy; ask again later")
        try:
            return self._started(path)
        finally:
            with self._changed:
                self._starting -= 1

    def _free(self, path: str) -> Helper | None:
        """An idle helper, one that has the file open, else the one used last.

        None if all are busy.
        """
        self._bury()
        if not self._idle:
            return None
        best = next((helper for helper in self._idle if path in helper.files), self._idle[-1])
        self._idle.remove(best)
        return best

    def _bury(self) -> None:
        """Remove idle helpers that somebody has killed."""
        for helper in [helper for helper in self._idle if not helper.process.is_alive()]:
            self._idle.remove(helper)
            self._helpers.remove(helper)
            helper.process.end()

    def _has_room(self) -> bool:
        now = time.monotonic()
        stuck = sum(helper.path is not None and now - helper.since > STUCK for helper in self._helpers)
        count = len(self._helpers) + self._starting
        return count - stuck < self.usual and count < self.most

    def _started(self, path: str) -> Helper:
        """A new helper, already in a call about a file."""
        helper = Helper(Process(self.module))
        helper.begin(path)
        with self._changed:
            if not self._is_closed:
                self._helpers.append(helper)
        return helper

    def _check_open(self) -> None:
        if self._is_closed:
            raise ConnectionAbortedError(f"the helper processes for the {self.library} library have ended; the server is shutting down")

    def _return(self, helper: Helper) -> None:
        with self._changed:
            helper.path = None
            if helper in self._helpers:
                self._idle.append(helper)
            else:
                helper.process.end()
            self._changed.notify_all()

    def _drop(self, helper: Helper) -> None:
        with self._changed:
            if helper in self._helpers:
                self._helpers.remove(helper)
            self._changed.notify_all()

    def let_go(self) -> None:
        """Leave the helpers to the process that we were forked from, and begin without any."""
        for helper in self._helpers:
            helper.process.abandon()
        self._helpers, self._idle, self._starting, self._changed = [], [], 0, Condition()


def register_at_fork(pool: Pool) -> None:
    """Have a child process begin without the helpers of a pool, as long as there is that pool."""
    weak = ref(pool)

    def let_go() -> None:
        if (living := weak()) is not None:
            living.let_go()

    os.register_at_fork(after_in_child=let_go)
