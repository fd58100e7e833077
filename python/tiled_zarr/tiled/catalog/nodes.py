"""Nodes of a catalog: each container is a group whose children are looked up one by one.

A child is asked for by its key, in one question to the database, and kept while the stamp of the
database is the same (stamps.py). If anything was written, it is looked up again, and stays the same
node if its row and its assets are the same. So a path costs questions once per change, and not per
chunk. A container is listed only where a document or a page lists it, and up to `MOST_FETCHED`
children then come with their rows, a page at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from tiled.server.core import NoEntry

from ...caches.allowance import Share
from ...caches.flight import Flights
from ...nodes import Group, Node
from ...outlines import Outline, Source, yes
from ...resources import Resources, default
from ...revisions import launch_nonce
from .homes import Home
from .rows import Entry, Row, entries_of, is_small
from .sources import Data
from .stamps import Stamp, stamp_of

PAGE = 500
"""Children that one question lists: SQLite takes 32,766 parameters, and a page 0.1 s."""
MOST_FETCHED = 10_000
"""Children of a container up to which a listing fetches their rows: as many as a document opens."""


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """What the nodes of one catalog share."""

    home: Home
    stamp: Stamp
    resources: Resources


class Known(NamedTuple):
    """A child as it was at a stamp of the database."""

    stamp: Hashable
    child: Child


def node_of(adapter: Any, home: Home, resources: Resources | None = None) -> Node:
    """The node of an adapter of Tiled's catalog, such as its root. `home` asks the database. Blocks."""
    catalog = Catalog(home, stamp_of(adapter.context.engine), resources or default())
    (entry,) = home(entries_of(adapter.context, [adapter]))
    return Child(catalog, entry, is_root=True).node()


class Child:
    """A node of a catalog: its row, and what was made from it."""

    def __init__(self, catalog: Catalog, entry: Entry, *, is_root: bool = False) -> None:
        self.row: Row = entry.row
        self.data = None if entry.row.is_folder else Data(entry, catalog.home, catalog.resources)
        self._group = _group(catalog, entry, is_root=is_root) if self.data is None else None

    def node(self) -> Node:
        """The node as it is now. Raises what opening its data raises."""
        if self._group is not None:
            return self._group
        assert self.data is not None
        return self.data.node()


def _group(catalog: Catalog, entry: Entry, *, is_root: bool) -> Group:
    """The group of a container. The root stays the same group when its catalog grows."""
    members = Members(catalog, entry)
    return Group(
        children=members,
        attributes=dict(entry.row.metadata),
        blocking=True,
        kind="folder",
        consolidated=entry.row.is_small or is_root,
        outline=Outline(members.revision, members.folders, members.sources, members.is_small if is_root else yes),
    )


class Members(Mapping[str, Node]):
    """The children of a container, each looked up by its key. Thread-safe."""

    def __init__(self, catalog: Catalog, entry: Entry) -> None:
        self._catalog = catalog
        self._adapter = entry.adapter
        self._kept: Share[str, Known] = catalog.resources.nodes.share()
        self._flights: Flights[tuple[str, Hashable], Child | None] = Flights(catalog.resources.abandoned)
        self._counted: tuple[Hashable, int] | None = None
        self._listed: tuple[Hashable, list[str]] | None = None
        self._measured: tuple[Hashable, bool] | None = (catalog.stamp(), entry.row.is_small)

    def begin(self) -> None:
        """Look up the first child, if any: what the first question takes longer is done before a request."""
        names, _ = self._catalog.home(self._adapter.keys_page(None, 1))
        for name in names:
            self._child(name)

    def __getitem__(self, name: str) -> Node:
        child = self._child(name)
        if child is None:
            raise KeyError(name)
        return child.node()

    def origin(self, name: str) -> tuple[Row, Callable[[], Node]]:
        """The row of a child, and what makes the node of that row. Raises KeyError."""
        child = self._child(name)
        if child is None:
            raise KeyError(name)
        return child.row, child.node

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._child(name) is not None

    def __iter__(self) -> Iterator[str]:
        return self._pages() if len(self) > MOST_FETCHED else iter(self._names())

    def __len__(self) -> int:
        stamp, counted, listed = self._catalog.stamp(), self._counted, self._listed
        if listed is not None and listed[0] == stamp:
            return len(listed[1])
        if counted is None or counted[0] != stamp:
            counted = self._counted = (stamp, self._catalog.home(self._adapter.exact_len()))
        return counted[1]

    def revision(self) -> str:
        """A text that changes when anything is written to the catalog."""
        return f"{launch_nonce()}-{self._catalog.stamp()}"

    def is_small(self) -> bool:
        """Whether one document may hold what is below, at this stamp."""
        stamp, measured = self._catalog.stamp(), self._measured
        if measured is None or measured[0] != stamp:
            measured = self._measured = (stamp, self._catalog.home(is_small(self._adapter)))
        return measured[1]

    def folders(self) -> list[str]:
        """The names of the containers, if one document may hold what is below."""
        return [name for name in self._names() if (child := self._child(name)) and child.row.is_folder] if self.is_small() else []

    def sources(self) -> list[tuple[Source, str]] | None:
        """The children with data as sources, each with the revision at which it was opened.

        None if one of them has not been opened, or does not tell when it has to be opened again.
        """
        if not self.is_small():
            return None
        found = [child.data.source() for name in self._names() if (child := self._child(name)) and child.data]
        return [source for source in found if source] if all(found) else None

    def _names(self) -> list[str]:
        """The names of all children, whose rows are kept."""
        stamp, listed = self._catalog.stamp(), self._listed
        if listed is None or listed[0] != stamp:
            names, cursor = self._fetched(None)
            while cursor is not None:
                page, cursor = self._fetched(cursor)
                names += page
            listed = self._listed = (stamp, names)
        return listed[1]

    def _pages(self) -> Iterator[str]:
        """The names of all children, of which nothing is kept."""
        cursor: int | None = None
        while True:
            page, cursor = self._catalog.home(self._adapter.keys_page(cursor, PAGE))
            yield from page
            if cursor is None:
                return

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
            found = await self._adapter.lookup_adapter([name])
        except NoEntry:
            return None
        return (await entries_of(self._adapter.context, [found]))[0]

    def _fetched(self, cursor: int | None) -> tuple[list[str], int | None]:
        """A page of names, whose rows are kept, and where the next one begins."""
        stamp = self._catalog.stamp()
        named, following = self._catalog.home(self._page(cursor))
        for name, entry in named.items():
            self._keep(name, stamp, entry)
        return list(named), following

    async def _page(self, cursor: int | None) -> tuple[dict[str, Entry], int | None]:
        items, following = await self._adapter.items_page(cursor, PAGE)
        entries = await entries_of(self._adapter.context, [adapter for _, adapter in items])
        return {name: entry for (name, _), entry in zip(items, entries, strict=True)}, following
