"""The ways in which a tree of Tiled's adapters is served, each as a context with the address of a server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias

import uvicorn
import zarr
from tiled.adapters.mapping import MapAdapter

from live import HOST
from tiled_zarr.adapters import adapt
from tiled_zarr.app import create_app
from tiled_zarr.settings import Settings

KEY = "secret"
STOP_SECONDS = 30
Opening: TypeAlias = Callable[[str], "zarr.Group | zarr.Array"]
Way: TypeAlias = Callable[[MapAdapter], AbstractContextManager[str]]


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


def own(tree: MapAdapter) -> AbstractContextManager[str]:
    """Our server over the adapters, without a server of Tiled."""
    return serving(create_app(adapt(tree), Settings(api_key=KEY)))


WAYS: Mapping[str, Way] = {"own": own}
