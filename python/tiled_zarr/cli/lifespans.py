"""The life of an application, started and stopped by its worker: https://asgi.readthedocs.io/en/latest/specs/lifespan.html"""  # noqa: D400 - an address

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from .servers import Application

SCOPE = MappingProxyType({"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}})


class CannotStart(Exception):
    """The application does not start; the text is what it says."""


class Lifespan:
    """One run of the protocol: messages to the application, and its answers."""

    def __init__(self, application: Application) -> None:
        self.told: asyncio.Queue[Any] = asyncio.Queue()
        self.answers: asyncio.Queue[Any] = asyncio.Queue()
        self.task = asyncio.ensure_future(application({**SCOPE, "state": {}}, self.told.get, self.answers.put))

    async def tell(self, step: str) -> None:
        """Say `startup` or `shutdown` and wait for the answer. Raises CannotStart if it is a failure.

        An application that ends instead knows nothing of this protocol, which it may.
        """
        await self.told.put({"type": f"lifespan.{step}"})
        answer = asyncio.ensure_future(self.answers.get())
        await asyncio.wait([answer, self.task], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
        elif answer.result()["type"].endswith(".failed"):
            raise CannotStart(answer.result().get("message", ""))


@asynccontextmanager
async def lived(application: Application) -> AsyncIterator[None]:
    """A context in which the application is started. Raises CannotStart."""
    lifespan = Lifespan(application)
    await lifespan.tell("startup")
    try:
        yield
    finally:
        await lifespan.tell("shutdown")
        await asyncio.wait([lifespan.task], timeout=1)
