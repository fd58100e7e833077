"""Where the same document never changes: https://www.rfc-editor.org/rfc/rfc9110#name-content-location"""  # noqa: D400 - an address

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

from starlette.types import Scope

from . import requests

TOKEN = "@"  # noqa: S105 - what a token begins with in a path
MOST_KEPT = 8192
"""Addresses that are remembered; when it is full, the one used longest ago goes."""
UNESCAPED = "/@"
"""Characters of a path that need not be percent-encoded, besides letters and the like."""


def before(token: str | None) -> str:
    """What a path begins with to name a revision, before `zarr/v3`; empty without a token.

    >>> before("a1b2"), before(None)
    ('@a1b2/', '')
    """
    return "" if token is None else f"{TOKEN}{token}/"


def under(scope: Scope, token: str) -> bytes | None:
    """The address of what a request asks for, under a token.

    It is relative to the address of the request. So it holds behind a proxy that takes a prefix off
    the path, and below a key in the path, which it does not contain. None if the path has a run of
    slashes, since clients do not agree on how to resolve an address relative to that.
    """
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return None if b"//" in raw else _under(requests.path_of(scope), token)


@lru_cache(MOST_KEPT)
def _under(path: str, token: str) -> bytes:
    return f"{'../' * (path.count('/') - 1)}{before(token)}{quote(path[1:], safe=UNESCAPED)}".encode()
