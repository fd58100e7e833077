"""Chunks of arrays in memory, encoded by native threads, which never wait for the GIL or keep the event loop waiting for it.

Everything here happens in the event loop. It hands the native pool a few chunks more than there are processors, so that none of them waits,
and keeps the others itself, where clients that have gone can still take theirs back. While chunks are made quickly, sending them is as much
work as making them, and one processor is left to the event loop; where compressing takes its time, all of them compress.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

from ...caches.cost import Cache
from ...encoding.encode import Pool, is_native, native_arguments, native_pool
from ...hierarchy.keyspace import Chunk
from ...nodes import Changed

Body: TypeAlias = "asyncio.Future[bytes]"
Outcome: TypeAlias = "tuple[Flight, bytes | Exception, float]"
"""A chunk or the exception in its place, and the seconds that it took."""

AHEAD = 8
"""So many chunks wait in the pool while chunks are made quickly, where one turn of the event loop takes as long as several of them."""
SLOW_AHEAD = 1
"""The same where they are not: those who wait may have gone before it is their turn."""
TURN = 2 * 1024 * 1024
"""So many decoded bytes are given out in one turn of the event loop: sending them takes a while, for which all others wait."""
SLOW = 2e-3 / 2**20
"""Seconds a decoded byte from which on chunks are made slowly."""
WEIGHT = 0.1
"""Of the last chunk, in the mean of all."""


@dataclass(slots=True, eq=False)
class Flight:
    """A chunk that is being encoded, or is going to be, and who waits for it."""

    chunk: Chunk
    revision: str | None
    identity: str | None
    waiting: list[Body] = field(default_factory=list)

    @property
    def is_wanted(self) -> bool:
        """Whether anybody still waits."""
        return not all(body.done() for body in self.waiting)

    def land(self, body: bytes) -> None:
        """Give the body to all who wait."""
        for waiting in self.waiting:
            if not waiting.done():
                waiting.set_result(body)

    def fail(self, error: Exception) -> None:
        """Raise an error where the body is waited for."""
        for waiting in self.waiting:
            if not waiting.done():
                waiting.set_exception(error)


class Encoders:
    """Encodes chunks within a budget of decoded bytes, each once for all who ask meanwhile; `cache` gets what has a revision."""

    def __init__(self, cache: Cache[bytes], nbytes: int, processors: int = os.cpu_count() or 1) -> None:
        self.cache = cache
        self.nbytes = nbytes
        self.processors = processors
        self.held = 0
        """Decoded bytes of the chunks that are with the pool."""
        self._begun = 0
        self._pace = 0.0
        """Mean seconds a decoded byte."""
        self._is_slow = False
        self._waiting: deque[Flight] = deque()
        self._flights: dict[str, Flight] = {}
        self._made: deque[Outcome] = deque()
        self._next_turn: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: Pool | None = None

    @property
    def pending(self) -> int:
        """Chunks with the pool or waiting for it."""
        return self._begun + len(self._waiting)

    @property
    def alive(self) -> int:
        """The native threads that there are."""
        return 0 if self._pool is None else self.processors

    @property
    def at_work(self) -> int:
        """As many of them as have a chunk to encode."""
        return min(self._begun, self.alive)

    def submit(self, chunk: Chunk, revision: str | None, identity: str | None) -> Body | None:
        """A future of the chunk's body, which belongs to a revision; None where it is not for us.

        The future raises what the source raises, and Changed where the revision is another one in the end. Where all futures of a chunk are
        cancelled it is not begun.
        """
        if chunk.work > self.nbytes or not is_native(chunk):
            return None
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._attach(loop)
        if self._pool is None:
            return None
        flight = None if identity is None else self._flights.get(identity)
        if flight is None:
            flight = Flight(chunk, revision, identity)
            if identity is not None:
                self._flights[identity] = flight
            self._waiting.append(flight)
        else:
            self.cache.counters.joined += 1
        body: Body = loop.create_future()
        flight.waiting.append(body)
        self._feed()
        return body

    def shut_down(self) -> None:
        """End the threads, and give up what waits for them."""
        pool, loop = self._pool, self._loop
        self._pool = self._loop = None
        if pool is not None and loop is not None:
            if not loop.is_closed():
                loop.remove_reader(pool.fileno())
            pool.close()
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        self._made.clear()
        self._begun = self.held = 0
        self._pace, self._is_slow = 0.0, False
        self._waiting.clear()
        self._flights.clear()

    def _attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Work for this loop from now on; there is no pool where there can be none, or the loop cannot listen to it."""
        self.shut_down()
        pool = native_pool(self.processors)
        if pool is not None:
            try:
                loop.add_reader(pool.fileno(), self._deliver)
            except NotImplementedError:
                pool.close()
                pool = None
            else:
                pool.allow(self._threads)
        self._loop, self._pool = loop, pool

    def _feed(self) -> None:
        """Hand the pool what it has room for, the newest first, since that is what its viewer looks at now."""
        room = self._threads + (SLOW_AHEAD if self._is_slow else AHEAD)
        while self._waiting and self._begun < room:
            flight = self._waiting[-1]
            if flight.is_wanted and self.held + flight.chunk.work > self.nbytes:
                return
            self._waiting.pop()
            if flight.is_wanted:
                self._begin(flight)
            else:
                self._forget(flight)

    def _begin(self, flight: Flight) -> None:
        assert self._pool is not None
        try:
            self._pool.submit(flight, *native_arguments(flight.chunk))
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            self._forget(flight)
            flight.fail(error)
        else:
            self._begun += 1
            self.held += flight.chunk.work

    def _deliver(self) -> None:
        """Take what the pool has made."""
        assert self._pool is not None
        self._made.extend(self._pool.take())
        if self._next_turn is None:
            self._give_out()

    def _give_out(self) -> None:
        """Give out as much as one turn of the event loop has time for."""
        assert self._loop is not None
        nbytes = 0
        while self._made and nbytes < TURN:
            flight, made, seconds = self._made.popleft()
            nbytes += flight.chunk.work
            self._begun -= 1
            self.held -= flight.chunk.work
            self._forget(flight)
            self._note(seconds / max(flight.chunk.work, 1))
            if isinstance(made, bytes):
                self._land(flight, made, seconds)
            else:
                flight.fail(made)
        self._next_turn = self._loop.call_soon(self._give_out) if self._made else None
        self._feed()

    @property
    def _threads(self) -> int:
        """How many threads are to encode."""
        return self.processors if self._is_slow else max(self.processors - 1, 1)

    def _note(self, pace: float) -> None:
        """Take in how many seconds a decoded byte took."""
        self._pace += WEIGHT * (pace - self._pace)
        if (self._pace > SLOW) != self._is_slow:
            self._is_slow = not self._is_slow
            assert self._pool is not None
            self._pool.allow(self._threads)

    def _land(self, flight: Flight, body: bytes, seconds: float) -> None:
        try:
            stands = flight.chunk.revision() == flight.revision
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            flight.fail(error)
            return
        if not stands:
            flight.fail(Changed())
            return
        if flight.identity is not None:
            self.cache.put(flight.identity, body, seconds)
        flight.land(body)

    def _forget(self, flight: Flight) -> None:
        if flight.identity is not None:
            self._flights.pop(flight.identity, None)
