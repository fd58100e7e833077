"""Who may read: everyone, or whoever sends the API key.

It wraps all that serves data, and it refuses to be made without a key for private data.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from ..protocol import keys, replies, requests, signatures
from ..protocol.replies import Answer

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
Shown: TypeAlias = Callable[[Answer, Scope], Answer]
"""Makes of a reply what the client of a request gets: browsers get errors as pages."""


def as_it_is(reply: Answer, scope: Scope) -> Answer:  # noqa: ARG001 - a Shown
    """The reply itself."""
    return reply


class Auth:
    """ASGI middleware: 401 unless the tree is public or the request has the right key.

    A wrong key gets 401 even if the tree is public. `/healthz` and `/readyz` are open to all. What
    it wraps sees a path without `/k/KEY`, which is in the item keys.PREFIX of the scope instead.
    `shown` makes of a refusal what the client gets.
    """

    def __init__(self, app: ASGIApp, key: str | None, *, public: bool, shown: Shown = as_it_is) -> None:
        if not key and not public:
            raise ValueError("a tree that is not public needs an API key")
        self.app = app
        self.key = key.encode() if key else None
        self.public = public
        self.shown = shown
        self.path_prefix = requests.collapsed(keys.MARK + key).rstrip("/") if key else None
        """What a decoded path with the right key begins with."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        chosen, added, is_shown, is_signed = keys.given(scope)
        inner = scope
        if is_signed and self.key is not None:
            chosen.append(self.key if signatures.is_by(scope, self.key) else b"")
        if is_shown or keys.MARK in scope["path"]:
            inner, in_path = self.without_key(scope)
            chosen += in_path
        if not (self.allows(chosen, added) or requests.path_of(inner) in OPEN_PATHS):
            return self.shown(replies.UNAUTHORIZED, inner).send(scope["method"], send)
        if not inner["path"]:
            return replies.to_folder(inner[keys.PREFIX], inner["query_string"]).send(scope["method"], send)
        return self.app(inner, receive, send)

    def without_key(self, scope: Scope) -> tuple[Scope, list[bytes]]:
        """A copy of a scope with the key taken off its path, and that key; an empty one is wrong.

        The copy's path is empty if nothing follows the key, its `raw_path` is as the client asked.
        We hide all keys in the scope itself, since the server writes its access log from it.
        """
        inner = {**scope, "raw_path": scope.get("raw_path") or quote(scope["path"]).encode()}
        path, rest, found = requests.path_of(scope), None, list[bytes]()
        if path.startswith(keys.MARK):
            rest = self.after_key(path)
            found = [b"" if rest is None or self.key is None else self.key]
            inner["path"] = f"{requests.root_of(scope)}{rest}" if rest else ""
            inner[keys.PREFIX] = quote(path.removesuffix(rest or ""))
        keys.hide(scope, rest or "", self.path_prefix)
        return inner, found

    def after_key(self, path: str) -> str | None:
        """What follows the key in a decoded path that begins with `/k/`; None for a wrong key."""
        if self.path_prefix is None:
            return None
        length = len(self.path_prefix)
        is_right = hmac.compare_digest(path[:length].encode(errors="replace"), self.path_prefix.encode())
        return path[length:] if is_right and path[length : length + 1] in {"", "/"} else None

    def allows(self, chosen: list[bytes], added: list[bytes]) -> bool:
        """Whether every key that was chosen for a request is right.

        Without any, one of those that were added to it has to be; without these, the tree must be
        public.
        """
        if chosen:
            return all(map(self.is_right, chosen))
        return any(map(self.is_right, added)) if added else self.public

    def is_right(self, key: bytes) -> bool:
        """Whether this is the key, in a time that does not depend on how much of it is right."""
        return self.key is not None and hmac.compare_digest(key, self.key)
