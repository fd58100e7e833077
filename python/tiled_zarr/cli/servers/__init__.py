"""The HTTP servers that a worker can run, each in one process over a listening socket.

A server here is a class with the methods of `Server`. It runs in the event loop of the worker. The
worker itself starts and stops the application, so all three servers report its failures alike.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import socket
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

BACKLOG = 1024
"""Connections that the kernel queues while workers are busy or restarting; it refuses more."""

TRIED = 50
"""Ports after the default one that are tried, as many as Jupyter tries."""

Application: TypeAlias = Any
"""An ASGI application."""


class CannotServe(Exception):
    """The server cannot start; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many connections a worker has at once, and in how many seconds a request must arrive."""

    connections: int
    request_timeout: float


class Server(Protocol):
    """An HTTP server in the running event loop."""

    async def start(self) -> None:
        """Start to accept connections."""

    def stop_accepting(self) -> None:
        """Leave new connections to the other processes that share the listening socket."""

    def is_idle(self) -> bool:
        """Whether no connection is open; False if the server does not know."""

    async def finish(self) -> None:
        """Close idle connections, and return when the requests under way have been answered."""


def listen(host: str, port: int, spelling: str = "--port") -> socket.socket:
    """A listening socket; port 0 means a free one.

    Raises CannotServe if it cannot listen there; `spelling` says where the port was given.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        is_port = error.errno in {errno.EADDRINUSE, errno.EACCES}
        cure = f"choose another {spelling}, or 0 for a free one" if is_port else "give an address of this machine, or 0.0.0.0 for all"
        raise CannotServe(f"cannot listen on {host} port {port}: {error.strerror}; {cure}") from error
    listener.setblocking(False)
    return listener


def listen_near(host: str, port: int) -> socket.socket:
    """A listening socket on `port`, or on the first of the next TRIED ports that is free.

    Raises CannotServe if it cannot listen on any of them.
    """
    for near in range(port, port + TRIED):
        try:
            return listen(host, near)
        except CannotServe as error:
            if not (isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE):
                raise
    return listen(host, port + TRIED)


def require(name: str) -> None:
    """Raise CannotServe if a server is not installed.

    Only workers import it, which keeps the supervisor small.
    """
    if importlib.util.find_spec(name) is None:
        requirement = "'uvicorn[standard]'" if name == "uvicorn" else name
        raise CannotServe(f"{name} is not installed: pip install {requirement}, or serve with --server hypercorn")


def server(name: str, application: Application, listener: socket.socket, limits: Limits) -> Server:
    """The server with a name of settings.values.SERVERS; imports its package, in the worker."""
    made: Server = importlib.import_module(f"{__name__}.{name}").made(application, listener, limits)
    return made
