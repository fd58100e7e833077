"""Bounded work: a few threads, a budget of decoded bytes, and nothing begun for a client that has gone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from typing import Any, TypeVar

from starlette.types import Receive

from ...cache import Cache
from .native import Encoders
from .threads import Threads

T = TypeVar("T")

PATIENCE = 0.02
"""Seconds after which a client is watched that waits for its answer; watching costs more than handing a result over."""


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
    """Runs functions for requests in a few threads, and encodes chunks in native ones, within a budget of decoded bytes.

    What may wait for disk or network gets at most `threads` of them, what only computes one a processor. Half of the budget is for
    chunks that are encoded natively, which `cache` gets.
    """

    def __init__(self, threads: int, nbytes: int, cache: Cache[bytes]) -> None:
        self.encoders = Encoders(cache, nbytes // 2)
        self.budget = Budget(nbytes - self.encoders.nbytes)
        processors = os.cpu_count() or 1
        self.threads = Threads(threads, "tiled-zarr", usual=processors)
        self.processors = Threads(processors, "tiled-zarr-encoder")

    @property
    def pending(self) -> int:
        """Requests in a thread or waiting for one."""
        return self.threads.pending + self.processors.pending + self.encoders.pending

    @property
    def held(self) -> int:
        """Decoded bytes of the chunks that are being encoded."""
        return self.budget.nbytes - self.budget.free + self.encoders.held

    async def run(self, make: Callable[[], T], receive: Receive) -> T:
        """The result of a function that blocks. A disconnect takes it out of the queue and raises Gone."""
        return await unless_gone(self.threads.submit(make), receive)

    async def compute(self, make: Callable[[], T], receive: Receive) -> T:
        """The result of a function that only computes. A disconnect takes it out of the queue and raises Gone."""
        return await unless_gone(self.processors.submit(make), receive)

    def shut_down(self) -> None:
        """End the threads after the work that is queued."""
        self.threads.shut_down()
        self.processors.shut_down()
        self.encoders.shut_down()


async def unless_gone(result: asyncio.Future[T], receive: Receive) -> T:
    """The result, unless it takes a while and the client disconnects first: then its work leaves the queue, and Gone is raised."""
    watcher = Watcher(result, receive)
    try:
        return await result
    except asyncio.CancelledError:
        if watcher.has_seen_it_go:
            raise Gone from None
        raise
    finally:
        watcher.stop()


class Watcher:
    """Cancels a result once its client has gone; looks only after a while, because most results are there before."""

    def __init__(self, result: asyncio.Future[Any], receive: Receive) -> None:
        self.has_seen_it_go = False
        self._result = result
        self._receive = receive
        self._looking: asyncio.Future[None] | None = None
        self._later = asyncio.get_running_loop().call_later(PATIENCE, self._look)

    def stop(self) -> None:
        """Look no longer."""
        self._later.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def _look(self) -> None:
        self._looking = asyncio.ensure_future(disconnected(self._receive))
        self._looking.add_done_callback(self._seen)

    def _seen(self, looking: asyncio.Future[None]) -> None:
        if not looking.cancelled():
            self.has_seen_it_go = not self._result.done()
            self._result.cancel()


async def disconnected(receive: Receive) -> None:
    """Return when the client has gone; what it still sends is thrown away."""
    while (await receive())["type"] != "http.disconnect":
        pass
