"""Starts and stops an ASGI application by the lifespan protocol.

https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from .servers import Application

SCOPE = MappingProxyType({"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}})


class CannotStart(Exception):
    """The application failed to start; the text is the reason that it gave."""


class Lifespan:
    """One run of the lifespan protocol: messages to the application, and its answers."""

    def __init__(self, application: Application) -> None:
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.answers: asyncio.Queue[Any] = asyncio.Queue()
        self.task = asyncio.ensure_future(application({**SCOPE, "state": {}}, self.events.get, self.answers.put))

    async def tell(self, step: str) -> None:
        """Send `startup` or `shutdown`, and wait for the answer.

        Raises CannotStart if the answer is a failure. An application that returns without an answer
        does not support the protocol, which the specification allows.
        """
        await self.events.put({"type": f"lifespan.{step}"})
        answer = asyncio.ensure_future(self.answers.get())
        await asyncio.wait([answer, self.task], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
        elif answer.result()["type"].endswith(".failed"):
            self.task.add_done_callback(said)
            raise CannotStart(answer.result().get("message", ""))


def said(task: asyncio.Future[Any]) -> None:
    """Drop the exception of an application whose answer has said it; asyncio would log it too."""
    if not task.cancelled():
        task.exception()


@asynccontextmanager
async def lived(application: Application) -> AsyncIterator[None]:
    """A context inside which the application has started. Raises CannotStart if it cannot."""
    lifespan = Lifespan(application)
    await lifespan.tell("startup")
    try:
        yield
    finally:
        await lifespan.tell("shutdown")
        await asyncio.wait([lifespan.task], timeout=1)
