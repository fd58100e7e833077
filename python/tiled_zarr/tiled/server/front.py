"""Serves the trees of a Tiled server, in front of its application: `front(build_app(...))`.

An ASGI callable before Tiled's: the paths of Zarr, of OME-Zarr and of our pages are ours, and all
others are Tiled's, with its lifespan and its websockets. Tiled's own `/zarr` is not reached. A
route inside Tiled's application would pass its dependencies and six middlewares for each chunk,
which takes as much time as Tiled takes for the chunk itself.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tiled.server.settings import get_settings

from ...assembly import create_app
from ...http.protocol import locations, requests
from ...http.protocol.replies import NO_STORE, Reply
from ...http.site import addresses
from ...nodes import Group
from ...settings import Settings, SettingsError
from ...tree import resources_of
from .trees import Trees

PREFIXES = frozenset({("zarr", "v2"), ("zarr", "v3"), ("minmax", "v2"), ("minmax", "v3"), ("static", "viewer")})
FIRST = frozenset({"ome-zarr", "view", "explore", "events", "thumbnail", "download", "k"})
HOME = "view/"
TO_VIEW = Reply(307, ((b"location", b"./view/"), NO_STORE))


def front(app: FastAPI, settings: Settings | None = None, workers: int = 1) -> Front:
    """The application that answers for Zarr, and passes everything else to `app`, which is Tiled's.

    `settings` are ours (codec, chunks, memory, ...); who may read is Tiled's to say, so `api_key`
    and `public` have no place in them. Origins that Tiled allows may read ours too. This is one of
    `workers` processes that share the memory. Raises TypeError if `app` is not what
    `tiled.server.app.build_app` returns, and SettingsError.
    """
    if not hasattr(getattr(app, "state", None), "root_tree"):
        raise TypeError(
            f"front needs the application of a Tiled server, as tiled.server.app.build_app makes it, not a {type(app).__name__}"
        )
    return Front(app, checked(settings or Settings(), app), workers)


def checked(settings: Settings, app: FastAPI) -> Settings:
    """The settings with the origins that Tiled allows. Raises SettingsError if they name a key."""
    if settings.api_key or settings.api_key_file or settings.public is not None:
        raise SettingsError("api_key, api_key_file, public: in front of Tiled, its own keys and policies say who may read; leave them out")
    tiled = app.dependency_overrides.get(get_settings, get_settings)()
    return replace(settings, allow_origins=tuple(dict.fromkeys((*settings.allow_origins, *tiled.allow_origins))))


class Front:
    """ASGI application: ours for our paths, Tiled's for all others."""

    def __init__(self, app: FastAPI, settings: Settings, workers: int = 1) -> None:
        resources = resources_of(settings, workers)
        self.tiled: ASGIApp = app
        identify = Trees(app, resources).identify
        self.ours = create_app(Group({}), settings, resources=resources, identify=identify)

    def end_streams(self) -> None:
        """End all streams of events, before the server waits for requests to end."""
        self.ours.end_streams()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run from the server's start to its end."""
        if scope["type"] == "http" and is_ours(path := requests.path_of(scope)):
            if path == "/view":
                return await TO_VIEW.send(scope["method"], send)
            scope[addresses.HOME] = HOME
            return await self.ours(scope, receive, send)
        if scope["type"] == "lifespan":
            return await self.live(scope, receive, send)
        return await self.tiled(scope, receive, send)

    async def live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run Tiled's lifespan, and ours within it."""
        async with AsyncExitStack() as ours:

            async def received() -> Message:
                message = await receive()
                if message["type"] == "lifespan.shutdown":
                    await ours.aclose()
                return message

            async def sent(message: Message) -> None:
                if message["type"] == "lifespan.startup.complete":
                    await ours.enter_async_context(self.ours.running())
                await send(message)

            await self.tiled(scope, received, sent)


def is_ours(path: str) -> bool:
    """Whether the front answers for a path below the server's root.

    >>> [path for path in ("/zarr/v3/a", "/view", "/@a1/zarr/v2", "/k/x/", "/minmax/v3", "/", "/zarr", "/api/v1/") if is_ours(path)]
    ['/zarr/v3/a', '/view', '/@a1/zarr/v2', '/k/x/', '/minmax/v3']
    """
    first, _, rest = path[1:].partition("/")
    return first in FIRST or first.startswith(locations.TOKEN) or (first, rest.partition("/")[0]) in PREFIXES
