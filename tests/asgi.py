"""Asking an ASGI application without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote


@dataclass
class Answer:
    """What an application sent; header names are in lower case, `messages` is all as sent."""

    status: int
    headers: dict[str, str]
    body: bytes
    messages: list[dict[str, Any]] = field(default_factory=list)


def scope_of(path: str, method: str = "GET", headers: Mapping[str, str] | Iterable[tuple[str, str]] = (), **extra: Any) -> dict[str, Any]:
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


async def asked(
    app: Any, path: str, method: str = "GET", headers: Mapping[str, str] | Iterable[tuple[str, str]] = (), **extra: Any
) -> Answer:
    """The answer to one request; the client stays until it has it."""
    messages: list[dict[str, Any]] = []
    waiting = [{"type": "http.request", "body": b"", "more_body": False}]

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


def ask(app: Any, path: str, method: str = "GET", headers: Mapping[str, str] | Iterable[tuple[str, str]] = (), **extra: Any) -> Answer:
    """The same from code that is not asynchronous."""
    return asyncio.run(asked(app, path, method, headers, **extra))
