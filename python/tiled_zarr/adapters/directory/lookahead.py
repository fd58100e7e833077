"""Looking at several files of a folder at once after one of them has hung, so that more of them do not hang one after the other.

A listing opens the files of a folder in turn, and a library has 5 s for each. After the first that takes all of it, WORKERS threads
open the others: eight files that hang cost 15 s and not 40 (on two processors, where helper processes start two a second). Each file has
its own verdict; who asks for one waits for that. After PATIENCE times the time that the first one took nobody waits any longer: what
has not been looked at then is named so, and asked for anew later. So a listing takes 20 s at most, however many files hang.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from threading import Event, Lock, Thread
from time import monotonic

from ...nodes import Busy, TooSlow

WORKERS = 7
"""One less than there are helper processes at most, so that one is left for files that are good."""
PATIENCE = 3
SLOW = 0.5
"""Seconds that a file takes which hangs; less than the shortest deadline that we met, more than any refusal that is known already."""
NOT_YET = "it has not been looked at yet, since other files of its folder do not answer; ask again later"


class Lookahead:
    """Files that are looked at by other threads just now, by name. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._looked: dict[str, Event] = {}
        self._end = 0.0

    @property
    def is_on(self) -> bool:
        """Whether any file may have to be waited for."""
        return bool(self._looked)

    def begin(self, names: Iterable[str], look: Callable[[str], object], took: float) -> None:
        """Have other threads look at these files, unless they do so already; `took` is for how many seconds the first one hung."""
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
                except Exception:  # noqa: BLE001, S110 - whoever asks for the file gets it
                    pass
                is_looked_at.set()

        for _ in range(min(WORKERS, len(looked))):
            Thread(target=work, name="tiled-zarr-lookahead", daemon=True).start()

    def wait(self, name: str) -> None:
        """Wait until a file has been looked at. Raises TooSlow when that is not so in time, and for a while after."""
        is_looked_at = self._looked.get(name)
        if is_looked_at is None:
            return
        left = self._end - monotonic()
        if left < -SLOW * WORKERS:
            self._looked = {}
        elif not is_looked_at.wait(max(left, 0)):
            raise TooSlow(NOT_YET)
