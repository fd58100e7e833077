"""Connections whose request does not arrive.

A timer for each request would be set and cancelled on the hot path. Instead we look at all connections a few times within the limit
and note how many requests each has had: one that has had no other since the limit, and answers none, is closed. That covers
connections that send nothing, half a head, or a body that never ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Protocol

LOOKS = 4
"""Looks within the limit: a connection is closed a quarter of the limit late at most."""


class Watched(Protocol):
    """A connection."""

    def progress(self) -> object:
        """None while a request is being answered, else something that changes with each request."""

    def abort(self) -> None:
        """Close the connection at once."""


class Stalled:
    """Remembers when each connection was last seen to have changed."""

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
    """Close connections that stall, until this is cancelled."""
    while True:
        await asyncio.sleep(stalled.seconds / LOOKS)
        for connection in stalled.among(connections()):
            connection.abort()
