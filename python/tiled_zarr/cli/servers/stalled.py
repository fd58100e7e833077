"""Closes connections whose request does not arrive.

A timer for each request would cost two calls on the hot path. Instead we visit all connections a
few times within the limit, and note how many requests each has had. We close a connection if it has
begun no further request for as long as the limit, and none is being answered. That covers
connections that send nothing, half a head, or a body that never ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Protocol

LOOKS = 4
"""Visits within the limit, so a connection is closed at most a quarter of the limit late."""


class Watched(Protocol):
    """A connection."""

    def progress(self) -> object:
        """A value that changes with each request; None while a request is being answered."""

    def abort(self) -> None:
        """Close the connection at once."""


class Stalled:
    """Remembers when the progress of each connection last changed."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.seen: dict[Watched, tuple[object, float]] = {}

    def among(self, connections: Iterable[Watched]) -> list[Watched]:
        """The connections that have waited for longer than the limit."""
        now = monotonic()
        before, self.seen = self.seen, {}
        for connection in connections:
            progress = connection.progress()
            if progress is not None:
                known, since = before.get(connection, (None, now))
                self.seen[connection] = (progress, since if known == progress else now)
        return [connection for connection, (_, since) in self.seen.items() if now - since >= self.seconds]


async def swept(connections: Callable[[], Iterable[Watched]], stalled: Stalled) -> None:
    """Close stalled connections, until this coroutine is cancelled."""
    while True:
        await asyncio.sleep(stalled.seconds / LOOKS)
        for connection in stalled.among(connections()):
            connection.abort()
