"""An application whose answers end early: what making a piece of one raises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tiled_zarr.http.protocol import replies
from tiled_zarr.http.protocol.replies import Streamed


def pieces() -> Iterator[bytes]:
    yield b"x" * 50_000
    raise OSError("the names have gone")


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
        return
    reply = replies.text(200, "ok") if scope["path"] == "/healthz" else Streamed(200, (), 100_000, pieces)
    await reply.send(scope["method"], send)
