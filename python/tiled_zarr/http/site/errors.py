"""Errors as pages, for browsers: the same status and headers, and what to do next.

Only who names `text/html` in Accept gets a page, and only at paths that are for people: every other
client, and every path of data, keeps its reply of plain text.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote

from starlette.types import Scope

from ..protocol import keys, requests
from ..protocol.replies import Answer, Headers, Reply
from . import addresses, templates

NOT_FOR_PEOPLE = ("/zarr", "/ome-zarr", "/minmax", "/@", "/static/", "/thumbnail/", "/events/", "/metrics", "/healthz", "/readyz")
"""Beginnings of paths whose errors stay plain text.

Of a path with a wrong key in it we cannot know where the key ends: there they may be anywhere.
"""
KEPT = frozenset({b"www-authenticate", b"retry-after", b"allow", b"cache-control"})
HEADERS = templates.headers(f"style-src {templates.source_of(templates.STYLE)}; img-src data:", forms="'self'")


class Said(NamedTuple):
    """The heading of a page for a status, and what its reader can do."""

    heading: str
    sentence: str


SAID = MappingProxyType(
    {
        400: Said("This address is not understood", "Go back and choose again, or correct what follows the question mark in the address."),
        401: Said("A key is needed", "Who runs this server gives out the key, and sees it when the server starts."),
        403: Said(
            "You may not see this", "Your key is right, and does not give you the right to read this. Ask who runs this server for it."
        ),
        404: Said("There is nothing here", "The name in the address may be misspelled, or what had it has been moved or removed."),
        413: Said("This is too large", "Ask for a part of it, or read it in parts with a program."),
        414: Said("This address is too long", "Shorten it, or start from the first page."),
        421: Said("This server has another name", "Open it by a name that it knows, such as localhost, or have this one added."),
        422: Said("This is not what its source promises", "Who runs this server can look at the source; the rest of the data can be read."),
        500: Said("This cannot be read", "The rest of the data can. Who runs this server finds more about this source in its log."),
        501: Said("This page is not installed", "Who runs this server can install it; all other pages work."),
        503: Said("This cannot be read now", "The source or the server is busy, or away for a moment."),
    }
)
OTHER = Said("This did not work", "Go back, or start from the first page.")
WORTH_ANOTHER_TRY = frozenset({500, 503})
HOMELESS = frozenset({401, 421})
"""Where the first page has the same error."""


def shown(reply: Answer, scope: Scope) -> Answer:
    """An error as a page if a browser asks for it at a path for people; any other reply as it is."""
    if not isinstance(reply, Reply) or reply.status < 400 or not is_plain(reply.headers) or not is_for_people(scope):
        return reply
    here = addresses.of(scope)
    body = templates.html(
        "error.html",
        status=reply.status,
        said=SAID.get(reply.status, OTHER),
        is_home_shown=reply.status not in HOMELESS,
        is_worth_another_try=reply.status in WORTH_ANOTHER_TRY,
        message=reply.body.decode().strip(),
        addresses=here,
        is_key_wrong=bool(here.key or scope.get(keys.PREFIX)),
        action=f"{quote(scope.get('root_path', ''))}/" if keys.PREFIX in scope else "",
        fields=fields(scope),
        seconds=next((value.decode() for name, value in reply.headers if name == b"retry-after"), ""),
    )
    own = tuple((name, value) for name, value in HEADERS if name != b"cache-control")
    return Reply(reply.status, (*own, *kept(reply.headers), (b"vary", b"accept")), body)


def is_plain(headers: Headers) -> bool:
    """True if a reply is of plain text."""
    return any(name == b"content-type" and value.startswith(b"text/plain") for name, value in headers)


def kept(headers: Headers) -> Headers:
    """The headers of an error that its page keeps."""
    return tuple((name, value) for name, value in headers if name in KEPT)


def is_for_people(scope: Scope) -> bool:
    """True if a request names HTML above plain text and JSON, at a path that is for people."""
    path = requests.path_of(scope) if scope["path"] else unquote(scope.get(keys.PREFIX, ""))
    if path.startswith(NOT_FOR_PEOPLE) or (path.startswith(keys.MARK) and any(part in path for part in NOT_FOR_PEOPLE)):
        return False
    ranked = requests.ranks(next((value for name, value in scope["headers"] if name == b"accept"), b""))
    html = ranked.get("text/html", 0.0)
    return html > 0 and html >= max(ranked.get("text/plain", 0.0), ranked.get("application/json", 0.0))


def fields(scope: Scope) -> list[tuple[str, str]]:
    """The query of a request without keys, for a form that adds one."""
    query: bytes = scope["query_string"]
    return [(name, value) for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if name.encode() not in keys.SECRET]
