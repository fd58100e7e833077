"""All that makes bodies and pages for requests: threads that read, threads that compute, native ones, and their memory."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import numpy as np

from ...hierarchy import v3
from ...hierarchy.keyspace import Chunk, KeySpace
from ...nodes import Array, Group
from ...resources import Resources
from .jobs import MOST_STUCK
from .native import Encoders
from .threads import Limits, Threads

READY = 5.0
"""Seconds within which each pool of threads has to do a job that takes no time."""


class Work:
    """Threads that read sources (`threads`), threads that compute (`processors`), native ones (`encoders`), within one budget.

    At most `threads` jobs that may wait for disk or network are done at once, and one a processor
    that only computes. A quarter of `in_flight` is for chunks that are encoded natively, which are
    small, and whose bodies go into the cache of chunks.
    """

    def __init__(self, threads: int, resources: Resources, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self.encoders = Encoders(resources.chunks, resources.sizes.in_flight - resources.budget.nbytes)
        self.budget = resources.budget
        self._probe = probe(resources)
        processors = os.cpu_count() or 1
        self.threads = Threads(threads, "tiled-zarr", processors, limits=limits, resources=resources)
        self.processors = Threads(processors, "tiled-zarr-encoder", limits=limits, resources=resources)

    @property
    def pending(self) -> int:
        """Requests in a thread or waiting for one, and what goes on in threads though its client was answered or has gone."""
        return self.threads.pending + self.processors.pending + self.encoders.pending

    @property
    def held(self) -> int:
        """Decoded bytes of the chunks that are being encoded."""
        return self.budget.nbytes - self.budget.free + self.encoders.held

    async def ready(self) -> str | None:
        """What is not ready to work, or None where every pool has answered within READY seconds."""
        asked: dict[str, asyncio.Future[Any] | None] = {
            "the threads that read sources": self.threads.submit(nothing, probed),
            "the threads that compute": self.processors.submit(nothing, probed),
            "the native threads": self.encoders.submit(self._probe, None, None),
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


def probe(resources: Resources) -> Chunk:
    """A chunk of one byte, to see whether the native threads answer."""
    one = np.zeros(1, "u1")
    node = Array(shape=(1,), dtype=one.dtype, read=lambda region: one[region], blocking=False)
    chunk = KeySpace(Group(children={"probe": node}), v3, resources=resources).resolve("probe/c/0")
    assert isinstance(chunk, Chunk)
    return chunk
