"""The most that a server can do: a bare ASGI application that repeats what ours has said, bodies and headers, without any work."""

from __future__ import annotations

import asyncio

import _images
from tiled_zarr import app as ours


class Ceiling:
    """ASGI application: at its start it asks ours for every chunk, and keeps the messages of the answers."""

    def __init__(self) -> None:
        self.answers: dict[str, list[dict]] = {}

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self.answers = {path: await answer(path) for path in _images.served().paths("/zarr/v3/image/c/")}
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            for message in self.answers[scope["path"]]:
                await send(message)


async def answer(path: str) -> list[dict]:
    """What our application sends for a GET."""
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    async def receive() -> dict:
        await never
        return {}

    never = asyncio.get_running_loop().create_future()
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": [], "root_path": ""}
    await ours.app(scope, receive, send)
    return sent


app = Ceiling()
