"""The event loop of Tiled's server, in which its policies and its catalogs are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Home:
    """Runs coroutines in the loop of the server, for threads that wait for them.

    The front sets `loop` before any thread works for a request.
    """

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        """The result of a coroutine. Blocks; raises what it raises.

        Raises RuntimeError in the loop's own thread, which would wait for itself.
        """
        loop = self.loop
        if loop is None or asyncio._get_running_loop() is loop:
            coroutine.close()
            raise RuntimeError("Tiled was asked in its own event loop, or before it runs; ask in a worker thread")
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()
