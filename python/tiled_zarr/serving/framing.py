"""Lets pages of other origins, such as a notebook's, show ours in a frame.

https://www.w3.org/TR/CSP3/#directive-frame-ancestors
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..settings import SettingsError

POLICY = b"content-security-policy"
OURS = b"frame-ancestors 'self'"
ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(:\*)?")
NOTEBOOKS = ("http://localhost:*", "http://127.0.0.1:*")
"""Notebooks on this machine, at any port."""


class Framing:
    """ASGI middleware that puts the directive `ancestors` in place of ours."""

    def __init__(self, app: ASGIApp, ancestors: bytes) -> None:
        self.app = app
        self.ancestors = ancestors
        self.end_streams: Callable[[], None] = getattr(app, "end_streams", lambda: None)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""

        def framed(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = [(name, value.replace(OURS, self.ancestors) if name == POLICY else value) for name, value in message["headers"]]
                message = {**message, "headers": headers}
            return send(message)

        return self.app(scope, receive, framed if scope["type"] == "http" else send)


def allowed(origins: Iterable[str]) -> bytes:
    """The directive that lets these origins show our pages too; empty if there are none.

    Raises SettingsError if one of them is no origin: a text could hold other directives.
    """
    checked = list(origins)
    for origin in checked:
        if ORIGIN.fullmatch(origin) is None:
            raise SettingsError(
                f"frame_ancestors: {origin!r} is no origin; give a list like ['https://jupyter.example', 'http://localhost:*']"
            )
    return b" ".join([OURS, *map(str.encode, checked)]) if checked else b""
