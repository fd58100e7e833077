"""`/events/<node>`: a stream with an event whenever a node has changed.

All clients that follow a node share one `Poller`, which ends with the last of them. A stream holds
no queue: it sends the state that the node has when the client takes it, so a slow client misses
states, never the last one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from starlette.types import Receive, Scope, Send

from ...hierarchy import names
from ...hierarchy.keyspace import KeySpace
from ..protocol import failures, replies, requests
from ..protocol.replies import Reply
from ..work.threads import Gone, unless_gone
from ..work.work import Work
from .poller import ABSENT, Poller
from .states import State, look
from .wire import COMMENT, HEARTBEAT, RETRY, STREAM, event

PATIENCE = 60.0
"""Seconds within which a client must take what is sent to it, or the stream ends."""


class Events:
    """ASGI application of `/events/<node>` in one tree; `keys` is its key space in Zarr v3."""

    def __init__(self, keys: KeySpace, work: Work) -> None:
        self.keys = keys
        self.work = work
        self.pollers: dict[str, Poller] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a GET lasts until the node or the client has gone."""
        path = names.path_in_v3(scope["path_params"]["path"].rstrip("/"))
        try:
            with self.work.streams.opened(requests.client_of(scope)), self.followed(path) as poller:
                stream = asyncio.ensure_future(Stream(poller, scope, send).run())
                with suppress(TimeoutError):
                    await unless_gone(stream, receive)
        except Gone:
            return
        except Exception as error:  # noqa: BLE001 - as on any other path
            await failures.reply_to(error, scope["path"]).send(scope["method"], send)

    @contextmanager
    def followed(self, path: str) -> Iterator[Poller]:
        """The poller of a path, which ends when nobody uses it any more."""
        poller = self.pollers.get(path)
        if poller is None or poller.is_finished:
            poller = self.pollers[path] = Poller(partial(self.looked, path), path, self.work.watches)
            self.work.streams.ends.add(poller.end)
        poller.followers += 1
        try:
            yield poller
        finally:
            poller.followers -= 1
            if not poller.followers:
                poller.end()
                self.work.streams.ends.discard(poller.end)
                if self.pollers.get(path) is poller:
                    del self.pollers[path]

    async def looked(self, path: str, before: State | None) -> State | None:
        """The state of a node, found by a thread in the share of its source."""
        self.work.streams.looks += 1
        return await self.work.threads.submit(partial(look, self.keys, path, before), partial(self.keys.source, path))


class Stream:
    """The answer to one client that follows a node."""

    def __init__(self, poller: Poller, scope: Scope, send: Send) -> None:
        self.poller = poller
        self.method: str = scope["method"]
        self.given = dict(scope["headers"]).get(b"last-event-id", b"").decode("latin-1")
        self.is_allowed: requests.Again | None = scope.get(requests.AGAIN)
        self.send = send

    async def run(self) -> None:
        """Answer as any path does if there is no such node; else stream until the end.

        Raises TimeoutError if the client takes nothing; the server then closes the connection.
        """
        poller = self.poller
        while poller.now is None and not poller.is_over:
            await poller.news.wait()
        if not isinstance(poller.now, State):
            await (poller.now or ENDING).send(self.method, self.send)
            return
        await self.send({"type": "http.response.start", "status": 200, "headers": [*STREAM]})
        if self.method != "HEAD":
            await self.stream(poller.now if poller.now.tag == self.given else None)
        await self.write(b"", is_last=True)

    async def stream(self, told: State | Reply | None) -> None:
        """Send events; `told` is what the client knows. Raises TimeoutError if it takes nothing."""
        poller = self.poller
        await self.write(RETRY)
        while not poller.is_over:
            news, now = poller.news, poller.now
            if now != told and now is not None:
                if not await self.may_read():
                    return
                await self.write(spelled(now))
                told = now
                if poller.is_finished:
                    return
            elif not await happens(news):
                if not await self.may_read():
                    return
                await self.write(COMMENT)

    async def may_read(self) -> bool:
        """Whether the client may still read what it follows; its key may have been revoked."""
        return self.is_allowed is None or await self.is_allowed()

    async def write(self, body: bytes, *, is_last: bool = False) -> None:
        """Send bytes. Raises TimeoutError if the client does not take them."""
        async with asyncio.timeout(PATIENCE):
            await self.send({"type": "http.response.body", "body": body, "more_body": not is_last})


ENDING = replies.text(503, "the server ends; ask again later", failures.AGAIN)


async def happens(news: asyncio.Event) -> bool:
    """Whether an event is set within HEARTBEAT seconds."""
    try:
        async with asyncio.timeout(HEARTBEAT):
            return await news.wait()
    except TimeoutError:
        return False


def spelled(now: State | Reply) -> bytes:
    """The event of a state, or of the failure to look at the node."""
    if isinstance(now, State):
        return now.spelled
    name = "gone" if now.status in ABSENT else "failed"
    return event(name, {"status": now.status, "reason": now.body.decode().strip()})
