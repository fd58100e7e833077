"""Bounded work: a few threads, deadlines, a budget of decoded bytes, and nothing begun for a client that has gone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import numpy as np
from starlette.types import Receive

from ...budgets import Budget
from ...caches.cost import Cache
from ...hierarchy import v3
from ...hierarchy.keyspace import Chunk, KeySpace
from ...nodes import Array, Group
from .jobs import MOST_STUCK
from .native import Encoders
from .threads import Limits, Threads, waiting

T = TypeVar("T")

READY = 5.0
"""Seconds within which each pool of threads has to do a job that takes no time."""

PATIENCE = 0.02
"""Seconds after which a client is watched that waits for its answer; watching costs more than handing a result over."""


class Gone(Exception):
    """The client went away before its work began."""


class Work:
    """Runs functions for requests in a few threads, and encodes chunks in native ones, within a budget of decoded bytes.

    What may wait for disk or network gets at most `threads` of them, what only computes one a processor. A quarter of the budget is for
    chunks that are encoded natively, which `cache` gets: these are small.
    """

    def __init__(self, threads: int, nbytes: int, cache: Cache[bytes], limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self.encoders = Encoders(cache, nbytes // 4)
        self.budget = Budget(nbytes - self.encoders.nbytes, limits.queue)
        processors = os.cpu_count() or 1
        self.threads = Threads(threads, "tiled-zarr", processors, limits=limits, budget=self.budget)
        self.processors = Threads(processors, "tiled-zarr-encoder", limits=limits, budget=self.budget)

    @property
    def pending(self) -> int:
        """Requests in a thread or waiting for one, and what goes on in threads though its client was answered or has gone."""
        return self.threads.pending + self.processors.pending + self.encoders.pending

    @property
    def held(self) -> int:
        """Decoded bytes of the chunks that are being encoded."""
        return self.budget.nbytes - self.budget.free + self.encoders.held

    def take(self, nbytes: int) -> None:
        """Take bytes out of the budget for this thread, to be given back; waiting for them is not the source's fault.

        Blocks. Raises TooLarge and Busy.
        """
        if not self.budget.take_free(nbytes):
            with waiting():
                self.budget.take(nbytes)

    async def run(self, make: Callable[[], T], receive: Receive, find: Callable[[], str]) -> T:
        """The result of a function that blocks. A disconnect takes it out of the queue and raises Gone.

        `find()` tells, as far as it is known, the source that it asks. Raises TooSlow and Busy, and what the function raises.
        """
        return await unless_gone(self.threads.submit(make, find), receive)

    async def compute(self, make: Callable[[], T], receive: Receive, find: Callable[[], str]) -> T:
        """The same of a function that only computes."""
        return await unless_gone(self.processors.submit(make, find), receive)

    async def ready(self) -> str | None:
        """What is not ready to work, or None where every pool has answered within READY seconds."""
        asked: dict[str, asyncio.Future[Any] | None] = {
            "the threads that read sources": self.threads.submit(nothing, probed),
            "the threads that compute": self.processors.submit(nothing, probed),
            "the native threads": self.encoders.submit(probe(), None, None),
        }
        futures = {future: name for name, future in asked.items() if future is not None}
        _, late = await asyncio.wait(futures, timeout=READY)
        for future in late:
            future.cancel()
        if self.threads.jobs.stuck >= MOST_STUCK:
            return f"{MOST_STUCK} threads are stuck in sources that do not answer"
        slow = [name for future, name in futures.items() if future in late or future.exception() is not None]
        return f"{' and '.join(slow)} did not answer within {READY:g} s" if slow else None

    def shut_down(self) -> None:
        """End the threads after the work that is queued. Waits for none of them."""
        self.threads.shut_down()
        self.processors.shut_down()
        self.encoders.shut_down()


def nothing() -> None:
    """What a thread is asked to do to see whether there is one."""


def probed() -> str:
    """The source that this asks: no node has such a path."""
    return "/readyz"


@cache
def probe() -> Chunk:
    """A chunk of one byte, to see whether the native threads answer."""
    one = np.zeros(1, "u1")
    node = Array(shape=(1,), dtype=one.dtype, read=lambda region: one[region], blocking=False)
    chunk = KeySpace(Group(children={"probe": node}), v3).resolve("probe/c/0")
    assert isinstance(chunk, Chunk)
    return chunk


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
