"""Listings: links for fsspec, GDAL and people, or JSON for clients that ask for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from html import escape
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

from ... import attributes, texts
from ...hierarchy.keyspace import KeySpace, Listing
from ...hierarchy.listings import Entry
from ...nodes import Array, Group, Node
from ..protocol import codings, requests
from ..protocol.replies import NO_CACHE, NO_SNIFFING, Answer, Headers
from ..protocol.requests import Request
from . import links

JSON: Headers = ((b"content-type", b"application/json"), (b"vary", b"accept"), NO_CACHE, NO_SNIFFING)


class Listed(NamedTuple):
    """A child of a group in a listing.

    `kind` is None if the group has too many children to open each. `token` names the child's
    revision: what is below `/@TOKEN/` never changes. It is None if the child bears none.
    """

    name: str
    kind: str | None
    token: str | None = None


Entries: TypeAlias = Callable[[], Iterable[Entry]]
EMPTY: Mapping[str, Any] = MappingProxyType({})


def reply(request: Request, listing: Listing) -> Answer:
    """A listing as JSON or HTML, whichever the request prefers.

    Blocks. Raises TooLarge if it is not within bounds, and what listing a group raises.
    """
    wants_json = requests.prefers_json(request.headers.get(b"accept", b""))
    keys, group = listing.keyspace, listing.place.group
    if group is None:
        below = list(listing.entries())
        make = partial(keys_as_json, request.key, below) if wants_json else partial(as_html, request, lambda: below)
        return codings.of_pieces(request, JSON if wants_json else links.HEADERS, make, keys.resources.documents)
    found = with_tokens(keys, request.key, group) if wants_json else children(keys, group)
    unavailable, files = keys.unavailable(group), attributes.unknown(group.attributes)
    if wants_json:
        make = partial(as_json, request.key, found, unavailable, files)
        return codings.of_pieces(request, JSON, make, keys.resources.documents)
    entries = partial(of_group, keys.listings.documents(listing.place), found)
    make = partial(as_html, request, entries, unavailable, files)
    return codings.of_pieces(request, links.HEADERS, make, keys.resources.documents)


def children(keys: KeySpace, group: Group) -> list[Listed]:
    """The children of a group that can be opened."""
    return [Listed(child.name, kind(child.node)) for child in keys.listing(group)]


def with_tokens(keys: KeySpace, path: str, group: Group) -> list[Listed]:
    """The same children of the group at a path, with their tokens."""
    found = keys.listing(group)
    tokens = keys.tokens_below(path.rstrip("/"), found)
    return [Listed(child.name, kind(child.node), token) for child, token in zip(found, tokens, strict=True)]


def of_group(documents: Iterable[str], found: Iterable[Listed]) -> Iterator[Entry]:
    """What lies right below a group: its documents, and its children as folders."""
    yield from (Entry(name, is_folder=False) for name in documents)
    yield from (Entry(child.name, is_folder=True) for child in found)


def kind(node: Node | None) -> str | None:
    """The kind of a node in Zarr's words; None if the node is not open."""
    if node is None:
        return None
    return "array" if isinstance(node, Array) else "group"


def as_json(key: str, found: Iterable[Listed], unavailable: Mapping[str, str], unknown: Mapping[str, int]) -> Iterator[str]:
    """The path of a group, its children, and what is left out, in pieces.

    `unavailable` has the reason for each child, and `unknown` the number of files of each suffix
    that no adapter can read.
    """
    yield f'{{"path": {dumped(key.rstrip("/"))}, "children": ['
    yield from separated(dumped(child._asdict()) for child in found)
    yield f'], "unavailable": {dumped(unavailable)}, "unknown": {dumped(unknown)}}}'


def keys_as_json(key: str, below: Iterable[Entry]) -> Iterator[str]:
    """The path of an array, or of a folder of its chunks, and what lies right below, in pieces.

    Names of folders end in a slash.
    """
    yield f'{{"path": {dumped(key.rstrip("/"))}, "keys": ['
    yield from separated(dumped(spelled(entry)) for entry in below)
    yield "]}"


def as_html(
    request: Request, entries: Entries, unavailable: Mapping[str, str] = EMPTY, unknown: Mapping[str, int] = EMPTY
) -> Iterator[str]:
    """A page with one relative link per entry, and what is left out, in pieces.

    The links have the API key only if the request had it in its query.
    """
    query = key_query(request)
    not_shown = f"\n<h2>Not shown</h2>\n{links.facts(unavailable)}" if unavailable else ""
    not_shown += f"\n<p>{escape(texts.unknown_files(unknown))}</p>" if unknown else ""
    path = requests.asked_path(request.scope)
    return links.page(path, chain(links.links(entries(), path, query), [not_shown]))


def spelled(entry: Entry) -> str:
    """The name of an entry, with a slash if it is a folder."""
    return f"{entry.name}/" if entry.is_folder else entry.name


def dumped(value: object) -> str:
    """A value as JSON."""
    return json.dumps(value, ensure_ascii=False)


def separated(items: Iterable[str]) -> Iterator[str]:
    """The items of a JSON list, each but the first after a comma."""
    return (f", {item}" if number else item for number, item in enumerate(items))


def key_query(request: Request) -> str:
    """The query that links need so that they work for this client.

    It has the API key if the request's query had it; it is empty if the key came in a header.
    """
    return "".join(f"?api_key={quote(key, safe='')}" for key in requests.query_keys(request.scope)[:1])
