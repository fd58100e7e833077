"""The home page: what the tree holds, and where each format begins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from urllib.parse import quote

from ..keyspace import KeySpace
from . import listing, pages, replies, requests
from .listing import Child
from .replies import Reply
from .requests import Request


def reply(request: Request, formats: Mapping[str, KeySpace]) -> Reply:
    """The page, or the same as JSON. `formats` has the key space of each prefix (`zarr/v2`); the last one's children are shown."""
    *_, keys = formats.values()
    root = keys.group("")
    children = listing.children(keys, root) if root else []
    if requests.prefers_json(request.headers.get(b"accept", b"")):
        document = {"formats": [f"/{prefix}/" for prefix in formats], "children": [child._asdict() for child in children]}
        return replies.of_content(request, listing.JSON, json.dumps(document, ensure_ascii=False).encode())
    return replies.of_content(request, pages.HEADERS, as_html(children, [*formats], listing.key_query(request)))


def as_html(children: list[Child], prefixes: list[str], query: str) -> bytes:
    """Links to the root in every format, and a row of links for every child."""
    roots = pages.links((f"{prefix}/{query}", f"/{prefix}/") for prefix in prefixes)
    rows = "\n".join(row(child, prefixes, query) for child in children)
    return pages.page("tiled-zarr", f"<p>This tree as Zarr:</p>\n{roots}\n<p>It holds:</p>\n<table>\n{rows}\n</table>")


def row(child: Child, prefixes: list[str], query: str) -> str:
    """Name and kind of a child; of a group, a link to its listing in every format."""
    name, kind = escape(child.name), escape(child.kind or "")
    if child.kind == "array":
        return f"<tr><td>{name}</td><td>{kind}</td></tr>"
    path = quote(child.name, safe="")
    links = " ".join(f'<a href="{escape(f"{prefix}/{path}/{query}")}">{prefix}</a>' for prefix in prefixes)
    return f"<tr><td>{name}</td><td>{kind}</td><td>{links}</td></tr>"
