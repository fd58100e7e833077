"""Encodes chunks of arrays in memory on native threads, which never hold Python's lock (GIL).

Python threads are too slow for such chunks. Each holds the GIL for a few lines before and after the
native call, and each time it wants the GIL back the event loop may wait up to 5 ms (the
interpreter's switch interval). With several threads the loop falls behind, and the processors idle.

So the event loop does the Python part itself, which takes 4 us: it gets a view of the data, and
hands the rest to a pool of threads in Rust. The pool writes to a file descriptor when chunks are
encoded, and the loop then takes the bodies. All of this module runs in the event loop and needs no
locks.

- The pool gets one chunk per thread and AHEAD more, so that it never idles. All other chunks wait
  here, where they are dropped if all their clients disconnect. The newest goes first: its viewer
  shows it now.
- While chunks are encoded quickly, sending them is as much work as encoding them, so one processor
  is left to the loop. If encoding takes more than SLOW seconds per byte, all processors encode.
- A turn of the event loop ends once it has given out TURN decoded bytes: sending them takes time in
  which all other requests wait.
- Requests for the same chunk share one `Encoding`, which is found by its identity.

Invariant: `held` is the sum of the decoded bytes of the `_begun` chunks, which are in the pool or
in `_made`; it is at most `nbytes`.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeAlias

from ...caches.cost import Cache
from ...clocks import Clock
from ...encoding.encode import Pool, native_arguments, native_pool
from ...hierarchy.keyspace import Chunk
from ...nodes import Changed
from .times import Times

Body: TypeAlias = "asyncio.Future[bytes]"
Outcome: TypeAlias = "tuple[Encoding, bytes | Exception, float]"
"""An encoding, its body or the exception that it raised, and the seconds that it took."""

AHEAD = 8
"""Chunks that wait in the pool besides those being encoded, while chunks are made quickly.

Measured 2026-11-26 with bench/pool.py: with 0 to 4 the 99th percentile of the latency is 1.5 to
2 times as long, since the pool idles while the loop is busy; 16 and 64 gain nothing.
"""
SLOW_AHEAD = 1
"""The same while chunks are made slowly.

0 to 8 are equally fast (bench/pool.py); the fewer, the less is encoded for clients that have gone.
"""
TURN = 2 * 1024 * 1024
"""Decoded bytes that are given out in one turn of the event loop, before it answers others.

0.5 to 64 MiB are equally fast (bench/pool.py); this is four chunks of 512 x 512 u2.
"""
SLOW = 2e-3 / 2**20
"""Seconds per decoded byte above which a chunk was made slowly.

This is 2 ms a MiB, twice as long as Blosc with LZ4 takes, and a tenth of what Zstandard takes at
level 9. Half and twice as much make no difference; if all processors always encode, the 99th
percentile of the latency of quick chunks is 1.2 to 1.9 times as long (bench/pool.py).
"""


@dataclass(slots=True, eq=False)
class Encoding:
    """A chunk that is queued or being encoded, and the futures that wait for its body.

    They wait in the event loop; no thread waits, unlike for a Flight. `clocks` are those of the
    requests that want to know their times, and `since` is when the chunk was queued.
    """

    chunk: Chunk
    revision: str | None
    identity: str | None
    waiting: list[Body] = field(default_factory=list)
    clocks: tuple[Clock, ...] = ()
    since: float = field(default_factory=perf_counter)

    @property
    def is_wanted(self) -> bool:
        """Whether any future still waits."""
        return not all(body.done() for body in self.waiting)

    def land(self, body: bytes) -> None:
        """Give the body to all futures that wait."""
        for waiting in self.waiting:
            if not waiting.done():
                waiting.set_result(body)

    def fail(self, error: Exception) -> None:
        """Raise an error in all futures that wait."""
        for waiting in self.waiting:
            if not waiting.done():
                waiting.set_exception(error)


class Encoders:
    """Encodes chunks within a budget of `nbytes` decoded bytes, each once for all its requests.

    `cache` gets the bodies of chunks with an identity, and `times` how long each chunk took.
    """

    def __init__(self, cache: Cache[bytes], nbytes: int, processors: int = os.cpu_count() or 1, times: Times | None = None) -> None:
        self.cache = cache
        self.times = times or Times()
        self.nbytes = nbytes
        self.processors = processors
        self.held = 0
        """Decoded bytes of the chunks in the pool or in `_made`."""
        self._begun = 0
        self._is_slow = False
        """Whether the last chunk was made slowly."""
        self._waiting: deque[Encoding] = deque()
        self._encodings: dict[str, Encoding] = {}
        self._made: deque[Outcome] = deque()
        self._next_turn: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: Pool | None = None

    @property
    def pending(self) -> int:
        """The number of chunks that the pool has or that wait for it."""
        return self._begun + len(self._waiting)

    @property
    def alive(self) -> int:
        """The number of native threads that exist."""
        return 0 if self._pool is None else self.processors

    @property
    def at_work(self) -> int:
        """The number of native threads that have a chunk to encode."""
        return min(self._begun, self.alive)

    def submit(self, chunk: Chunk, revision: str | None, identity: str | None, clock: Clock | None = None) -> Body | None:
        """A future of the chunk's body at a revision; None if native threads cannot encode it.

        The future raises what the source raises, and Changed if the chunk then has another
        revision. If all futures of a chunk are cancelled before the pool gets it, it is not
        encoded. `clock` gets the times to wait and to encode, before the future has its result.
        """
        if chunk.recipe.nbytes > self.nbytes or not chunk.recipe.is_native:
            return None
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._attach(loop)
        if self._pool is None:
            return None
        encoding = None if identity is None else self._encodings.get(identity)
        if encoding is None:
            encoding = Encoding(chunk, revision, identity)
            if identity is not None:
                self._encodings[identity] = encoding
            self._waiting.append(encoding)
        else:
            self.cache.counters.joined += 1
        body: Body = loop.create_future()
        encoding.waiting.append(body)
        if clock is not None:
            encoding.clocks += (clock,)
        self._feed()
        return body

    def shut_down(self) -> None:
        """End the threads, and drop the chunks that wait for them."""
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
        self._is_slow = False
        self._waiting.clear()
        self._encodings.clear()

    def _attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Work for this event loop from now on.

        There is no pool on Windows, or if the loop cannot watch a file descriptor.
        """
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
        """Hand the pool as many chunks as it has room for.

        The newest goes first, since that is what its viewer shows now.
        """
        room = self._threads + (SLOW_AHEAD if self._is_slow else AHEAD)
        while self._waiting and self._begun < room:
            encoding = self._waiting[-1]
            if encoding.is_wanted and self.held + encoding.chunk.recipe.nbytes > self.nbytes:
                return
            self._waiting.pop()
            if encoding.is_wanted:
                self._begin(encoding)
            else:
                self._forget(encoding)

    def _begin(self, encoding: Encoding) -> None:
        assert self._pool is not None
        try:
            self._pool.submit(encoding, *native_arguments(encoding.chunk))
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            self._forget(encoding)
            encoding.fail(error)
        else:
            self._begun += 1
            self.held += encoding.chunk.recipe.nbytes

    def _deliver(self) -> None:
        """Take what the pool has encoded."""
        assert self._pool is not None
        self._made.extend(self._pool.take())
        if self._next_turn is None:
            self._give_out()

    def _give_out(self) -> None:
        """Give out bodies until TURN decoded bytes are reached; the rest in the next turn."""
        assert self._loop is not None
        nbytes = 0
        while self._made and nbytes < TURN:
            encoding, made, seconds = self._made.popleft()
            nbytes += encoding.chunk.recipe.nbytes
            self._begun -= 1
            self.held -= encoding.chunk.recipe.nbytes
            self._forget(encoding)
            self._measure(encoding, seconds)
            self._note(seconds / max(encoding.chunk.recipe.nbytes, 1))
            if isinstance(made, bytes):
                self._land(encoding, made, seconds)
            else:
                encoding.fail(made)
        self._next_turn = self._loop.call_soon(self._give_out) if self._made else None
        self._feed()

    def _measure(self, encoding: Encoding, seconds: float) -> None:
        """Count how long a chunk has waited and was encoded, and tell the requests that want it."""
        waited = max(perf_counter() - encoding.since - seconds, 0.0)
        self.times.queue.observe(waited)
        self.times.encode.observe(seconds)
        for clock in encoding.clocks:
            clock.queue, clock.encode = waited, seconds

    @property
    def _threads(self) -> int:
        """The number of threads that shall encode."""
        return self.processors if self._is_slow else max(self.processors - 1, 1)

    def _note(self, pace: float) -> None:
        """Let as many threads encode as suit the last chunk's pace, in seconds per decoded byte."""
        if (pace > SLOW) != self._is_slow:
            self._is_slow = not self._is_slow
            assert self._pool is not None
            self._pool.allow(self._threads)

    def _land(self, encoding: Encoding, body: bytes, seconds: float) -> None:
        try:
            is_current = encoding.chunk.revision() == encoding.revision
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            encoding.fail(error)
            return
        if not is_current:
            encoding.fail(Changed())
            return
        if encoding.identity is not None:
            self.cache.put(encoding.identity, body, seconds)
        encoding.land(body)

    def _forget(self, encoding: Encoding) -> None:
        if encoding.identity is not None:
            self._encodings.pop(encoding.identity, None)
