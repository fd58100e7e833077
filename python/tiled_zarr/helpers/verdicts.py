"""Files on which a library hung or crashed, so that further requests for them fail at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from ..caches.recent import Recent

MOST_KEPT = 1024
FIRST_PAUSE = 60.0
"""Seconds until a file is tried again; see LONGEST_PAUSE."""
LONGEST_PAUSE = 3600.0
"""Seconds until a file is tried again, at most.

A slow disk looks like a hang, so we do try again. The pause doubles with each failure.
"""


@dataclass(slots=True)
class Verdict:
    """Why we gave up a file at a revision, and the length of the pause in seconds.

    From `until` (of `time.monotonic`) on one caller may try the file again; `is_tried` is true
    while it does. `until` is None after a trial that went well.
    """

    revision: str
    error: Callable[[], OSError]
    pause: float
    until: float | None
    is_tried: bool = False


class Verdicts:
    """The latest verdicts by path, each for one revision of its file. Thread-safe."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._kept: Recent[str, Verdict] = Recent(most)
        self._lock = Lock()

    def check(self, path: str, revision: str) -> bool:
        """Raise the verdict's error if the file must not be tried.

        After the pause, the first caller gets True and may try; the others get the error meanwhile.
        False means that no verdict forbids this revision.
        """
        if path not in self._kept:
            return False
        with self._lock:
            verdict = self._kept.peek(path)
            if verdict is None:
                return False
            if verdict.revision != revision:
                self._kept.drop(path)
                return False
            if verdict.until is None:
                return False
            if not verdict.is_tried and time.monotonic() >= verdict.until:
                verdict.is_tried = True
                return True
            error = verdict.error()
        raise error

    def condemn(self, path: str, revision: str, error: Callable[[], OSError]) -> None:
        """Refuse a file for a pause, twice as long as the last one at this revision."""
        with self._lock:
            before = self._kept.peek(path)
            is_again = before is not None and before.revision == revision
            pause = min(2 * before.pause, LONGEST_PAUSE) if before is not None and is_again else FIRST_PAUSE
            self._kept.keep(path, Verdict(revision, error, pause, time.monotonic() + pause))

    def settle(self, path: str) -> None:
        """End a trial.

        If the file was not condemned again, it may be read; its next pause is longer still.
        """
        if path not in self._kept:
            return
        with self._lock:
            verdict = self._kept.peek(path)
            if verdict is not None and verdict.is_tried:
                verdict.until, verdict.is_tried = None, False
