"""Which endpoint answers a path: the beginning of the path says so."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from ..views.profile import BEFORE, is_profile
from .protocol import replies, requests
from .protocol.locations import TOKEN
from .protocol.replies import Reply
from .site import errors

METHODS = frozenset({"GET", "HEAD", "PROPFIND"})
MOST_CHARACTERS = 8192
"""Characters in a path with its query, at most; nginx allows as many in a request line."""
MOST_PARTS = 512
"""Parts of a path, at most: this limits the walk down a tree that has no end."""
TOO_LONG = replies.text(414, f"a path may have {MOST_PARTS} parts and, with its query, {MOST_CHARACTERS} characters")

LISTS = re.compile(rb"(^|&)(list-type|delimiter|prefix|max-keys|marker)=")
"""What only the query of an S3 client's listing has."""

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
        buckets: KeyEndpoint,
        rest: ASGIApp,
    ) -> None:
        """`profiles` are the endpoints of profiles without a token, and with one.

        `buckets` answers for the first parts of the path prefixes alone, as S3 clients ask for them.
        """
        self.buckets = buckets
        self.bucket_names = {prefix.partition("/")[0] for prefix in endpoints}
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
            return errors.shown(TOO_LONG, scope).send(scope["method"], send)
        first, second, key = split(path)
        endpoint = self.endpoints.get(f"{first}/{second}")
        if endpoint is not None:
            if key.startswith(BEFORE) and is_profile(part := key.partition("/")[0]):
                return self.profiled(f"{first}/{second}", part)(key[len(part) + 1 :], scope, receive, send)
            return endpoint(key, scope, receive, send)
        if first.startswith(TOKEN):
            endpoint, key = self.under_token(first.removeprefix(TOKEN), second, key)
            if endpoint is not None:
                return endpoint(key, scope, receive, send)
        if scope["method"] == "PROPFIND":
            return self.refusal(scope).send("PROPFIND", send)
        if not second and (not first or first in self.bucket_names) and is_of_s3(scope):
            return self.buckets(first, scope, receive, send)
        return self.page(path, scope, receive, send)

    def page(self, path: str, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer a request for a path that is no key, below the root path; without a slash after that, lead there."""
        root = scope.get("root_path", "")
        if scope["path"] == root and not root.endswith("/"):
            return replies.to_folder(quote(root), scope["query_string"]).send(scope["method"], send)
        return self.rest({**scope, "path": path, "root_path": "", "app_root_path": root}, receive, send)

    def under_token(self, token: str, second: str, key: str) -> tuple[KeyEndpoint | None, str]:
        """The endpoint of a path that begins with a token, and the key with the token before it."""
        third, _, rest = key.partition("/")
        prefix = f"{second}/{third}"
        endpoint = self.frozen.get(prefix)
        if endpoint is not None and rest.startswith(BEFORE) and is_profile(part := rest.partition("/")[0]):
            return self.frozen_profiled(prefix, part), f"{token}/{rest[len(part) + 1 :]}"
        return endpoint, f"{token}/{rest}"

    def refusal(self, scope: Scope) -> Reply:
        """405, with the methods of the path."""
        first, second, _ = split(requests.path_of(scope))
        return replies.NOT_ALLOWED if f"{first}/{second}" in self.endpoints else replies.PAGE_NOT_ALLOWED


def is_of_s3(scope: Scope) -> bool:
    """True if a client of S3 sends the request: its query or its headers tell it from a browser."""
    return LISTS.search(scope["query_string"]) is not None or requests.is_of_s3(name for name, _ in scope["headers"])


def split(path: str) -> tuple[str, str, str]:
    """The first two parts of a path, and the rest.

    >>> split("/zarr/v3/a/b/zarr.json"), split("/zarr/v3"), split("/")
    (('zarr', 'v3', 'a/b/zarr.json'), ('zarr', 'v3', ''), ('', '', ''))
    """
    first, _, rest = path.removeprefix("/").partition("/")
    second, _, key = rest.partition("/")
    return first, second, key
