from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from asgi import scope_of
from tiled_zarr.http.middleware import lifespan
from tiled_zarr.http.middleware.lifespan import Lifespan

ASGI = Callable[..., Any]


class Server:
    """The server's side of a lifespan."""

    def __init__(self, app: ASGI) -> None:
        self.sent: list[dict[str, Any]] = []
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.running = asyncio.ensure_future(app({"type": "lifespan"}, self.inbox.get, self.send))

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if not self.answered.done():
            self.answered.set_result(None)

    async def start(self) -> None:
        await self.inbox.put({"type": "lifespan.startup"})
        await asyncio.wait([self.running, self.answered], return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        await self.inbox.put({"type": "lifespan.shutdown"})
        await self.running


async def no_app(*_: Any) -> None:
    raise AssertionError


def lived(**tasks: Any) -> Lifespan:
    given = {"startup": [], "background": [], "shutdown": [], **tasks}
    return Lifespan(no_app, lambda: lifespan.run(**given))


def test_tasks_run_in_their_order() -> None:
    happened: list[str] = []

    async def start() -> None:
        happened.append("start")

    async def stop() -> None:
        happened.append("stop")

    async def tick() -> None:
        happened.append("tick")
        try:
            await asyncio.Event().wait()
        finally:
            happened.append("end of ticking")

    async def main() -> None:
        server = Server(lived(startup=[start], background=[tick], shutdown=[stop]))
        await server.start()
        await asyncio.sleep(0)
        assert [message["type"] for message in server.sent] == ["lifespan.startup.complete"]
        assert happened == ["start", "tick"]
        await server.stop()
        assert server.sent[-1]["type"] == "lifespan.shutdown.complete"

    asyncio.run(main())
    assert happened == ["start", "tick", "end of ticking", "stop"]


def test_a_background_task_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("ticked off")

    async def main() -> None:
        server = Server(lived(background=[fail]))
        await server.start()
        await server.stop()
        assert [message["type"] for message in server.sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert "ticked off" in caplog.text


@pytest.mark.parametrize(("tasks", "reached"), [("startup", "startup"), ("shutdown", "shutdown")])
def test_other_tasks_that_fail_are_reported(tasks: str, reached: str) -> None:
    async def fail() -> None:
        raise ValueError("no database")

    async def main() -> None:
        server = Server(lived(**{tasks: [fail]}))
        await server.start()
        with pytest.raises(ValueError, match="no database"):
            await server.stop()
        assert server.sent[-1] == {"type": f"lifespan.{reached}.failed", "message": "no database"}

    asyncio.run(main())


def test_websockets_are_refused() -> None:
    @asynccontextmanager
    async def nothing() -> AsyncIterator[None]:
        yield

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = scope_of("/k/secret/zarr?api_key=secret", type="websocket")
    asyncio.run(Lifespan(no_app, nothing)(scope, no_app, send))
    assert sent == [{"type": "websocket.close", "code": 1000}]
    assert "secret" not in str(scope), "servers log the scope of a websocket too"
