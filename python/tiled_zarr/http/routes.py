"""Which endpoint answers a path: the beginning of the path says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from ..views.profile import BEFORE, is_profile
from .protocol import replies, requests
from .protocol.locations import TOKEN
from .protocol.replies import Reply

METHODS = frozenset({"GET", "HEAD", "PROPFIND"})
MOST_CHARACTERS = 8192
"""Characters in a path with its query, at most; nginx allows as many in a request line."""
MOST_PARTS = 512
"""Parts of a path, at most: this limits the walk down a tree that has no end."""
TOO_LONG = replies.text(414, f"a path may have {MOST_PARTS} parts and, with its query, {MOST_CHARACTERS} characters")

KeyEndpoint: TypeAlias = Callable[[str, Scope, Receive, Send], Awaitable[None]]
ProfileEndpoints: TypeAlias = Callable[[str, str], KeyEndpoint]
"""The endpoint of a path prefix (`zarr/v3`) and a profile, as it is spelled in the path."""


class Routes:
    """ASGI application that calls the endpoint of the first two parts of a path (`zarr/v3`).

    The endpoint gets the rest of the path as the key. If a profile follows these two parts, it is
    the endpoint of that profile, out of `profiles`. If a part like `@TOKEN` comes before, the
    endpoint is one of `frozen`, and the key begins with the token. Requests for other paths go to
    `rest`.
    """

    def __init__(
        self,
        endpoints: Mapping[str, KeyEndpoint],
        frozen: Mapping[str, KeyEndpoint],
        profiles: tuple[ProfileEndpoints, ProfileEndpoints],
        rest: ASGIApp,
    ) -> None:
        """`profiles` are the endpoints of profiles without a token, and with one."""
        self.endpoints = endpoints
        self.frozen = frozen
        self.profiled, self.frozen_profiled = profiles
        self.rest = rest

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        if scope["method"] not in METHODS:
            return self.refusal(scope).send(scope["method"], send)
        path: str = scope["path"]
        if "//" in path or scope.get("root_path"):
            path = requests.path_of(scope)
        length = len(path) + len(scope["query_string"])
        if length > MOST_PARTS and (length > MOST_CHARACTERS or path.count("/") > MOST_PARTS):
            return TOO_LONG.send(scope["method"], send)
        first, second, key = split(path)
        endpoint = self.endpoints.get(f"{first}/{second}")
        if endpoint is not None:
            if key.startswith(BEFORE) and is_profile(part := key.partition("/")[0]):
                return self.profiled(f"{first}/{second}", part)(key[len(part) + 1 :], scope, receive, send)
            return endpoint(key, scope, receive, send)
        if first.startswith(TOKEN):
            third, _, rest = key.partition("/")
            endpoint = self.frozen.get(f"{second}/{third}")
            token = first.removeprefix(TOKEN)
            if endpoint is not None:
                if rest.startswith(BEFORE) and is_profile(part := rest.partition("/")[0]):
                    return self.frozen_profiled(f"{second}/{third}", part)(f"{token}/{rest[len(part) + 1 :]}", scope, receive, send)
                return endpoint(f"{token}/{rest}", scope, receive, send)
        if scope["method"] == "PROPFIND":
            return self.refusal(scope).send("PROPFIND", send)
        return self.rest({**scope, "path": path, "root_path": "", "app_root_path": scope.get("root_path", "")}, receive, send)

    def refusal(self, scope: Scope) -> Reply:
        """405, with the methods of the path."""
        first, second, _ = split(requests.path_of(scope))
        return replies.NOT_ALLOWED if f"{first}/{second}" in self.endpoints else replies.PAGE_NOT_ALLOWED


def split(path: str) -> tuple[str, str, str]:
    """The first two parts of a path, and the rest.

    >>> split("/zarr/v3/a/b/zarr.json"), split("/zarr/v3"), split("/")
    (('zarr', 'v3', 'a/b/zarr.json'), ('zarr', 'v3', ''), ('', '', ''))
    """
    first, _, rest = path.removeprefix("/").partition("/")
    second, _, key = rest.partition("/")
    return first, second, key
