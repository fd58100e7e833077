"""Who may read: everyone, or whoever sends the API key.

It wraps all that serves data, and it refuses to be made without a key for private data.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from ..protocol import replies, requests

SCHEMES = frozenset({b"apikey", b"bearer"})
OPEN_PATHS = frozenset({"/healthz", "/readyz"})


class Auth:
    """ASGI middleware: 401 unless the tree is public or the request has the right key.

    A wrong key gets 401 even if the tree is public. `/healthz` and `/readyz` are open to all.
    """

    def __init__(self, app: ASGIApp, key: str | None, *, public: bool) -> None:
        if not key and not public:
            raise ValueError("a tree that is not public needs an API key")
        self.app = app
        self.key = key.encode() if key else None
        self.public = public

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        if self.allows(given_keys(scope)) or requests.path_of(scope) in OPEN_PATHS:
            return self.app(scope, receive, send)
        return replies.UNAUTHORIZED.send(scope["method"], send)

    def allows(self, given: list[bytes]) -> bool:
        """Whether every given key is right; without any, whether the tree is public."""
        return all(map(self.is_right, given)) if given else self.public

    def is_right(self, key: bytes) -> bool:
        """Whether this is the key, in a time that does not depend on how much of it is right."""
        return self.key is not None and hmac.compare_digest(key, self.key)


def given_keys(scope: Scope) -> list[bytes]:
    """The keys in the query and in every Authorization header of the schemes Apikey and Bearer.

    Other schemes carry none of our keys, so we ignore them.
    """
    keys = requests.query_keys(scope)
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, key = value.strip().partition(b" ")
            if scheme.lower() in SCHEMES:
                keys.append(key.strip())
    return keys
