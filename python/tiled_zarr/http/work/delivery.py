"""Results on their way from threads into an event loop, which is woken once for all that are ready."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any


class Delivery:
    """Results on their way into one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ready: deque[tuple[asyncio.Future[Any], Any, Exception | None]] = deque()
        self._is_woken = False

    def put(self, future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        """Hand over a result, from any thread; a loop that is closed has nobody who waits for it."""
        self._ready.append((future, result, error))
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_woken = False
        while self._ready:
            future, result, error = self._ready.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
