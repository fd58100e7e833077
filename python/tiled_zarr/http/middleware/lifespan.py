"""Starting and stopping with the server: https://asgi.readthedocs.io/en/latest/specs/lifespan.html"""  # noqa: D400 - an address

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from ..protocol import keys

log = logging.getLogger(__name__)

Task: TypeAlias = Callable[[], Awaitable[Any]]


class Lifespan:
    """ASGI application that runs `app` inside the context that `running()` makes.

    It passes on HTTP requests only, and closes websockets.
    """

    def __init__(
        self, app: ASGIApp, running: Callable[[], AbstractAsyncContextManager[None]], end_streams: Callable[[], None] = lambda: None
    ) -> None:
        self.app = app
        self.running = running
        self.end_streams = end_streams
        """A server calls it before it waits for requests to end: these last as their clients do."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run from the server's start to its end."""
        match scope["type"]:
            case "http":
                await self.app(scope, receive, send)
            case "lifespan":
                await self.live(receive, send)
            case "websocket":
                keys.hide(scope)  # servers log its path too
                await send({"type": "websocket.close", "code": 1000})

    async def live(self, receive: Receive, send: Send) -> None:
        """Answer `startup` and `shutdown`; send the text of an exception as the failure."""
        await receive()
        reached = "startup"
        try:
            async with self.running():
                await send({"type": "lifespan.startup.complete"})
                reached = "shutdown"
                await receive()
        except Exception as error:
            await send({"type": f"lifespan.{reached}.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def run(*, startup: Sequence[Task], background: Sequence[Task], shutdown: Sequence[Task]) -> AsyncIterator[None]:
    """Run the startup tasks, then the background tasks until the end, then the shutdown tasks.

    A background task that fails is logged.
    """
    for task in startup:
        await task()
    running = [asyncio.ensure_future(logged(task)) for task in background]
    try:
        yield
    finally:
        for task_running in running:
            task_running.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for task in shutdown:
            await task()


async def logged(task: Task) -> None:
    """Run a background task, and log its failure, so that the server goes on."""
    try:
        await task()
    except Exception:
        log.exception("background task %r failed", task)
