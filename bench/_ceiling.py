"""The highest rate that a server can reach: a bare ASGI application without any work.

It repeats the headers and bodies that our application sent for each chunk.
"""

from __future__ import annotations

import asyncio

import _images
from tiled_zarr import app as ours


class Ceiling:
    """ASGI application that repeats our answers.

    At the start it requests every chunk from our application, and keeps the messages of each
    answer.
    """

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
    """The ASGI messages that our application sends for a GET of `path`."""
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
