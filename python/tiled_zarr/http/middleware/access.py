"""The access log, and the header Server-Timing: what each request was, and where its time went.

https://www.w3.org/TR/server-timing/. Without either, and without a limit for slow requests, no
request passes through this module.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Sequence
from time import perf_counter
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...clocks import Clock
from ..protocol import replies
from ..protocol.requests import CLOCK

log = logging.getLogger(__name__)

MILLISECONDS = 1000
GONE = 499
"""What the log says if the client went away before the answer, as nginx does."""


class Access:
    """ASGI middleware that logs requests, and tells the client where their time went.

    Requests that take more than `slow` seconds, other than streams of events, are logged as warnings, with the times in which they
    waited, read and encoded; all others as information. If `is_told`, each reply has a
    Server-Timing.
    """

    def __init__(self, app: ASGIApp, *, slow: float, is_told: bool) -> None:
        self.app = app
        self.slow = slow
        self.is_told = is_told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        start, clock = perf_counter(), Clock()
        scope[CLOCK] = clock
        status = nbytes = 0
        headers: Sequence[tuple[bytes, bytes]] = ()

        def noting(message: Message) -> Awaitable[None]:
            nonlocal status, nbytes, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
                if self.is_told:
                    message["headers"] = [*message["headers"], (b"server-timing", header(clock, perf_counter() - start))]
            else:
                nbytes += len(message.get("body", b""))
            return send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            seconds = perf_counter() - start
            level = logging.WARNING if seconds > self.slow and not replies.is_stream(headers) else logging.INFO
            if log.isEnabledFor(level):
                note(level, described(scope, status or GONE, nbytes, clock, seconds), clock)


def note(level: int, fields: dict[str, Any], clock: Clock) -> None:
    """Log one request."""
    log.log(level, "%s%s", "slow: " if level == logging.WARNING else "", line(fields, clock), extra={"fields": fields})


def header(clock: Clock, seconds: float) -> bytes:
    """The value of Server-Timing, in milliseconds.

    >>> clock = Clock(); clock.read = 0.0123
    >>> header(clock, 0.02)
    b'read;dur=12.3, total;dur=20.0'
    """
    return ", ".join(f"{name};dur={MILLISECONDS * part:.1f}" for name, part in [*clock.parts(), ("total", seconds)]).encode()


def described(scope: Scope, status: int, nbytes: int, clock: Clock, seconds: float) -> dict[str, Any]:
    """What the log says of a request, by name.

    Times are in seconds. The path is percent-encoded, and without its query, which may hold a key.
    """
    client = scope.get("client")
    times = {name: round(part, 6) for name, part in [*clock.parts(), ("seconds", seconds)]}
    path = quote(scope["path"], safe="/~!$&'()*+,;=:@", errors="replace")
    return {"client": client[0] if client else "-", "method": scope["method"], "path": path, "status": status, "bytes": nbytes, **times}


def line(fields: dict[str, Any], clock: Clock) -> str:
    """The same in one line, with times in milliseconds."""
    parts = ", ".join(f"{name} {MILLISECONDS * part:.1f} ms" for name, part in clock.parts())
    where = f" ({parts})" if parts else ""
    total = f"{MILLISECONDS * fields['seconds']:.1f} ms"
    return f"{fields['client']} {fields['method']} {fields['path']} {fields['status']} {fields['bytes']} bytes {total}{where}"
