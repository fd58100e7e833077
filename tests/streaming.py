"""Follows a node of an ASGI application without a server, and of a server over a connection."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from asgi import scope_of

PATIENCE = 60
"""Seconds after which what should have happened counts as not happening, on a slow machine too."""


class Event(NamedTuple):
    """One event as a browser would hand it to a page: its name, its data, and the last id."""

    name: str
    data: Any
    id: str


class Follower:
    """A client that follows a path, until it leaves."""

    def __init__(self, app: Any, path: str, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.leaves = asyncio.Event()
        self.text = ""
        self.scope = scope_of(path, headers=headers or {}, **extra)
        self.task = asyncio.ensure_future(app(self.scope, self.receive, self.send))

    async def receive(self) -> dict[str, Any]:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        await self.may_go_on.wait()
        await self.sent.put(message)

    async def start(self) -> tuple[int, dict[str, str]]:
        """The status and the headers."""
        message = await asyncio.wait_for(self.sent.get(), PATIENCE)
        return message["status"], {name.decode(): value.decode() for name, value in message["headers"]}

    async def event(self) -> Event:
        """The next event; comments are passed over."""
        while True:
            event = parsed(await self.block())
            if event is not None:
                return event

    async def block(self) -> str:
        """The next lines up to an empty one. Raises EOFError at the end of the stream."""
        while "\n\n" not in self.text:
            message = await asyncio.wait_for(self.sent.get(), PATIENCE)
            self.text += message["body"].decode()
            if not message.get("more_body"):
                raise EOFError(self.text)
        block, _, self.text = self.text.partition("\n\n")
        return block

    async def ends(self) -> None:
        """Return when the application has answered."""
        await asyncio.wait_for(self.task, PATIENCE)


@asynccontextmanager
async def following(app: Any, path: str, headers: Mapping[str, str] | None = None, **extra: Any) -> AsyncIterator[Follower]:
    """A client that follows a path, and leaves at the end."""
    follower = Follower(app, path, headers, **extra)
    try:
        yield follower
    finally:
        follower.leaves.set()
        follower.may_go_on.set()
        await follower.ends()


def parsed(block: str) -> Event | None:
    """An event from its lines, as the specification reads them; None for comments and `retry`."""
    fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
    if "data" not in fields:
        return None
    return Event(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id", ""))


def events(lines: Iterator[str]) -> Iterator[Event]:
    """The events in the lines of an answer."""
    block: list[str] = []
    for line in lines:
        if line:
            block.append(line)
            continue
        event = parsed("\n".join(block))
        block = []
        if event is not None:
            yield event


def until(happens: Callable[[], bool]) -> None:
    """Wait for something. Raises AssertionError if it does not happen."""
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
