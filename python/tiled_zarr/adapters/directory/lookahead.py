"""Opens the other files of a folder in parallel after one of them has hung.

A listing opens the files of a folder in turn, and a library has 5 s for each. After the first file
that uses up its time, WORKERS threads open the others: eight files that hang cost 15 s instead of
40 (on two processors, on which two helper processes start in a second). Each file has its own
verdict, and a request for a file waits for that file only. Nobody waits any longer once PATIENCE
times the time of the first file is over: the files that have not been opened by then are named as
such, and the next request tries them again. So a listing takes at most 20 s, however many files
hang.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from threading import Event, Lock, Thread
from time import monotonic

from ...nodes import Busy, TooSlow

WORKERS = 7
"""One thread fewer than the pool's largest number of helpers, which leaves one for good files."""
PATIENCE = 3
"""How long requests wait, in multiples of the time that the first file took."""
SLOW = 0.5
"""Seconds of a call from which on we say that a file hangs.

It is less than the shortest deadline we met, and more than any verdict takes that is known already.
"""
NOT_YET = "it has not been opened yet, since other files of its folder do not answer; ask again later"


class Lookahead:
    """Files that other threads are opening just now, by name. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._looked: dict[str, Event] = {}
        self._end = 0.0

    @property
    def is_on(self) -> bool:
        """Whether a request may have to wait for some file."""
        return bool(self._looked)

    def begin(self, names: Iterable[str], look: Callable[[str], object], took: float) -> None:
        """Let other threads open these files, unless an earlier call still does so.

        `took` is how many seconds the first file hung.
        """
        with self._lock:
            if monotonic() < self._end:
                return
            self._end = end = monotonic() + PATIENCE * took
            self._looked = looked = {name: Event() for name in names}
        waiting = deque(looked.items())

        def work() -> None:
            while monotonic() < end:
                try:
                    name, is_looked_at = waiting.popleft()
                except IndexError:
                    return
                try:
                    look(name)
                except Busy:
                    waiting.append((name, is_looked_at))
                    continue
                except Exception:  # noqa: BLE001, S110 - a request for the file raises it again
                    pass
                is_looked_at.set()

        for _ in range(min(WORKERS, len(looked))):
            Thread(target=work, name="tiled-zarr-lookahead", daemon=True).start()

    def wait(self, name: str) -> None:
        """Wait until a file has been opened.

        Raises TooSlow if that takes too long, and for a while after the time is over.
        """
        is_looked_at = self._looked.get(name)
        if is_looked_at is None:
            return
        left = self._end - monotonic()
        if left < -SLOW * WORKERS:
            self._looked = {}
        elif not is_looked_at.wait(max(left, 0)):
            raise TooSlow(NOT_YET)
