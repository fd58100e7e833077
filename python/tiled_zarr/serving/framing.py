"""Lets pages of other origins, such as a notebook's, show ours in a frame.

https://www.w3.org/TR/CSP3/#directive-frame-ancestors
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..settings import SettingsError

POLICY = b"content-security-policy"
OURS = b"frame-ancestors 'self'"
ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(:\*)?")
NOTEBOOKS = ("http://localhost:*", "http://127.0.0.1:*")
"""Notebooks on this machine, at any port."""


class Framing:
    """ASGI middleware that adds `origins` to those that may show a page in a frame."""

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self.app = app
        self.allowed = b" ".join([OURS, *map(checked, origins)])

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""

        def framed(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = [(name, value.replace(OURS, self.allowed) if name == POLICY else value) for name, value in message["headers"]]
                message = {**message, "headers": headers}
            return send(message)

        return self.app(scope, receive, framed if scope["type"] == "http" else send)


def checked(origin: str) -> bytes:
    """An origin as it stands in the header. Raises SettingsError if it is none."""
    if ORIGIN.fullmatch(origin) is None:
        raise SettingsError(f"frame_ancestors: {origin!r} is no origin; give a list like ['https://jupyter.example', 'http://localhost:*']")
    return origin.encode()
