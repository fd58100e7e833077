"""Chunks whose blocks other processes compute: no thread waits for them.

A thread begins a chunk, since making the graph of its tasks takes milliseconds; then the event loop
waits, for as long as a source may take for one read; then a thread takes the block and encodes it::

    asked --> begun --> pending --> done --> encoded --> kept, sent
                |          |
                |          +-- it takes longer than `Limits.read`: TooSlow, 503
                +----------+-- all its clients have gone: the other processes drop it

Requests for the same chunk share one `Making`, which is found by its identity. All of this module
runs in the event loop and needs no locks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import TypeAlias

from ...caches.cost import Cache
from ...clocks import Clock
from ...hierarchy.keyspace import Chunk
from ...nodes import Pending, TooSlow
from .threads import Threads
from .times import Times

Body: TypeAlias = "asyncio.Future[bytes]"
Encode: TypeAlias = Callable[[Chunk, str | None], bytes]


@dataclass(slots=True, eq=False)
class Making:
    """A chunk that is being made, its task, and the futures that wait for its body."""

    task: asyncio.Task[bytes]
    clock: Clock
    waiting: list[Body] = field(default_factory=list)

    @property
    def is_wanted(self) -> bool:
        """Whether any future still waits."""
        return not all(body.done() for body in self.waiting)


class Elsewhere:
    """Makes chunks whose recipe can `begin`, each once for all its requests.

    `threads` begin and encode them; `cache` gets the bodies of those with an identity, and `times`
    how long each took.
    """

    def __init__(self, threads: Threads, cache: Cache[bytes], times: Times) -> None:
        self.threads = threads
        self.cache = cache
        self.times = times
        self._makings: dict[str, Making] = {}
        self._all: set[Making] = set()
        self.pending = 0
        """Chunks for which no thread works, since other processes compute their blocks."""

    def submit(self, chunk: Chunk, revision: str | None, identity: str | None, encode: Encode, clock: Clock | None = None) -> Body:
        """A future of the chunk's body at a revision, which `encode` makes of it in a thread.

        The future raises what the source and `encode` raise, and TooSlow. If all futures of a chunk
        are cancelled, its tasks are dropped. `clock` gets the times, before the future has its
        result.
        """
        loop = asyncio.get_running_loop()
        making = None if identity is None else self._makings.get(identity)
        if making is None or making.task.get_loop() is not loop or not making.is_wanted:
            making = self._begun(loop, chunk, revision, identity, encode)
        else:
            self.cache.counters.joined += 1
        body: Body = loop.create_future()
        making.waiting.append(body)
        body.add_done_callback(partial(self._left, making))
        making.task.add_done_callback(partial(deliver, body, making.clock, clock))
        return body

    def shut_down(self) -> None:
        """Drop all chunks that are being made."""
        for making in tuple(self._all):
            if not making.task.get_loop().is_closed():
                making.task.cancel()

    def _begun(self, loop: asyncio.AbstractEventLoop, chunk: Chunk, revision: str | None, identity: str | None, encode: Encode) -> Making:
        clock = Clock()
        making = Making(loop.create_task(self._made(chunk, revision, identity, encode, clock)), clock)
        self._all.add(making)
        if identity is not None:
            self._makings[identity] = making
        making.task.add_done_callback(partial(self._forget, making, identity))
        return making

    async def _made(self, chunk: Chunk, revision: str | None, identity: str | None, encode: Encode, clock: Clock) -> bytes:
        begin, find, start = chunk.recipe.begin, partial(source_of, chunk), perf_counter()
        assert begin is not None
        pending = await self.threads.submit(partial(begin, chunk.region), find, clock)
        try:
            await self._done(pending, clock)
            body = await self.threads.submit(partial(encode, read_from(chunk, pending), revision), find, clock)
        finally:
            pending.cancel()
        if identity is not None:
            self.cache.put(identity, body, perf_counter() - start)
        return body

    async def _done(self, pending: Pending, clock: Clock) -> None:
        """Wait until a block is computed. Raises TooSlow if that takes too long."""
        loop, done, seconds = asyncio.get_running_loop(), asyncio.Event(), self.threads.limits.read

        def wake() -> None:
            with suppress(RuntimeError):  # the loop has closed, and nobody waits
                loop.call_soon_threadsafe(done.set)

        since, self.pending = perf_counter(), self.pending + 1
        pending.when_done(wake)
        try:
            await asyncio.wait_for(done.wait(), seconds)
        except TimeoutError as error:
            raise TooSlow(f"the source did not answer within {seconds:g} s; ask again later") from error
        finally:
            self.pending -= 1
            clock.read += perf_counter() - since

    def _left(self, making: Making, _: Body) -> None:
        """Drop a chunk that nobody wants any more."""
        if not making.is_wanted:
            making.task.cancel()

    def _forget(self, making: Making, identity: str | None, task: asyncio.Task[bytes]) -> None:
        self._all.discard(making)
        if not task.cancelled():
            task.exception()  # asyncio logs errors that nobody has looked at
        self.times.note(making.clock)
        if identity is not None and self._makings.get(identity) is making:
            del self._makings[identity]


def source_of(chunk: Chunk) -> str:
    """The path of the source that a chunk is read from."""
    return chunk.recipe.source


def read_from(chunk: Chunk, pending: Pending) -> Chunk:
    """The same chunk, whose block is the one that was computed."""
    return replace(chunk, recipe=replace(chunk.recipe, read=lambda _: pending.block()))


def deliver(body: Body, measured: Clock, clock: Clock | None, task: asyncio.Task[bytes]) -> None:
    """Give the result of a task to a future that still waits, and its times to a request."""
    if clock is not None:
        clock.queue, clock.read, clock.encode = measured.queue, measured.read, measured.encode
    if body.done():
        return
    if task.cancelled():
        body.cancel()
    elif (error := task.exception()) is not None:
        body.set_exception(error)
    else:
        body.set_result(task.result())
