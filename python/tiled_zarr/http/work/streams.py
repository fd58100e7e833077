"""The streams of events that are open: how many there may be, and how they end.

Each is a request that lasts as long as its client stays. A server that has been asked to end waits
for the requests under way, so it has to end the streams first. Our own servers call `end`. If
uvicorn runs the application by itself, nothing tells us: so we look whether it has been asked.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...nodes import Busy

MOST, MOST_EACH = 1000, 100
"""Streams of one process at once, of all clients and of one; each takes some 20 kB."""
LOOK = 0.5
"""Seconds between two looks whether uvicorn has been asked to end."""


class Streams:
    """Counts streams and looks. `ends` are functions that end what is open."""

    def __init__(self, most: int = MOST, most_each: int = MOST_EACH) -> None:
        self.most = most
        self.most_each = most_each
        self.looks = 0
        self.ends: set[Callable[[], None]] = set()
        self.is_over = False
        self._of: Counter[str] = Counter()
        self._watching: asyncio.Task[None] | None = None

    @property
    def open(self) -> int:
        """How many streams are open."""
        return self._of.total()

    @contextmanager
    def opened(self, client: str) -> Iterator[None]:
        """A context in which a client has one more stream. Raises Busy if there are too many."""
        if self.is_over:
            raise Busy("the server ends; ask again later")
        if self.open >= self.most or self._of[client] >= self.most_each:
            raise Busy(f"there may be {self.most} streams of events, and {self.most_each} of one client; ask again later")
        self._of[client] += 1
        if self._watching is None:
            self._watching = asyncio.ensure_future(self._watch())
        try:
            yield
        finally:
            self._of -= Counter({client: 1})
            if not self._of and self._watching is not None:
                self._watching.cancel()
                self._watching = None

    def end(self) -> None:
        """End all streams, and allow no more."""
        self.is_over = True
        for end in list(self.ends):
            end()

    async def _watch(self) -> None:
        while not has_uvicorn_ended():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(LOOK)
        self.end()


def has_uvicorn_ended() -> bool:
    """Whether a uvicorn that runs in this process by itself has been asked to end.

    Its signal handler is a method of its server, which then has `should_exit`.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(server, "should_exit", False) is True
