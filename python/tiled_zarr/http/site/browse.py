"""The pages of groups, and of arrays that are not images."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from time import monotonic

from ... import attributes
from ...hierarchy import names
from ...hierarchy.keyspace import KeySpace
from ...hierarchy.openings import reason
from ...nodes import Array, Group, Node
from ..protocol import codings, replies, requests
from ..protocol.replies import Reply
from ..protocol.requests import Request
from . import addresses, choice, listing, pager, templates, values
from .addresses import Addresses
from .describe import Describer, Description
from .orders import NONE, Orders
from .places import placed
from .values import Values

MOST_DESCRIBED = 100
"""Children that one page of a group describes; of all further ones it shows name and kind only."""
SHORT = 20
"""Children of a group up to which its page has no form to filter and sort them."""
READING = 1.0
"""Seconds after which a page reads no more values of children: they may lie on slow disks."""
LATE = "not read here, since others took too long"
ABSENT = "it has gone, or has no form in Zarr"

HEADERS = templates.headers(
    f"script-src {templates.source_of(templates.COPY)}; style-src {templates.source_of(templates.STYLE)}; img-src 'self' data:",
    forms="'self'",  # the form that filters and sorts the children leads to the page itself
)


class Browser:
    """Makes the pages of nodes. `formats`, `origins` and `pages` are those of Describer."""

    def __init__(self, formats: Mapping[str, KeySpace], origins: Iterable[str] = (), pages: Iterable[str] = ()) -> None:
        self.formats = formats
        self.keys = formats["zarr/v2"]
        self.describer = Describer(formats, origins, pages)
        self.orders = Orders(self.keys)

    def home(self, request: Request) -> Reply:
        """The page of the root, or the same facts as JSON if the client prefers that."""
        if not requests.prefers_json(request.headers.get(b"accept", b"")):
            return self.page(request, "", self.keys.root)
        root = self.keys.root
        assert isinstance(root, Group)
        children = [{"name": child.name, "kind": child.kind} for child in listing.children(self.keys, root)]
        document = {
            "formats": [f"/{prefix}/" for prefix in self.formats],
            "children": children,
            "unavailable": self.keys.unavailable(root),
            "unknown": attributes.unknown(root.attributes),
        }
        body = json.dumps(document, ensure_ascii=False).encode()
        return codings.of_content(request, listing.JSON, body, self.keys.resources.documents)

    def node(self, path: str) -> Node | None:
        """The node at `path`, spelled as in its URL; None if there is none."""
        place = placed(self.keys, path)
        return None if place is None else place.node

    def page(self, request: Request, path: str, node: Node) -> Reply:
        """The page of the node at `path`, spelled as in its URL; 404 if its list is not so long."""
        here, chosen = addresses.of(request.scope), choice.of(request.scope)
        if chosen is None:
            return replies.text(400, f"sort is one of {', '.join(choice.SORTS)}")
        with self.keys.one_look():
            listed, nodes = self.orders.of(path, node, chosen) if isinstance(node, Group) else ([], NONE)
            described = replace(self.describer.node(path, node, here, len(listed)), values=self.values(path, node, nodes, listed))
            passing = chosen.passing(listed)
            shown = pager.of(request.scope, len(passing))
            if shown is None:
                return replies.NOT_FOUND
            part = [(name, nodes.get(name)) for name in passing[shown.shown.start : shown.shown.stop]]
            children = list(self.children(path, node, part, here))
        body = templates.html(
            "node.html",
            node=described,
            children=children,
            pager=shown,
            choice=chosen,
            sorts=choice.SORTS,
            total=len(listed),
            is_long=len(listed) > SHORT,
            trail=trail(path),
            formats=[prefix for prefix in self.formats if prefix.startswith("zarr/")],
            addresses=here,
            script=templates.COPY,
        )
        return codings.of_content(request, (*HEADERS, (b"vary", b"accept")), body, self.keys.resources.documents)

    def values(self, path: str, node: Node, nodes: Mapping[str, Node], listed: Sequence[str]) -> Values | None:
        """The first values of an array or of a table; None for any other group. Blocks."""
        if isinstance(node, Array):
            return values.of_array(self.keys, path, values.unit_of(node.attributes))
        if node.kind != "table":
            return None
        known = values.arrays(nodes or self.first(path, node, listed), listed)
        return values.of_table(self.keys, path, known, len(known if nodes else listed))

    def first(self, path: str, parent: Node, listed: Sequence[str]) -> dict[str, Node]:
        """The first columns of a table that has too many children to open all. Blocks.

        One that cannot be opened is left out: the counts above the values say so.
        """
        found = dict[str, Node]()
        for name in listed[: values.TABLE_COLUMNS]:
            with suppress(Exception):
                node = self.opened(f"{path}/{name}".lstrip("/"), parent)
                found |= {} if node is None else {name: node}
        return found

    def children(self, path: str, parent: Node, listed: Sequence[tuple[str, Node | None]], here: Addresses) -> Iterator[Description]:
        """Children of the group `parent` at `path`.

        The group was not opened if it is large; the few that pass a filter are opened here.
        """
        are_few = len(listed) <= MOST_DESCRIBED
        end = monotonic() + READING
        for number, (name, node) in enumerate(listed):
            below = f"{path}/{name}".lstrip("/")
            is_described = number < MOST_DESCRIBED and (node is not None or are_few)
            yield self.child(below, parent, node, here, end) if is_described else brief(below, node)

    def opened(self, path: str, parent: Node) -> Node | None:
        """A child of the group `parent` that was not opened yet; None if there is none. Blocks.

        It gets as little time to answer as the children of a listing: if it hangs, this page is made
        again without it (hangs.py).
        """
        name = names.unwire(path.rpartition("/")[2], names.FORBIDDEN_V2)
        if isinstance(parent, Group) and name is not None:
            self.keys.places.openings.child(parent, name, is_listed=True)
        return self.node(path)

    def child(self, path: str, parent: Node, known: Node | None, here: Addresses, end: float) -> Description:
        """The description of a child of the node whose page we make, opened unless it is known.

        If reading the child fails, the description has the reason instead. Its values are there if
        they are few, and if it is not yet the time `end`, of `monotonic`.
        """
        node = known
        try:
            node = known or self.opened(path, parent)
            if node is None:
                return brief(path, None, ABSENT)
            described = self.describer.node(path, node, here)
        except Exception as why:  # noqa: BLE001 - the page of its group must not fail with it
            return brief(path, node, reason(why))
        return replace(described, value=self.few(path, node, end)) if isinstance(node, Array) else described

    def few(self, path: str, node: Array, end: float) -> str:
        """All values of an array that has few, or why they are not shown. Blocks."""
        if not 0 < math.prod(node.shape) <= values.FEW:
            return ""
        if monotonic() > end:
            return LATE
        try:
            return values.few(self.keys, values.there(self.keys, path), values.unit_of(node.attributes))
        except Exception as why:  # noqa: BLE001 - as above
            return reason(why)


def brief(path: str, node: Node | None, failure: str = "") -> Description:
    """Name and kind of a node that is not described, and the reason if reading it failed."""
    name = path.rpartition("/")[2]
    return Description(name=name, path=path, kind=listing.kind(node) or "", unavailable={}, failure=failure)


def trail(path: str) -> list[tuple[str, str]]:
    """Names and paths of the nodes from below the root down to `path`.

    >>> trail("a/b"), trail("")
    ([('a', 'a'), ('b', 'a/b')], [])
    """
    parts = path.split("/") if path else []
    return [(part, "/".join(parts[: number + 1])) for number, part in enumerate(parts)]
