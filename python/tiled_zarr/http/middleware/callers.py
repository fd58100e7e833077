"""Who asks, and what they see: each caller has an application of their own over a tree of their own.

A function that the application is made with (`Identify`) says who sends a request. Callers of equal
`identity` see the same tree. What serves it (key spaces, endpoints, pages) is made at the first
request and kept for the callers seen last; threads, memory and caches are shared by all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...caches.recent import Recent
from ...nodes import Forbidden, Group, Unauthenticated
from ..protocol import failures, keys, replies, requests
from ..protocol.replies import NO_CACHE, Reply
from .auth import OPEN_PATHS, Shown, as_it_is

MOST_KEPT = 64
"""Callers whose applications are kept, at most.

Each takes up to some 10 MB if the caller asks for thousands of arrays; making one takes 2.5 ms."""
METRICS = "/metrics"
EVENTS = "/events/"
"""What the paths of requests begin with that last so long that a key may be revoked meanwhile."""
PRIVATE = (b"cache-control", b"private, no-cache")
"""What NO_CACHE becomes in replies for one caller."""
HIDDEN = "there is no such array, or you may not read it"
HIDDEN_FROM_ALL = "there is no such array, or only those who sign in may read it: send an API key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sends a request. `root()` returns the tree that they see; it opens nothing.

    `is_public` says that everybody sees as much, so that shared caches may keep the replies.
    `is_signed_in` decides between 401 and 403. `sees_all` says that the tree hides nothing from
    them: then a chunk of an array that does not exist is 404, else 403 or 401.
    """

    identity: Hashable
    root: Callable[[], Group]
    is_public: bool = False
    is_signed_in: bool = True
    sees_all: bool = False

    @property
    def refusal(self) -> Callable[[], Exception] | None:
        """Makes what is raised for chunks of arrays that the tree does not have (`KeySpace`)."""
        return None if self.sees_all else hidden if self.is_signed_in else hidden_from_all


Identify: TypeAlias = Callable[[Scope], Awaitable["Caller | Reply"]]
"""Says who sends a request; a reply is a 401, 403 or 503.

It gets the request without `/k/KEY` in its path; `keys.in_prefix(scope)` returns that key."""


def hidden() -> Forbidden:
    """What a caller gets for a chunk below what they may not see, whether it exists or not."""
    return Forbidden(HIDDEN)


def hidden_from_all() -> Unauthenticated:
    """The same for a caller who has not signed in."""
    return Unauthenticated(HIDDEN_FROM_ALL)


class Callers:
    """ASGI middleware: answers each request with the application of who sends it.

    `make(caller)` makes one; `unasked` answers `/healthz` and `/readyz`, for which nobody is asked
    who they are. `shown` makes of a refusal what the client gets.
    """

    def __init__(
        self, identify: Identify, make: Callable[[Caller], ASGIApp], unasked: ASGIApp, most: int = MOST_KEPT, *, shown: Shown = as_it_is
    ) -> None:
        self.shown = shown
        self.identify = identify
        self.make = make
        self.unasked = unasked
        self.kept: Recent[Hashable, ASGIApp] = Recent(most)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        inner = without_key(scope)
        path = requests.path_of(inner)
        if path in OPEN_PATHS:
            return await self.unasked(inner, receive, send)
        found = await self.asked(inner)
        if isinstance(found, Reply):
            return await self.shown(found, inner).send(scope["method"], send)
        if not inner["path"]:
            return await replies.to_folder(inner[keys.PREFIX], inner["query_string"]).send(scope["method"], send)
        if path == METRICS and not (found.is_signed_in or found.sees_all):
            return await replies.UNAUTHORIZED.send(scope["method"], send)
        if path.startswith(EVENTS):
            inner = {**inner, requests.AGAIN: partial(self.sees_the_same, inner, found.identity)}
        app = self.kept.peek(found.identity) or self.made(found)
        return await app(inner, receive, send if found.is_public else as_private(send))

    async def asked(self, scope: Scope) -> Caller | Reply:
        """Who sends a request; a reply if they may not read, or if nobody can say."""
        try:
            return await self.identify(scope)
        except Exception as error:  # noqa: BLE001 - whoever is asked may fail in any way
            return failures.reply_to(error, scope["path"])

    async def sees_the_same(self, scope: Scope, identity: Hashable) -> bool:
        """Whether who sent a request may still read, and sees the same tree."""
        found = await self.asked(scope)
        return isinstance(found, Caller) and found.identity == identity

    def made(self, caller: Caller) -> ASGIApp:
        """The application of a caller, made now and kept."""
        app = self.make(caller)
        self.kept.keep(caller.identity, app)
        return app


def without_key(scope: Scope) -> Scope:
    """The scope of a request without `/k/KEY` in its path; its item keys.PREFIX has that.

    Its path is empty if nothing follows the key. Keys are hidden in the server's own scope, from
    which it writes its access log.
    """
    path = requests.path_of(scope)
    is_in_path = path.startswith(keys.MARK)
    if not (is_in_path or keys.is_shown(scope)):
        return scope
    inner = {**scope, "raw_path": scope.get("raw_path") or quote(scope["path"]).encode()}
    prefix, rest = path, ""
    if is_in_path:
        key, slash, rest = path.removeprefix(keys.MARK).partition("/")
        prefix, rest = keys.MARK + key, slash + rest
        inner["path"] = f"{requests.root_of(scope)}{rest}" if rest else ""
        inner[keys.PREFIX] = quote(prefix)
    keys.hide(scope, rest, prefix if is_in_path and prefix != keys.MARK else None)
    return inner


def as_private(send: Send) -> Send:
    """A `send` for replies to one caller: shared caches do not keep pages and listings either."""

    def send_as_private(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start" and NO_CACHE in message["headers"]:
            message["headers"] = [PRIVATE if header == NO_CACHE else header for header in message["headers"]]
        return send(message)

    return send_as_private
