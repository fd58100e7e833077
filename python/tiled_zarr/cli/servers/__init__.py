"""The HTTP servers that a worker can run, each in one process over a listening socket that it is given.

A server here is a class with the methods of `Server`. All of them run in the event loop of the worker, which starts and stops the
application by itself, so that the three say the same when it fails.
"""

from __future__ import annotations

import importlib
import importlib.util
import socket
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

BACKLOG = 1024
"""Connections that the kernel keeps for workers that are busy or being restarted; more are refused."""

Application: TypeAlias = Any
"""An ASGI application."""


class CannotServe(Exception):
    """The server cannot start; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many connections a worker has at once, and within how many seconds a request has to arrive."""

    connections: int
    request_timeout: float


class Server(Protocol):
    """An HTTP server in the running event loop."""

    async def start(self) -> None:
        """Accept connections from now on."""

    def stop_accepting(self) -> None:
        """Leave new connections to the other processes that hold the listening socket."""

    def is_idle(self) -> bool:
        """Whether there is no connection; False if the server cannot tell."""

    async def finish(self) -> None:
        """Close the connections that wait for a request, and return when the others have been answered."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 becomes a free one. Raises CannotServe."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotServe(f"cannot listen on {host} port {port}: {error.strerror}; choose another --port, or 0 for a free one") from error
    listener.setblocking(False)
    return listener


def require(name: str) -> None:
    """Raise CannotServe if a server is not installed. It is imported in the workers only: the supervisor stays small."""
    if importlib.util.find_spec(name) is None:
        extra = "'tiled-zarr[fast]'" if name == "uvicorn" else name
        raise CannotServe(f"{name} is not installed: pip install {extra}, or serve with --server hypercorn")


def server(name: str, application: Application, listener: socket.socket, limits: Limits) -> Server:
    """The server of that name, one of NAMES. Its package is imported here, in the worker."""
    made: Server = importlib.import_module(f"{__name__}.{name}").made(application, listener, limits)
    return made


NAMES = ("hypercorn", "uvicorn", "granian")
