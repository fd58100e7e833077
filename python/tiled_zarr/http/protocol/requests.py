"""The parts of a request that we use: path, headers and query of its ASGI scope."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple, TypeAlias
from urllib.parse import parse_qsl, quote

from starlette.types import Receive, Scope

CONDITIONS = frozenset({b"if-none-match", b"range"})
"""Headers that may change a reply from 200 with the whole body.

If-Range is not among them: it has a meaning only beside Range.
"""
CLOCK = "tiled_zarr.clock"
"""The item of a scope with the clock of the request, if the log or the client gets its times."""
AGAIN = "tiled_zarr.again"
"""The item of a scope with a function that says whether its client may still read as much."""
SLASHES = re.compile("/{2,}")


Again: TypeAlias = Callable[[], Awaitable[bool]]


class Request(NamedTuple):
    """A GET or HEAD of a key; if a header is repeated, the last one counts."""

    key: str
    method: str
    headers: dict[bytes, bytes]
    scope: Scope


def path_of(scope: Scope) -> str:
    """The decoded path below the server's root path, with runs of slashes made one."""
    path: str = scope["path"]
    root = root_of(scope)
    if root:
        path = path[len(root) :] or "/"
    return collapsed(path)


def collapsed(path: str) -> str:
    """A path with runs of slashes made one."""
    return SLASHES.sub("/", path) if "//" in path else path


def root_of(scope: Scope) -> str:
    """The server's root path, if the path of a request begins with it; else empty."""
    root: str = scope.get("root_path", "")
    return root if root and f"{scope['path']}/".startswith(f"{root}/") else ""


def asked_path(scope: Scope) -> str:
    """The path as the client asked for it, with its escapes and slashes; bytes as UTF-8."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return raw.partition(b"?")[0].decode("utf-8", "replace")


def client_of(scope: Scope) -> str:
    """The address of a client, as the last proxy on its way has seen it if there is one.

    A client can send this header too, so it may count only for what is bounded otherwise as well.
    """
    forwarded = next((value for name, value in scope["headers"] if name == b"x-forwarded-for"), b"")
    named = forwarded.rpartition(b",")[2].strip().decode("latin-1")
    return named or (scope.get("client") or ("-",))[0] or "-"


def is_plain(scope: Scope) -> bool:
    """Whether a request is a GET of the whole body, without conditions."""
    # a generator would cost as much time as a repeated reply saves
    for name, _ in scope["headers"]:
        if name in CONDITIONS:
            return False
    method: str = scope["method"]
    return method == "GET"


def is_of_s3(names: Iterable[bytes]) -> bool:
    """True if the names of a request's headers tell that a client of S3 has sent it.

    >>> is_of_s3([b"host", b"x-amz-date"]), is_of_s3([b"host"])
    (True, False)
    """
    return any(name.startswith((b"x-amz-", b"amz-sdk-")) for name in names)


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


async def skip_body(receive: Receive) -> None:
    """Wait for the end of a request's body, or for the client to disconnect; nothing is kept.

    If hypercorn has replied before the body has come, it closes the connection.
    """
    while (await receive()).get("more_body", False):
        pass


def query_value(scope: Scope, name: str) -> str | None:
    """The first value of a name in the query, or None."""
    query: bytes = scope["query_string"]
    return next((value for key, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if key == name), None)


def prefers_json(accept: bytes) -> bool:
    """Whether an Accept header ranks JSON, named as such, above HTML.

    >>> [prefers_json(accept) for accept in (b"application/json", b"*/*", b"text/html, application/json;q=0.9", b"application/json, */*")]
    [True, False, False, True]
    """
    ranked = ranks(accept)
    json = ranked.get("application/json", 0.0)
    html = max(ranked.get("text/html", 0.0), ranked.get("application/xhtml+xml", 0.0))
    return json > html


def ranks(header: bytes) -> dict[str, float]:
    """What an Accept or Accept-Encoding header names, in lower case, each with its weight.

    >>> ranks(b"gzip;q=0.5, BR, zstd;q=nan")
    {'gzip': 0.5, 'br': 1.0, 'zstd': 0.0}
    """
    return dict(_rank(part) for part in header.decode("latin-1").lower().split(","))


def _rank(part: str) -> tuple[str, float]:
    """A media type or coding and its weight; a weight that is none from 0 to 1 counts as 0."""
    kind, *parameters = (piece.strip() for piece in part.split(";"))
    weights = [value for name, _, value in (parameter.partition("=") for parameter in parameters) if name.strip() == "q"]
    try:
        weight = float(weights[0]) if weights else 1.0
    except ValueError:
        return kind, 0.0
    return kind, weight if 0 <= weight <= 1 else 0.0
