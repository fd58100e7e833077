"""Cross-origin reading: https://fetch.spec.whatwg.org/#http-cors-protocol"""  # noqa: D400 - an address

from __future__ import annotations

from collections.abc import Awaitable, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..protocol import keys
from ..protocol.multistatus import DAV
from ..protocol.replies import METHODS, Headers, Reply

EXPOSED = (
    b"access-control-expose-headers",
    b"content-length, content-location, content-range, etag, accept-ranges, content-encoding, server-timing",
)
VARY = (b"vary", b"origin")
PREFLIGHT: Headers = (
    (b"access-control-allow-methods", METHODS),
    (b"access-control-allow-headers", b"authorization, range, if-none-match, depth"),
    (b"access-control-max-age", b"7200"),
)
PRIVATE_NETWORK = (b"access-control-allow-private-network", b"true")


class Cors:
    """ASGI middleware that lets web pages of other `origins` read every reply.

    It answers every OPTIONS with 204, and adds the CORS headers to other replies. Origins are exact
    (`https://host:port`), or `*` for all of them.
    """

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self.app = app
        self.origins = frozenset(origin.encode() for origin in origins)
        self.all = granted(b"*") if b"*" in self.origins else None
        self.each = {origin: (*granted(origin), VARY) for origin in self.origins}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        headers = self.headers(scope)
        if scope["method"] == "OPTIONS":
            keys.hide(scope)
            return options(scope, headers).send("OPTIONS", send)
        return self.app(scope, receive, adding(headers, send) if headers else send)

    def headers(self, scope: Scope) -> Headers:
        """The CORS headers of a reply.

        They have `Vary: Origin` if some origins but not all may read it.
        """
        if self.all is not None:
            return self.all
        if not self.origins:
            return ()
        origin = next((value for name, value in scope["headers"] if name == b"origin"), b"")
        return self.each.get(origin, (VARY,))


def granted(origin: bytes) -> Headers:
    """The headers of a reply that `origin` may read."""
    return ((b"access-control-allow-origin", origin), EXPOSED)


def adding(headers: Headers, send: Send) -> Send:
    """A `send` that adds headers to the start of the response."""

    def send_with_headers(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        return send(message)

    return send_with_headers


def options(scope: Scope, headers: Headers) -> Reply:
    """The answer to OPTIONS, whether it is a preflight or not."""
    asks_private_network = any(name == b"access-control-request-private-network" for name, _ in scope["headers"])
    is_granted = any(name == b"access-control-allow-origin" for name, _ in headers)
    private = (PRIVATE_NETWORK,) if asks_private_network and is_granted else ()
    return Reply(204, ((b"allow", METHODS), DAV, *PREFLIGHT, *headers, *private))
