"""All that encodes and reads for requests: threads in Python and in Rust, and their memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...hierarchy import v3
from ...hierarchy.keyspace import Chunk, KeySpace
from ...nodes import Array, Group
from ...resources import Resources
from .elsewhere import Elsewhere
from .jobs import MOST_STUCK
from .native import Encoders
from .streams import Streams
from .threads import Limits, Threads
from .times import Sources, Times
from .watches import Watches

READY = 5.0
"""Seconds within which each pool of threads must do a job that takes no time."""


class Work:
    """The threads that read sources, those that compute, and the native ones, with their memory.

    At most `threads` threads read sources (`threads`), since they may wait for disks or networks,
    of which `usual` work at once unless a job waits; one per processor computes (`processors`), and
    as many are native (`encoders`). No thread waits for what other processes compute (`elsewhere`).
    They share
    `in_flight` decoded bytes: a quarter is for chunks that native threads encode, which are small,
    and whose bodies go into the cache of chunks. `trees` are the paths for which `sources` counts.
    """

    def __init__(
        self, threads: int, resources: Resources, limits: Limits | None = None, usual: int | None = None, trees: Sequence[str] = ("",)
    ) -> None:
        limits = limits or Limits()
        self.sources = Sources(trees)
        self.times = Times()
        self.streams = Streams()
        self.watches = Watches()
        self.encoders = Encoders(resources.chunks, resources.sizes.in_flight - resources.budget.nbytes, times=self.times)
        self.budget = resources.budget
        self._probe = probe(resources)
        processors = os.cpu_count() or 1
        self.threads = Threads(threads, "tiled-zarr", usual or processors, limits=limits, resources=resources)
        self.elsewhere = Elsewhere(self.threads, resources.chunks, self.times)
        self.processors = Threads(processors, "tiled-zarr-encoder", limits=limits, resources=resources)

    @property
    def pending(self) -> int:
        """The number of requests that wait for a thread or have one.

        It includes jobs that continue though their client got an answer or has disconnected.
        """
        return self.threads.pending + self.processors.pending + self.encoders.pending + self.elsewhere.pending

    @property
    def held(self) -> int:
        """Decoded bytes of the chunks that are being encoded."""
        return self.budget.nbytes - self.budget.free + self.encoders.held

    async def ready(self) -> str | None:
        """Which threads did not do a job within READY seconds, in words; None if all did."""
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
        """Make the threads end after the jobs that are queued. Does not wait for them."""
        self.streams.end()
        self.elsewhere.shut_down()
        self.threads.shut_down()
        self.processors.shut_down()
        self.encoders.shut_down()


def nothing() -> None:
    """A job that does nothing, to see whether a thread does it."""


def probed() -> str:
    """The source of that job: no node has such a path."""
    return "/readyz"


def probe(resources: Resources) -> Chunk:
    """A chunk of one byte, to see whether the native threads encode it."""
    one = np.zeros(1, "u1")
    node = Array(shape=(1,), dtype=one.dtype, read=lambda region: one[region], blocking=False)
    chunk = KeySpace(Group(children={"probe": node}), v3, resources=resources).resolve("probe/c/0")
    assert isinstance(chunk, Chunk)
    return chunk
