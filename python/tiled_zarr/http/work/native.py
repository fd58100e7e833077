"""Chunks of arrays in memory, encoded by native threads that never hold the GIL.

A Python thread is the wrong place to encode such a chunk. It has the GIL for the few lines before and
after the native call, and each time it wants it back the event loop waits up to 5 ms (the interpreter's
switch interval): with several threads the loop falls behind and the processors idle.

So the event loop does the Python part itself, 4 us of looking at a view of the data, and hands the
rest to a pool in Rust. The pool writes to a descriptor when chunks are made, and the loop takes them.
Everything in this module happens in the event loop; it needs no locks.

- The pool gets one chunk a thread and AHEAD more, so that it never idles; all others wait here, where
  a client that has gone can take its chunk back. The newest goes first: its viewer shows it now.
- While chunks are made quickly, sending them is as much work as making them: one processor is left
  to the loop. If compressing takes more than SLOW a byte, all processors compress.
- One turn of the loop gives out at most TURN decoded bytes: sending them holds up everybody else.
- A chunk that several requests ask for is one `Encoding`, found by its identity.

Invariant: `held` is the sum of the decoded bytes of the `_begun` chunks that the pool has or that lie in
`_made`, and at most `nbytes`.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

from ...caches.cost import Cache
from ...encoding.encode import Pool, native_arguments, native_pool
from ...hierarchy.keyspace import Chunk
from ...nodes import Changed

Body: TypeAlias = "asyncio.Future[bytes]"
Outcome: TypeAlias = "tuple[Encoding, bytes | Exception, float]"
"""An encoding, the body or the exception in its place, and the seconds that it took."""

AHEAD = 8
"""Chunks that wait in the pool besides those being encoded, while chunks are made quickly.

Measured 2026-11-26 with bench/pool.py: with 0 to 4 the 99th percentile of the latency is 1.5 to 2 times
as long, since the pool idles while the loop is busy; 16 and 64 gain nothing.
"""
SLOW_AHEAD = 1
"""The same while chunks are made slowly. 0 to 8 are equally fast (bench/pool.py); the fewer, the less is
encoded for clients that have gone."""
TURN = 2 * 1024 * 1024
"""Decoded bytes that are given out in one turn of the event loop, before it answers others. 0.5 to 64 MiB
are equally fast (bench/pool.py); this is four chunks of 512 x 512 u2."""
SLOW = 2e-3 / 2**20
"""Seconds per decoded byte above which a chunk was made slowly: 2 ms a MiB, twice as long as Blosc with
LZ4 takes, and a tenth of what Zstandard takes at level 9. Half and twice as much make no difference;
if all processors always encode, the 99th percentile of the latency of quick chunks is 1.2 to 1.9
times as long (bench/pool.py)."""


@dataclass(slots=True, eq=False)
class Encoding:
    """A chunk that is being encoded, or is going to be, and who waits for it in the event loop (no thread waits, as for a Flight)."""

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
        self._is_slow = False
        self._waiting.clear()
        self._encodings.clear()

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
            encoding, made, seconds = self._made.popleft()
            nbytes += encoding.chunk.recipe.nbytes
            self._begun -= 1
            self.held -= encoding.chunk.recipe.nbytes
            self._forget(encoding)
            self._note(seconds / max(encoding.chunk.recipe.nbytes, 1))
            if isinstance(made, bytes):
                self._land(encoding, made, seconds)
            else:
                encoding.fail(made)
        self._next_turn = self._loop.call_soon(self._give_out) if self._made else None
        self._feed()

    @property
    def _threads(self) -> int:
        """How many threads are to encode."""
        return self.processors if self._is_slow else max(self.processors - 1, 1)

    def _note(self, pace: float) -> None:
        """Let as many threads encode as suits the pace of the last chunk, in seconds per decoded byte."""
        if (pace > SLOW) != self._is_slow:
            self._is_slow = not self._is_slow
            assert self._pool is not None
            self._pool.allow(self._threads)

    def _land(self, encoding: Encoding, body: bytes, seconds: float) -> None:
        try:
            stands = encoding.chunk.revision() == encoding.revision
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            encoding.fail(error)
            return
        if not stands:
            encoding.fail(Changed())
            return
        if encoding.identity is not None:
            self.cache.put(encoding.identity, body, seconds)
        encoding.land(body)

    def _forget(self, encoding: Encoding) -> None:
        if encoding.identity is not None:
            self._encodings.pop(encoding.identity, None)
