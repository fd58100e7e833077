"""The event loop in which the database of a catalog is asked.

The connections of a pool belong to one event loop. Our nodes are read in worker threads, so each
question is a coroutine that a thread hands to that loop, and waits for. A `Home` does this.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from threading import Lock, Thread
from typing import Any, Protocol, TypeVar

from .locks import passing

T = TypeVar("T")


class Home(Protocol):
    """Runs a coroutine in the loop of a catalog and returns its result. Blocks.

    Not to be called in that loop itself, which would wait for itself.
    """

    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        """The result of a coroutine. Raises what it raises."""


class Within:
    """The home of a catalog whose loop somebody else runs, such as Tiled's server."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        """Run a coroutine in the loop, and wait. Raises RuntimeError in the loop's own thread.

        Raises Busy if the coroutine found a database locked.
        """
        if asyncio._get_running_loop() is self.loop:
            coroutine.close()
            raise RuntimeError("a catalog was asked in its own event loop, which would wait for itself; ask in a thread")
        with passing():
            return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()


class Apart:
    """The home of a catalog of our own: a loop in a thread, begun at its first use. Thread-safe.

    `finish` is awaited in the loop at its end, which is `close`, or when nobody has the home any
    more: it closes connections.
    """

    def __init__(self, finish: Callable[[], Awaitable[None]] | None = None) -> None:
        self._finish = finish
        self._within: Within | None = None
        self._lock = Lock()
        self._end: Callable[[], object] = lambda: None

    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        """Run a coroutine in the loop, and wait."""
        return (self._within or self._begun())(coroutine)

    def _begun(self) -> Within:
        with self._lock:
            if self._within is None:
                loop = asyncio.new_event_loop()
                Thread(target=_run, args=[loop], name="tiled-zarr-catalog", daemon=True).start()
                self._within = Within(loop)
                end = weakref.finalize(self, _end, loop, self._finish)
                end.atexit = False
                self._end = end
            return self._within

    def close(self) -> None:
        """Begin to end the loop; the next use begins another."""
        with self._lock:
            self._within = None
            self._end()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


def _end(loop: asyncio.AbstractEventLoop, finish: Callable[[], Awaitable[None]] | None) -> None:
    """Finish and stop a loop, from any thread; does not wait."""

    async def last() -> None:
        try:
            if finish is not None:
                await finish()
        finally:
            loop.stop()

    asyncio.run_coroutine_threadsafe(last(), loop)
