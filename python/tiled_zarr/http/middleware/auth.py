"""Who may read: everyone, or whoever sends the API key.

It wraps all that serves data, and it refuses to be made without a key for private data.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from ..protocol import keys, replies, requests
from ..protocol.keys import Given
from ..protocol.replies import NO_STORE, Reply

OPEN_PATHS = frozenset({"/healthz", "/readyz"})


class Auth:
    """ASGI middleware: 401 unless the tree is public or the request has the right key.

    A wrong key gets 401 even if the tree is public. `/healthz` and `/readyz` are open to all. What
    it wraps sees a path without `/k/KEY`, which is in the item keys.PREFIX of the scope instead.
    """

    def __init__(self, app: ASGIApp, key: str | None, *, public: bool) -> None:
        if not key and not public:
            raise ValueError("a tree that is not public needs an API key")
        self.app = app
        self.key = key.encode() if key else None
        self.public = public
        self.path_prefix = requests.collapsed(keys.MARK + key).rstrip("/") if key else None
        """What a decoded path with the right key begins with."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        given, inner = keys.given(scope), scope
        if given.is_shown or keys.MARK in scope["path"]:
            inner = self.without_key(scope)
        if not (self.allows(given, inner) or requests.path_of(inner) in OPEN_PATHS):
            return replies.UNAUTHORIZED.send(scope["method"], send)
        if not inner["path"]:
            return to_slash(inner[keys.PREFIX]).send(scope["method"], send)
        return self.app(inner, receive, send)

    def without_key(self, scope: Scope) -> Scope:
        """A copy of a scope with the key taken off its path; the path is empty if nothing follows.

        `raw_path` is the whole path as it was asked for. We hide all keys in the scope itself, since the server writes its access log from it.
        """
        path, rest = requests.path_of(scope), None
        inner = {**scope, "raw_path": scope.get("raw_path") or quote(scope["path"]).encode()}
        if path.startswith(keys.MARK):
            rest = self.after_key(path)
            inner[keys.PREFIX] = None if rest is None else quote(path[: len(path) - len(rest)])
            inner["path"] = f"{requests.root_of(scope)}{rest}" if rest else ""
        keys.hide(scope, rest or "")
        return inner

    def after_key(self, path: str) -> str | None:
        """What follows the right key in a decoded path that begins with `/k/`; None if it is wrong."""
        if self.path_prefix is None:
            return None
        length = len(self.path_prefix)
        is_right = hmac.compare_digest(path[:length].encode(errors="replace"), self.path_prefix.encode())
        return path[length:] if is_right and path[length : length + 1] in {"", "/"} else None

    def allows(self, given: Given, scope: Scope) -> bool:
        """Whether every key that was chosen for a request is right.

        Without any, one of those that were added to it has to be; without these, the tree must be
        public.
        """
        if (prefix := scope.get(keys.PREFIX, "")) is None:
            return False
        if prefix or given.chosen:
            return all(map(self.is_right, given.chosen))
        return any(map(self.is_right, given.added)) if given.added else self.public

    def is_right(self, key: bytes) -> bool:
        """Whether this is the key, in a time that does not depend on how much of it is right."""
        return self.key is not None and hmac.compare_digest(key, self.key)


def to_slash(prefix: str) -> Reply:
    """The reply to `/k/KEY`: links on the page of the root are relative to `/k/KEY/`."""
    return Reply(307, ((b"location", f"./{prefix.rpartition('/')[2]}/".encode()), NO_STORE))
