"""Hypercorn, which speaks HTTP/1.1 and HTTP/2 (https://hypercorn.readthedocs.io).

We accept connections ourselves and give them to hypercorn's `TCPServer`. Its own `serve` cannot
stop accepting without closing connections, does not limit their number, and leaves each of them as
garbage in reference cycles.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config

from . import BACKLOG, Application, Limits
from .busy import HEAD_SECONDS, REFUSAL
from .stalled import Stalled, swept

MANY = 10**9


def made(application: Application, listener: socket.socket, limits: Limits) -> Hypercorn:
    """Hypercorn over a listening socket."""
    return Hypercorn(application, listener, limits)


def configuration() -> Config:
    """A configuration that keeps connections open.

    Hypercorn's default closes them after 1000 requests, even with HTTP/2 streams under way.
    """
    made = Config()
    made.keep_alive_max_requests = MANY
    made.h2_max_concurrent_streams = 256
    made.include_server_header = False
    made.loglevel = "WARNING"
    made.errorlog = logging.getLogger("hypercorn.error")  # our log has its lines, with the time
    return made


class Connection(TCPServer):
    """One connection that reports its progress, and that releases what it holds at the end."""

    async def _read_data(self) -> None:
        """Read until the client closes the connection, and end then.

        Hypercorn would end only when the timeout of idle connections is over.
        """
        await super()._read_data()
        await self.idle_task.stop()

    def progress(self) -> object:
        """The number of requests so far; None while one is answered or its answer is sent."""
        protocol = self.protocol.protocol
        is_answering = (
            getattr(protocol, "stream", None) or getattr(protocol, "streams", None) or self.writer.transport.get_write_buffer_size()
        )
        return None if is_answering else protocol.keep_alive_requests

    def abort(self) -> None:
        """Close the connection at once."""
        self.writer.transport.abort()

    async def forget(self) -> None:
        """Break the reference cycles among the connection's objects.

        The garbage collector would free them late: it seldom visits objects that have lived for
        seconds.
        """
        writer = self.writer
        for holder in (getattr(self, "protocol", None), self):
            if holder is not None:
                vars(holder).clear()
        writer.transport.abort()
        try:
            await writer.wait_closed()
        except OSError as error:
            error.__traceback__ = None  # it refers to the writer, which refers to the error


class Hypercorn:
    """Hypercorn in the running event loop."""

    def __init__(self, application: Application, listener: socket.socket, limits: Limits) -> None:
        self.app = ASGIWrapper(application)
        self.listener = listener
        self.limits = limits
        self.config = configuration()
        self.context = WorkerContext(None)
        self.connections: dict[Connection, asyncio.Task[None] | None] = {}

    async def start(self) -> None:
        """Start to accept connections."""
        self.loop = asyncio.get_running_loop()
        self.server = await asyncio.start_server(self.accept, sock=self.listener, backlog=BACKLOG)
        self.sweeping = asyncio.ensure_future(swept(lambda: self.connections, Stalled(self.limits.request_timeout)))

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        if len(self.connections) >= self.limits.connections:
            await refuse(reader, writer)
            return
        connection = Connection(self.app, self.loop, self.config, self.context, {}, reader, writer)
        self.connections[connection] = asyncio.current_task()
        try:
            await connection
        finally:
            del self.connections[connection]
            await connection.forget()

    def stop_accepting(self) -> None:
        """Leave new connections to the other processes that share the listening socket."""
        self.server.close()

    def is_idle(self) -> bool:
        """Whether no connection is open."""
        return not self.connections

    async def finish(self) -> None:
        """Close idle connections, and return when the requests under way have been answered."""
        await self.context.terminated.set()
        await asyncio.gather(*filter(None, self.connections.values()), return_exceptions=True)
        self.sweeping.cancel()


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 503 after the head of a request, and close.

    If we closed earlier, the kernel would reset the connection, and the client might lose the
    answer.
    """
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(HEAD_SECONDS):
            await reader.readuntil(b"\r\n\r\n")
        writer.write(REFUSAL)
    writer.close()
