"""Nodes of a catalog: each container is a group whose children are looked up one by one.

A child is asked for by its key, in one question to the database, and kept while the stamp of the
database is the same (stamps.py). If anything was written, it is looked up again, and stays the same
node if its row and its assets are the same. So a path costs questions once per change, and not per
chunk. A container is listed only where a document or a page lists it, and up to `MOST_FETCHED`
children then come with their rows, a page at a time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias, cast

from tiled.server.core import NoEntry

from ...caches.allowance import Share
from ...caches.flight import Flights
from ...nodes import Group, Node
from ...outlines import Outline
from ...resources import Resources, default
from ...revisions import launch_nonce
from .homes import Home
from .rows import Entry, Row, entries_of
from .sources import Source
from .stamps import Stamp, stamp_of

Admit: TypeAlias = Callable[[Any], Awaitable[Any]]
"""Given the adapter of a child, returns it as the caller may see it; None hides it."""

PAGE = 500
"""Children that one question lists: SQLite takes 32,766 parameters, and a page 0.1 s."""
MOST_FETCHED = 10_000
"""Children of a container up to which a listing fetches their rows: as many as a document opens."""


async def as_it_is(adapter: Any) -> Any:
    """Admit a child to everybody."""
    return adapter


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """What the nodes of one catalog share."""

    home: Home
    stamp: Stamp
    resources: Resources
    admit: Admit = as_it_is


class Known(NamedTuple):
    """A child as it was at a stamp of the database."""

    stamp: Hashable
    child: Child


def node_of(adapter: Any, home: Home, resources: Resources | None = None, admit: Admit = as_it_is) -> Node:
    """The node of an adapter of Tiled's catalog, such as its root, filtered or not.

    `home` asks the database; `admit` filters what lies below for one caller. Blocks.
    """
    catalog = Catalog(home, stamp_of(adapter.context.engine), resources or default(), admit)
    (entry,) = home(entries_of(adapter.context, [adapter]))
    return Child(catalog, entry).node()


class Child:
    """A node of a catalog: its row, and what was made from it."""

    def __init__(self, catalog: Catalog, entry: Entry) -> None:
        self.row: Row = entry.row
        self._made: Callable[[], Node]
        if entry.row.family == "container" and entry.row.source is None:
            group = _group(catalog, entry)
            self._made = lambda: group
        else:
            self._made = Source(entry, catalog.home, catalog.resources).node

    def node(self) -> Node:
        """The node as it is now. Raises what opening its data raises."""
        return self._made()


def _group(catalog: Catalog, entry: Entry) -> Group:
    members = Members(catalog, entry.adapter)
    return Group(
        children=members,
        attributes=dict(entry.row.metadata),
        blocking=True,
        kind="folder",
        kin=(entry.adapter.context.engine.url, entry.row.identifier),
        outline=Outline(members.revision, tuple),
    )


class Members(Mapping[str, Node]):
    """The children of a container, each looked up by its key. Thread-safe."""

    def __init__(self, catalog: Catalog, adapter: Any) -> None:
        self._catalog = catalog
        self._adapter = adapter
        self._kept: Share[str, Known] = catalog.resources.nodes.share()
        self._flights: Flights[tuple[str, Hashable], Child | None] = Flights(catalog.resources.abandoned)
        self._counted: tuple[Hashable, int] | None = None

    def __getitem__(self, name: str) -> Node:
        child = self._child(name)
        if child is None:
            raise KeyError(name)
        return child.node()

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._child(name) is not None

    def __iter__(self) -> Iterator[str]:
        fetch = self._fetched if len(self) <= MOST_FETCHED else self._keys
        cursor: int | None = None
        while True:
            keys, cursor = fetch(cursor)
            yield from keys
            if cursor is None:
                return

    def __len__(self) -> int:
        stamp, counted = self._catalog.stamp(), self._counted
        if counted is None or counted[0] != stamp:
            counted = self._counted = (stamp, self._catalog.home(self._adapter.exact_len()))
        return counted[1]

    def revision(self) -> str:
        """A text that changes when anything is written to the catalog."""
        return f"{launch_nonce()}-{self._catalog.stamp()}"

    def _child(self, name: str) -> Child | None:
        """The child of this name as the database has it now, or None."""
        stamp = self._catalog.stamp()
        known = self._kept.get(name)
        if known is not None and known.stamp == stamp:
            return known.child
        return self._flights.of((name, stamp), partial(self._looked_up, name, stamp))

    def _looked_up(self, name: str, stamp: Hashable) -> Child | None:
        entry = self._catalog.home(self._entry(name))
        return None if entry is None else self._keep(name, stamp, entry)

    def _keep(self, name: str, stamp: Hashable, entry: Entry) -> Child:
        """The child of an entry: the one that is known if its row is the same."""
        known = self._kept.get(name)
        child = known.child if known is not None and known.child.row == entry.row else Child(self._catalog, entry)
        self._kept[name] = Known(stamp, child)
        return child

    async def _entry(self, name: str) -> Entry | None:
        try:
            found = await self._catalog.admit(await self._adapter.lookup_adapter([name]))
        except NoEntry:
            return None
        return None if found is None else (await entries_of(self._adapter.context, [found]))[0]

    def _keys(self, cursor: int | None) -> tuple[list[str], int | None]:
        """A page of names, and where the next one begins."""
        return cast("tuple[list[str], int | None]", self._catalog.home(self._adapter.keys_page(cursor, PAGE)))

    def _fetched(self, cursor: int | None) -> tuple[list[str], int | None]:
        """The same, keeping the children of these names."""
        stamp = self._catalog.stamp()
        named, following = self._catalog.home(self._page(cursor))
        for name, entry in named.items():
            self._keep(name, stamp, entry)
        return list(named), following

    async def _page(self, cursor: int | None) -> tuple[dict[str, Entry], int | None]:
        items, following = await self._adapter.items_page(cursor, PAGE)
        admitted = {name: found for name, adapter in items if (found := await self._catalog.admit(adapter)) is not None}
        entries = await entries_of(self._adapter.context, admitted.values())
        return dict(zip(admitted, entries, strict=True)), following
