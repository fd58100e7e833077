"""Granian, whose HTTP is Rust in its own threads (https://github.com/emmett-framework/granian).

We run its embedded server: one worker, in our event loop, over the socket that all workers share.
Granian's own workers each open a listening socket (SO_REUSEPORT), and when one dies, the kernel
resets the connections in its queue. It speaks HTTP/1.1 only: with HTTP/2, nothing limits how long
granian 2.8.7 waits for the first bytes, which tell the version.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server as Embedded

from . import BACKLOG, Application, Limits


def made(application: Application, listener: socket.socket, limits: Limits) -> Granian:
    """Granian over a listening socket."""
    return Granian(application, listener, limits)


class Shared(Embedded):
    """Granian's embedded server over a socket that listens already."""

    listener: socket.socket

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd: Any = SocketHolder(self.listener.fileno(), False, BACKLOG)  # type: ignore[call-arg] # the stub lacks them
        self._sfd = self._shd.get_fd()


class Granian:
    """Granian in the running event loop."""

    def __init__(self, application: Application, listener: socket.socket, limits: Limits) -> None:
        self.listener = listener
        self.app = application
        self.limits = limits

    async def start(self) -> None:
        """Start to accept connections."""
        self.server = Shared(
            self.app,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            backlog=BACKLOG,
            backpressure=self.limits.connections,
            http1_settings=HTTP1Settings(header_read_timeout=round(self.limits.request_timeout * 1000)),
            log_level=LogLevels.error,
        )
        self.server.listener = self.listener
        self.serving = asyncio.ensure_future(self.server.serve())
        # `serve` returns only at the end: if it is done this early, it has failed.
        await asyncio.wait([self.serving], timeout=0.01)
        if self.serving.done():
            self.serving.result()

    def stop_accepting(self) -> None:
        """Leave new connections to the other processes that share the listening socket.

        Granian stops accepting only when it also closes connections, even those with requests under
        way. So we replace every descriptor of the listening socket by a socket to which nobody
        connects.
        """
        inode = os.fstat(self.listener.fileno()).st_ino
        with socket.create_server(("127.0.0.1", 0)) as lonely:
            lonely.setblocking(False)
            for descriptor in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
                with suppress(OSError):
                    if os.fstat(descriptor).st_ino == inode:
                        os.dup2(lonely.fileno(), descriptor, inheritable=False)

    def is_idle(self) -> bool:
        """Always False: granian does not say how many connections it has."""
        return False

    async def finish(self) -> None:
        """Close idle connections, and return when the requests under way have been answered."""
        self.server.signal_handler_interrupt()  # type: ignore[no-untyped-call]
        await self.serving
