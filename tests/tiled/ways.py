"""The ways in which a tree of Tiled's adapters is served, each as a context with the address of a server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType
from typing import Any, TypeAlias

import uvicorn
import zarr
from tiled.config import Authentication
from tiled.server.app import build_app

from live import HOST
from tiled_zarr.adapters import adapt
from tiled_zarr.app import create_app
from tiled_zarr.settings import Settings, from_environment
from tiled_zarr.tiled import front, router
from tiled_zarr.tree import plant

KEY = "secret"
STOP_SECONDS = 30
Way: TypeAlias = Callable[[Any], AbstractContextManager[str]]
Opening: TypeAlias = Callable[[str], "zarr.Group | zarr.Array"]


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve an ASGI application from a thread.

    The socket listens before the server starts, so the first request waits until it has started.
    """
    with socket.create_server((HOST, 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on", ws="none", loop="asyncio"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(STOP_SECONDS)


def tiled(tree: Any, routers: Sequence[Any] = ()) -> Any:
    """Tiled's own application over a tree, for who has the key."""
    return build_app(tree, authentication=Authentication(single_user_api_key=KEY), include_routers=list(routers))


def own(tree: Any) -> AbstractContextManager[str]:
    """Our server over the adapters, without a server of Tiled."""
    return serving(create_app(adapt(tree), Settings(api_key=KEY)))


def fronted(tree: Any) -> AbstractContextManager[str]:
    """A Tiled server with ours before it."""
    return serving(front(tiled(tree)))


def routed(tree: Any) -> AbstractContextManager[str]:
    """A Tiled server that is given our router, as `routers:` in its configuration does."""
    return serving(tiled(tree, [router]))


@contextmanager
def proxied(tree: Any) -> Iterator[str]:
    """Our proxy for a Tiled server; the caller's key is passed through."""
    with serving(tiled(tree)) as behind:
        settings = from_environment({}, tree={"TILED": behind}).decided()
        planted = plant(settings)
        with serving(create_app(planted.root, settings, planted.tasks, planted.resources, planted.identify)) as address:
            yield address


WAYS: Mapping[str, Way] = MappingProxyType({"own": own, "front": fronted, "routers": routed, "proxy": proxied})
