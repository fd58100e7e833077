"""The event loop in which the database of a catalog is asked.

The connections of a pool belong to one event loop. Our nodes are read in worker threads, so each
question is a coroutine that a thread hands to that loop, and waits for. A `Home` does this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from threading import Lock, Thread
from typing import Any, Protocol, TypeVar

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
        """Run a coroutine in the loop, and wait. Raises RuntimeError in the loop's own thread."""
        if asyncio._get_running_loop() is self.loop:
            coroutine.close()
            raise RuntimeError("a catalog was asked in its own event loop, which would wait for itself; ask in a thread")
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()


class Apart:
    """The home of a catalog of our own: a loop in a thread, begun at its first use. Thread-safe."""

    def __init__(self) -> None:
        self._within: Within | None = None
        self._lock = Lock()

    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        """Run a coroutine in the loop, and wait."""
        return (self._within or self._begun())(coroutine)

    def _begun(self) -> Within:
        with self._lock:
            if self._within is None:
                loop = asyncio.new_event_loop()
                Thread(target=loop.run_forever, name="tiled-zarr-catalog", daemon=True).start()
                self._within = Within(loop)
            return self._within

    def close(self) -> None:
        """End the loop; the next use begins another."""
        with self._lock:
            within, self._within = self._within, None
        if within is not None:
            within.loop.call_soon_threadsafe(within.loop.stop)
