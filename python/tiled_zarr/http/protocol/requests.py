"""The parts of a request that we use: path, headers and query of its ASGI scope."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.types import Scope

CONDITIONS = frozenset({b"if-none-match", b"range"})
"""Headers that may change a reply from 200 with the whole body.

If-Range is not among them: it has a meaning only beside Range.
"""
CLOCK = "tiled_zarr.clock"
"""The item of a scope with the clock of the request, if the log or the client gets its times."""
SLASHES = re.compile("/{2,}")


class Request(NamedTuple):
    """A GET or HEAD of a key; if a header is repeated, the last one counts."""

    key: str
    method: str
    headers: dict[bytes, bytes]
    scope: Scope


def path_of(scope: Scope) -> str:
    """The decoded path below the server's root path, with runs of slashes made one."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and f"{path}/".startswith(f"{root}/"):
        path = path[len(root) :] or "/"
    return SLASHES.sub("/", path) if "//" in path else path


def is_plain(scope: Scope) -> bool:
    """Whether a request is a GET of the whole body, without conditions."""
    for name, _ in scope["headers"]:  # a generator would cost as much time as a repeated reply saves
        if name in CONDITIONS:
            return False
    method: str = scope["method"]
    return method == "GET"


def request_for(key: str, scope: Scope) -> Request:
    """The request of a scope for a key."""
    return Request(key, scope["method"], dict(scope["headers"]), scope)


def query_keys(scope: Scope) -> list[bytes]:
    """The values of `api_key` in the query, in their order."""
    query: bytes = scope["query_string"]
    if not query:
        return []
    fields = parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    return [value.encode("latin-1") for name, value in fields if name == "api_key"]


def prefers_json(accept: bytes) -> bool:
    """Whether an Accept header ranks JSON, named as such, above HTML.

    >>> [prefers_json(accept) for accept in (b"application/json", b"*/*", b"text/html, application/json;q=0.9", b"application/json, */*")]
    [True, False, False, True]
    """
    ranks = dict(_rank(part) for part in accept.decode("latin-1").lower().split(","))
    json = ranks.get("application/json", 0.0)
    html = max(ranks.get("text/html", 0.0), ranks.get("application/xhtml+xml", 0.0))
    return json > html


def _rank(part: str) -> tuple[str, float]:
    """A media type and its weight; a weight that cannot be parsed is 0."""
    kind, *parameters = (piece.strip() for piece in part.split(";"))
    weights = [value for name, _, value in (parameter.partition("=") for parameter in parameters) if name.strip() == "q"]
    try:
        return kind, float(weights[0]) if weights else 1.0
    except ValueError:
        return kind, 0.0
