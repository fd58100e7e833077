"""Uvicorn, on httptools if that is installed (https://uvicorn.dev)."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from uvicorn import Config
from uvicorn import Server as Uvicorns

from . import BACKLOG, Application, Limits
from .busy import busy
from .stalled import Stalled, swept


def made(application: Application, listener: socket.socket, limits: Limits) -> Uvicorn:
    """Uvicorn over a listening socket."""
    return Uvicorn(application, listener, limits)


def watched(protocol: type[Any], limit: int) -> type[Any]:
    """Uvicorn's HTTP protocol with a limit of connections, each of which reports its progress."""

    class Connection(protocol):  # type: ignore[misc] # a class that uvicorn chooses
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            if len(self.connections) > 2 * limit:
                transport.abort()
            elif len(self.connections) > limit:
                self.app = busy

        def progress(self) -> object:
            """The last request; None while it is being answered or its answer is being sent."""
            cycle = self.cycle
            if cycle is None:
                return self
            is_answered = cycle.response_complete and not self.transport.get_write_buffer_size()
            return cycle if is_answered else None

        def abort(self) -> None:
            """Close the connection at once."""
            self.transport.abort()

    return Connection


class Uvicorn:
    """Uvicorn in the running event loop."""

    def __init__(self, application: Application, listener: socket.socket, limits: Limits) -> None:
        self.config = Config(
            application,
            interface="asgi3",
            lifespan="off",
            log_level="warning",
            log_config=None,  # our log has its lines, with the time
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
        )
        self.listener = listener
        self.limits = limits
        self.server = Uvicorns(self.config)

    async def start(self) -> None:
        """Start to accept connections."""
        self.config.load()
        self.config.http_protocol_class = watched(self.config.http_protocol_class, self.limits.connections)
        self.server.lifespan = self.config.lifespan_class(self.config)
        await self.server.startup(sockets=[self.listener])
        self.ticking = asyncio.ensure_future(self.server.main_loop())
        self.sweeping = asyncio.ensure_future(swept(self.connections, Stalled(self.limits.request_timeout)))

    def connections(self) -> list[Any]:
        """The HTTP connections; the application closes websockets at once."""
        return [connection for connection in self.server.server_state.connections if hasattr(connection, "progress")]

    def stop_accepting(self) -> None:
        """Leave new connections to the other processes that share the listening socket."""
        for server in self.server.servers:
            server.close()

    def is_idle(self) -> bool:
        """Whether no connection is open."""
        return not self.server.server_state.connections

    async def finish(self) -> None:
        """Close idle connections, and return when the requests under way have been answered."""
        self.server.should_exit = True
        await self.ticking
        await self.server.shutdown()
        self.sweeping.cancel()
