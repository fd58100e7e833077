"""Starting and stopping an application."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tiled_zarr.cli.lifespans import CannotStart, lived
from tiled_zarr.cli.worker import Door


def live(application: Callable[..., Awaitable[None]]) -> list[str]:
    """What has happened once an application was started and stopped."""
    happened = []

    async def lives() -> None:
        async with lived(application):
            happened.append("served")

    asyncio.run(lives())
    return happened


def test_it_starts_and_stops() -> None:
    received = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        for step in ("startup", "shutdown"):
            received.append((await receive())["type"])
            await send({"type": f"lifespan.{step}.complete"})

    assert live(application) == ["served"]
    assert received == ["lifespan.startup", "lifespan.shutdown"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_failure_to_start_is_reported() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no such sample"})

    with pytest.raises(CannotStart, match="no such sample"):
        live(application)


def test_a_failure_that_is_reported_is_not_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    """Starlette sends the failure, and then raises it."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no such sample"})
        raise ValueError("no such sample")

    with pytest.raises(CannotStart, match="no such sample"):
        live(application)
    gc.collect()  # asyncio logs an exception that nobody has asked for when its task goes
    assert caplog.messages == []


def test_an_application_may_know_nothing_of_it() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError

    assert live(application) == ["served"]


def test_a_closed_door_ends_connections_of_http_1_after_their_answer() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b""})

    def headers(version: str) -> list[tuple[bytes, bytes]]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(door({"type": "http", "http_version": version}, None, send))
        found: list[tuple[bytes, bytes]] = sent[0]["headers"]
        return found

    door = Door(application)
    assert headers("1.1") == [(b"a", b"b")]
    door.close()
    assert headers("1.1") == headers("1.0") == [(b"a", b"b"), (b"connection", b"close")]
    assert headers("2") == [(b"a", b"b")]
