"""Starting Tiled's server under ours, and the path at which a proxy shows it.

https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .refusals import refusal, words_of
from .turns import Turn

STARTED = ("lifespan.startup.complete", "lifespan.startup.failed")


class Startup:
    """ASGI middleware below a `root_path`, which a proxy has taken off each path.

    As uvicorn does, it puts the root path in front of the path again. When the application has
    started, or cannot, it ends the turn of this worker; a failure has the words of Tiled.
    """

    def __init__(self, app: ASGIApp, root_path: str, configuration: Path, turn: Turn) -> None:
        self.app = app
        self.root_path = root_path
        self.configuration = configuration
        self.turn = turn

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request, or run from the server's start to its end."""
        if scope["type"] == "lifespan":
            return self.app(scope, receive, self.telling(send))
        if self.root_path:
            self.put_below(scope)
        return self.app(scope, receive, send)

    def put_below(self, scope: Scope) -> None:
        """Change the scope of a request to what uvicorn makes with the option `root_path`.

        Not a copy of it: the server writes its log from this one, in which we hide keys.
        """
        root = self.root_path
        scope.update(root_path=root, path=root + scope["path"], raw_path=root.encode() + scope.get("raw_path", b""))

    def telling(self, send: Send) -> Send:
        """A `send` that ends the turn at the end of the startup, and shortens a failure."""

        def sending(message: Message) -> Awaitable[None]:
            if message["type"] in STARTED:
                self.turn.end()
            if message["type"] == "lifespan.startup.failed":
                message = {**message, "message": refusal(self.configuration, words_of(message.get("message", "")))}
            return send(message)

        return sending
