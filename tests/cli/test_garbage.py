"""Connections that have ended are freed at once.

The garbage collector visits reference cycles so seldom that the process would grow.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from contextlib import suppress
from typing import Any

import pytest

from tiled_zarr.cli import servers
from tiled_zarr.cli.servers import Limits
from tiled_zarr.cli.worker import loop_factory

from .conftest import SERVERS

pytestmark = pytest.mark.slow

COUNT = 25
RESET = struct.pack("ii", 1, 0)
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def connect(address: tuple[str, int]) -> None:
    """Connections that are answered, that are reset under the answer, and that ask for half."""
    for _ in range(COUNT):
        for sent, is_read, is_reset in ((REQUEST, True, False), (REQUEST, True, True), (REQUEST, False, True), (REQUEST[:9], False, False)):
            with socket.create_connection(address) as connection:
                connection.sendall(sent)
                if is_read:
                    assert connection.recv(1000)
                if is_reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


async def garbage(name: str) -> int:
    """Objects in cycles that connections leave."""
    listener = servers.listen("127.0.0.1", 0)
    address = listener.getsockname()
    server = servers.server(name, application, listener, Limits(connections=1000, request_timeout=60))
    await server.start()
    await asyncio.to_thread(connect, address)
    await asyncio.sleep(0.5)
    gc.collect()
    gc.disable()
    try:
        await asyncio.to_thread(connect, address)
        await asyncio.sleep(0.5)
        return gc.collect()
    finally:
        gc.enable()
        server.stop_accepting()
        await server.finish()
        with suppress(OSError):
            listener.close()  # if the server has not done so


@pytest.mark.parametrize("name", SERVERS)
def test_connections_leave_no_garbage(name: str) -> None:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        assert runner.run(garbage(name)) < COUNT, "less than one object for four connections"
