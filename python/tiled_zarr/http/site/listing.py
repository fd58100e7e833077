"""Listings of groups: links for fsspec and people, or JSON for clients that ask for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import NamedTuple
from urllib.parse import quote

from ... import attributes, texts
from ...hierarchy.keyspace import KeySpace
from ...nodes import Array, Group, Node
from ..protocol import replies, requests
from ..protocol.replies import NO_CACHE, NO_SNIFFING, Headers, Reply
from ..protocol.requests import Request
from . import links

MEANINGFUL = re.compile(r"""[%?#:"'<>&\\]|^[ ]""")
"""Characters that would end a link, or that have a meaning in it; we escape only these.

fsspec takes the text of a link, escaped or not, as the name.
"""

JSON: Headers = ((b"content-type", b"application/json"), (b"vary", b"accept"), NO_CACHE, NO_SNIFFING)


class Listed(NamedTuple):
    """A child of a group in a listing.

    `kind` is None if the group has too many children to open each.
    """

    name: str
    kind: str | None


def reply(request: Request, keys: KeySpace, group: Group) -> Reply:
    """The listing of `group`, as JSON or HTML, whichever the request prefers."""
    found = children(keys, group)
    unavailable, files = keys.unavailable(group), attributes.unknown(group.attributes)
    if requests.prefers_json(request.headers.get(b"accept", b"")):
        return replies.of_content(request, JSON, as_json(request.key, found, unavailable, files))
    return replies.of_content(request, links.HEADERS, as_html(request, found, unavailable, files))


def children(keys: KeySpace, group: Group) -> list[Listed]:
    """The children of a group that can be opened."""
    return [Listed(child.name, kind(child.node)) for child in keys.listing(group)]


def kind(node: Node | None) -> str | None:
    """The kind of a node in Zarr's words; None if the node is not open."""
    if node is None:
        return None
    return "array" if isinstance(node, Array) else "group"


def as_json(key: str, found: Iterable[Listed], unavailable: Mapping[str, str], unknown: Mapping[str, int]) -> bytes:
    """The path, the children, and what is left out.

    `unavailable` has the reason for each child, and `unknown` the number of files of each suffix
    that no adapter can read.
    """
    document = {
        "path": key.rstrip("/"),
        "children": [child._asdict() for child in found],
        "unavailable": unavailable,
        "unknown": unknown,
    }
    return json.dumps(document, ensure_ascii=False).encode()


def as_html(request: Request, found: Iterable[Listed], unavailable: Mapping[str, str], unknown: Mapping[str, int]) -> bytes:
    """A page with one relative link per child, and what is left out.

    The links have the API key only if the request had it in its query.
    """
    path = request.key.rstrip("/")
    query = key_query(request)
    targets = [(f"{address(child.name)}/{query}", f"{child.name}/") for child in found]
    body = links.links(targets) + (f"\n<h2>Not shown</h2>\n{links.facts(unavailable)}" if unavailable else "")
    body += f"\n<p>{escape(texts.unknown_files(unknown))}</p>" if unknown else ""
    return links.page(f"/{path}", body, base=base(requests.path_of(request.scope)))


def address(name: str) -> str:
    """A name as a relative link that fsspec reads as the same name.

    Browsers escape by themselves what URLs cannot hold.

    >>> address("größe 1+1"), address("a:b")
    ('größe 1+1', 'a%3Ab')
    """
    return MEANINGFUL.sub(lambda match: quote(match[0], safe=""), name)


def key_query(request: Request) -> str:
    """The query that links need so that they work for this client.

    It has the API key if the request's query had it; it is empty if the key came in a header.
    """
    return "".join(f"?api_key={quote(key, safe='')}" for key in requests.query_keys(request.scope)[:1])


def base(path: str) -> str | None:
    """The base of relative links, if the group's URL came without its trailing slash; else None."""
    return None if path.endswith("/") else f"{quote(path.rpartition('/')[2], safe='')}/"
