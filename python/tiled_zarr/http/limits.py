"""Bounded work: a few threads, a budget of decoded bytes, and nothing begun for a client that has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from typing import Any, TypeVar

from starlette.types import Receive

from .threads import Threads

T = TypeVar("T")


class Gone(Exception):
    """The client went away before its work began."""


class Budget:
    """Decoded bytes that may be in memory at once, given out in the order of asking.

    What is larger than the whole budget gets all of it, and so passes alone.
    """

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self.free = nbytes
        self._turn = Lock()
        self._freed = Condition()

    @contextmanager
    def hold(self, nbytes: int) -> Iterator[None]:
        """Wait for so many bytes, and give them back in the end. Blocks."""
        share = min(nbytes, self.nbytes)
        with self._turn, self._freed:
            self._freed.wait_for(lambda: self.free >= share)
            self.free -= share
        try:
            yield
        finally:
            with self._freed:
                self.free += share
                self._freed.notify_all()


class Work:
    """Runs blocking functions for requests in at most `threads` threads, within a budget of decoded bytes."""

    def __init__(self, threads: int, nbytes: int) -> None:
        self.budget = Budget(nbytes)
        self.threads = Threads(threads, "tiled-zarr")

    async def run(self, make: Callable[[], T], receive: Receive) -> T:
        """The result of `make()`. A disconnect takes it out of the queue and raises Gone; as the newest go first, any may have to queue."""
        return await unless_gone(self.threads.submit(make), receive)


async def unless_gone(result: asyncio.Future[T], receive: Receive) -> T:
    """The result, unless the client disconnects first: then its work leaves the queue, and Gone is raised."""
    watcher = asyncio.ensure_future(disconnected(receive))
    either: list[asyncio.Future[Any]] = [result, watcher]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not result.done():
            raise Gone
        return result.result()
    finally:
        watcher.cancel()
        result.cancel()


async def disconnected(receive: Receive) -> None:
    """Return when the client has gone; what it still sends is thrown away."""
    while (await receive())["type"] != "http.disconnect":
        pass
