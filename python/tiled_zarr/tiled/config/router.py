"""The front inside Tiled's own server, for `routers:` of its configuration.

    routers: ["tiled_zarr.tiled:router"]

Tiled includes its own routes of `/zarr` before this router, and its six middlewares stand before
all routes. So the router has no route: FastAPI runs its lifespan with that of the application, and
the lifespan puts the front before the middlewares.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, cast

from fastapi import APIRouter, FastAPI
from starlette.types import Receive, Scope, Send

from ...settings import from_environment
from ..server import front
from .overlay import for_front


class Inner:
    """Tiled's application as it was before the front: with its middlewares, and all its attributes."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.stack = app.middleware_stack

    def __getattr__(self, name: str) -> Any:
        return getattr(self.app, name)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        assert self.stack is not None  # it is made before the lifespan begins
        scope["app"] = self.app
        return self.stack(scope, receive, send)


@asynccontextmanager
async def in_front(app: FastAPI) -> AsyncIterator[None]:
    """A context in which the front answers first; it does nothing within another such context.

    Tiled includes each router twice, so each lifespan runs twice.
    """
    if hasattr(app.state, "has_front"):
        yield
        return
    inner = Inner(app)
    ahead = front(cast("FastAPI", inner), for_front(from_environment(tree={})))
    async with ahead.ours.running():
        app.middleware_stack, app.state.has_front = ahead, True
        try:
            yield
        finally:
            app.middleware_stack = inner.stack
            del app.state.has_front


router = APIRouter(lifespan=in_front)
