"""Files on which a library hung or crashed, so that the next request is answered at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from ..caches.recent import Recent

MOST_KEPT = 1024
FIRST_PAUSE = 60.0
LONGEST_PAUSE = 3600.0
"""Seconds. A slow disk looks like a hang, so we try again, after twice the pause each time."""


@dataclass(slots=True)
class Verdict:
    """Why a file was given up at a revision, and how many seconds it is left alone.

    It may be tried again at `until` (of `time.monotonic`), by one caller while `is_tried`; None means that this went well.
    """

    revision: str
    error: Callable[[], OSError]
    pause: float
    until: float | None
    is_tried: bool = False


class Verdicts:
    """Verdicts by path, the last ones, each for one revision of its file. Thread-safe."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._kept: Recent[str, Verdict] = Recent(most)
        self._lock = Lock()

    def check(self, path: str, revision: str) -> bool:
        """Raises the error of a file that is left alone. After the pause one caller gets true and may try; the others are refused."""
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
        """Leave a file alone for a pause, twice as long as the last one."""
        with self._lock:
            before = self._kept.peek(path)
            is_again = before is not None and before.revision == revision
            pause = min(2 * before.pause, LONGEST_PAUSE) if before is not None and is_again else FIRST_PAUSE
            self._kept.keep(path, Verdict(revision, error, pause, time.monotonic() + pause))

    def settle(self, path: str) -> None:
        """A trial is over: unless the file was condemned again it may be read, though its next pause will be longer."""
        if path not in self._kept:
            return
        with self._lock:
            verdict = self._kept.peek(path)
            if verdict is not None and verdict.is_tried:
                verdict.until, verdict.is_tried = None, False
