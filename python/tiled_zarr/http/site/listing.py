"""Listings of groups: links for fsspec and people, JSON for those who ask for it."""

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
from . import html

MEANINGFUL = re.compile(r"""[%?#:"'<>&\\]|^[ ]""")
"""Characters that would end a name in a link or mean something else there; fsspec takes a link, escaped or not, for the name itself."""

JSON: Headers = ((b"content-type", b"application/json"), (b"vary", b"accept"), NO_CACHE, NO_SNIFFING)


class Listed(NamedTuple):
    """A child of a group as listings show it; `kind` is None where the group is too large to open every child."""

    name: str
    kind: str | None


def reply(request: Request, keys: KeySpace, group: Group) -> Reply:
    """The listing of `group`, in the form that the request prefers."""
    found = children(keys, group)
    unavailable, files = keys.unavailable(group), attributes.unknown(group.attributes)
    if requests.prefers_json(request.headers.get(b"accept", b"")):
        return replies.of_content(request, JSON, as_json(request.key, found, unavailable, files))
    return replies.of_content(request, html.HEADERS, as_html(request, found, unavailable, files))


def children(keys: KeySpace, group: Group) -> list[Listed]:
    """The children of a group that can be opened."""
    return [Listed(child.name, kind(child.node)) for child in keys.listing(group)]


def kind(node: Node | None) -> str | None:
    """What a node is in Zarr's words."""
    if node is None:
        return None
    return "array" if isinstance(node, Array) else "group"


def as_json(key: str, found: Iterable[Listed], unavailable: Mapping[str, str], unknown: Mapping[str, int]) -> bytes:
    """Path, children, what is left out with the reasons, and how many files of each suffix no adapter knows."""
    document = {
        "path": key.rstrip("/"),
        "children": [child._asdict() for child in found],
        "unavailable": unavailable,
        "unknown": unknown,
    }
    return json.dumps(document, ensure_ascii=False).encode()


def as_html(request: Request, found: Iterable[Listed], unavailable: Mapping[str, str], unknown: Mapping[str, int]) -> bytes:
    """A page with one relative link a child, and what is left out; a key is passed on only to those who gave it in the query."""
    path = request.key.rstrip("/")
    query = key_query(request)
    links = [(f"{address(child.name)}/{query}", f"{child.name}/") for child in found]
    body = html.links(links) + (f"\n<h2>Not shown</h2>\n{html.facts(unavailable)}" if unavailable else "")
    body += f"\n<p>{escape(texts.unknown_files(unknown))}</p>" if unknown else ""
    return html.page(f"/{path}", body, base=base(requests.path_of(request.scope)))


def address(name: str) -> str:
    """A name as a relative reference that fsspec reads as the same name; browsers escape by themselves what URLs cannot hold.

    >>> address("größe 1+1"), address("a:b")
    ('größe 1+1', 'a%3Ab')
    """
    return MEANINGFUL.sub(lambda match: quote(match[0], safe=""), name)


def key_query(request: Request) -> str:
    """What links need after them so that the caller's key in the query stays with him; empty for those who sent it as a header."""
    return "".join(f"?api_key={quote(key, safe='')}" for key in requests.query_keys(request.scope)[:1])


def base(path: str) -> str | None:
    """What relative links are relative to, where the group was asked for without its trailing slash."""
    return None if path.endswith("/") else f"{quote(path.rpartition('/')[2], safe='')}/"
