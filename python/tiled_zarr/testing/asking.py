"""Asks an ASGI application without a server: https://asgi.readthedocs.io/en/latest/specs/www.html"""  # noqa: D400 - an address

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias
from urllib.parse import unquote

from ..app import create_app
from ..nodes import Group
from ..settings import Settings

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass
class Answer:
    """What an application sent; header names are in lower case, `messages` is all as sent."""

    status: int
    headers: dict[str, str]
    body: bytes
    messages: list[dict[str, Any]] = field(default_factory=list)


def scope_of(path: str, method: str = "GET", headers: Headers = (), **extra: Any) -> dict[str, Any]:
    """The scope of a request for a percent-encoded path with its query."""
    target, _, query = path.partition("?")
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {
        "type": "http",
        "method": method,
        "path": unquote(target),
        "raw_path": target.encode(),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs],
        **extra,
    }


async def asked(app: Any, path: str, method: str = "GET", headers: Headers = (), *, sent: bytes = b"", **extra: Any) -> Answer:
    """The answer to one request with the body `sent`; the client stays until it has it."""
    messages: list[dict[str, Any]] = []
    waiting = [{"type": "http.request", "body": sent, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    await app(scope_of(path, method, headers, **extra), receive, send)
    start, *bodies = messages
    decoded = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], decoded, b"".join(message.get("body", b"") for message in bodies), messages)


def ask(app: Any, path: str, method: str = "GET", headers: Headers = (), **extra: Any) -> Answer:
    """The same from code that is not asynchronous."""
    return asyncio.run(asked(app, path, method, headers, **extra))


class Served:
    """A context in which an application answers for a tree, in an event loop of its own."""

    def __init__(self, root: Group, **settings: Any) -> None:
        self.app = create_app(root, Settings(public=True, **settings))
        self.runner = asyncio.Runner()
        self.running: AbstractAsyncContextManager[None] = self.app.running()

    def __enter__(self) -> Self:
        self.runner.run(entered(self.running))
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.run(left(self.running))
        self.runner.close()

    def get(self, path: str, method: str = "GET", headers: Headers = ()) -> Answer:
        """The answer to one request."""
        return self.runner.run(asked(self.app, path, method, headers))


async def entered(running: AbstractAsyncContextManager[None]) -> None:
    """Start the application."""
    await running.__aenter__()


async def left(running: AbstractAsyncContextManager[None]) -> None:
    """End it, with its threads."""
    await running.__aexit__(None, None, None)
