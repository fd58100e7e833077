"""An application that lives in an event loop of its own, and is asked by tests without a server."""

from __future__ import annotations

import asyncio
import gc
import json
import warnings
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import suppress
from threading import Thread
from types import MappingProxyType
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode
from uuid import uuid4

from sqlalchemy.exc import OperationalError
from tiled.config import Database
from tiled.server.app import build_app, build_app_from_config
from tiled.server.settings import get_settings

from asgi import Answer, asked

DEADLINE = 60.0
"""Seconds in which an answer has to come."""
TRIES = 3

HTTP = MappingProxyType({"scheme": "http", "http_version": "1.1", "server": ("localhost", 80), "client": ("127.0.0.1", 1)})
"""What servers say of a connection, and Tiled wants to know."""


class Asked(NamedTuple):
    """A request."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = {}


def built(adapter: Any, authentication: Any, settings: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
    """Tiled's application of a tree, with a database of its own if it has users.

    Tiled's settings are one object in a process, which each application changes.
    """
    get_settings.cache_clear()
    own = {"database": Database(uri=f"sqlite:///file:{uuid4().hex}?mode=memory&cache=shared&uri=true")} if authentication.providers else {}
    return build_app(adapter, authentication, {**own, **(settings or {})}, **kwargs)


def configured(config: dict[str, Any]) -> Any:
    """The same of a configuration."""
    get_settings.cache_clear()
    return build_app_from_config(config)


class Server:
    """Runs an application from its startup to its shutdown in a loop in a thread."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.loop = asyncio.new_event_loop()
        self.thread = Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        self.told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self.life = asyncio.run_coroutine_threadsafe(self.app(scope, self.told.get, self.heard.put), self.loop)
        self.tell("startup")
        return self

    def __exit__(self, *_: object) -> None:
        self.tell("shutdown")
        self.life.result(DEADLINE)
        self.run(cancelled())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(DEADLINE)
        self.loop.close()
        let_go()

    def tell(self, event: str) -> None:
        async def exchanged() -> dict[str, Any]:
            await self.told.put({"type": f"lifespan.{event}"})
            return await self.heard.get()

        answer = self.run(exchanged())
        assert answer["type"] == f"lifespan.{event}.complete", answer

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(DEADLINE)

    def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
        return self.run(asked(self.app, path, method, {"host": "localhost", **(headers or {})}, **HTTP))

    def run_one(self, request: Asked) -> Answer:
        return self.together([request])[0]

    def together(self, requests: Iterable[Asked]) -> list[Answer]:
        """The answers to requests that are all asked at once."""

        async def gathered() -> list[Answer]:
            return list(
                await asyncio.gather(
                    *(asked(self.app, path, method, {"host": "localhost", **headers}, **HTTP) for path, method, headers in requests)
                )
            )

        return self.run(gathered())

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The answer; asked for again if Tiled's own clean-up holds the one connection of a database in memory."""
        for _ in range(TRIES):
            with suppress(OperationalError):
                return self.run(sent(self.app, path, body, headers))
        return self.run(sent(self.app, path, body, headers))

    def login(self, provider: str, name: str, password: str) -> dict[str, Any]:
        """Tokens of a user who signs in with a password."""
        body = urlencode({"username": name, "password": password}).encode()
        answer = self.post(f"/api/v1/auth/provider/{provider}/token", body, {"content-type": "application/x-www-form-urlencoded"})
        assert answer.status == 200, answer.body
        found: dict[str, Any] = json.loads(answer.body)
        return found

    def api_key(self, token: str, **params: Any) -> dict[str, Any]:
        """A new API key of who has a token."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
        answer = self.post("/api/v1/auth/apikey", json.dumps({"expires_in": None, **params}).encode(), headers)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = json.loads(answer.body)
        return found


def let_go() -> None:
    """Collect what a server has left: if it ends soon, Tiled cancels a query of its own, and leaves that connection open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


async def cancelled() -> None:
    """End what still runs in the loop, as `asyncio.run` does: connections to databases are given back."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


async def sent(app: Any, path: str, body: bytes, headers: Mapping[str, str], method: str = "POST") -> Answer:
    """The answer to a request with a body."""
    return await asked(app, path, method, {"host": "localhost", "content-length": str(len(body)), **headers}, sent=body, **HTTP)
