"""A prefix of an object store as a group: its objects are files, and longer prefixes are groups.

Names are given as in a folder. A listing is trusted as long as a look, or 20 times as long as it
took if that is more: listing a million objects takes minutes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from functools import partial
from hashlib import blake2b
from time import monotonic
from typing import Any, NamedTuple

from ...attributes import OURS, Late, Ours
from ...caches.flight import Flights
from ...nodes import Damaged, Group, Node
from ...outlines import Outline, Source
from ..common.naming import FOLDER, Entries, counted, data_of, names_of
from ..common.stores import CONSOLIDATED, DOCUMENTS, REPOSITORY, ZARR
from .addresses import Address
from .clients import Client
from .items import Shared, documents, object_node, opened_at, store_node

SHARE = 20
"""Listing may take at most one part in this many of the time."""
MOST_CONSOLIDATED = 512
"""Children of a prefix up to which one document describes them all.

Each takes two requests of about 60 ms, and AHEAD of them are opened at once: 2 s."""
MOST_PREFIXES = (16, 4, 1)
"""Longer prefixes of one up to which a document describes them too, by its depth below the address.

Each has to be listed: these are at most 145, which take 1 s. A bucket may have a million.
"""
AHEAD = 32
"""Objects that other threads open when somebody asks for one after the other."""
TWICE = "an object and a prefix have this name; rename one of them"


class Listing(NamedTuple):
    """What a prefix held: file names and names of prefixes by the names of children.

    `refused` has the reason why an entry is no child, `ambiguous` the files that share a stem,
    `unknown` the number of objects without an adapter by suffix. `may_be_store` is True if an object
    has the name of a store's document. `until` is in monotonic seconds.
    """

    files: Mapping[str, str]
    folders: Mapping[str, str]
    names: list[str]
    refused: Mapping[str, str]
    ambiguous: Mapping[str, list[str]]
    unknown: Mapping[str, int]
    may_be_store: bool
    revision: str
    until: float


class Prefix(Mapping[str, Node]):
    """The children of a prefix, as they were when it was last listed."""

    def __init__(self, where: Address, shared: Shared, depth: int = 0) -> None:
        self.where = where
        self.depth = depth
        self._shared = shared
        self._folders: dict[str, Prefix] = {}
        self._flights: Flights[str, Listing] = Flights(shared.client.looks.abandoned)
        self._ahead = -2
        self._listing: Listing | None = None

    def listing(self) -> Listing:
        """The contents of the prefix. Blocks if it was listed too long ago."""
        known = self._listing
        return known if known is not None and monotonic() < known.until else self._flights.of("", self._listed)

    def _listed(self) -> Listing:
        known, began = self._listing, monotonic()
        if known is not None and began < known.until:
            return known  # another thread has listed it just before
        found = self._shared.client.list(self.where.key)
        prefixes = [name for name in found.prefixes if name not in {"", ".", ".."}]
        twice = {name: TWICE for name in prefixes if name in found.objects}
        entries = Entries([*found.objects], {name: FOLDER for name in prefixes if name not in twice})
        data = data_of(entries, self._shared.formats.suffixes)
        names, ambiguous = names_of(data)
        files = {name: file for name, file in names.items() if file not in entries.others}
        folders = {name: file for name, file in names.items() if file in entries.others}
        unknown = counted(data.unknown)
        life = max(self._shared.client.terms.look, SHARE * (monotonic() - began))
        self._listing = Listing(
            files,
            folders,
            sorted(names),
            twice,
            ambiguous,
            unknown,
            not found.objects.keys().isdisjoint((*DOCUMENTS, REPOSITORY, CONSOLIDATED)),
            blake2b(repr((sorted(names.items()), sorted(unknown.items()))).encode(), digest_size=12).hexdigest(),
            began + life,
        )
        return self._listing

    def __getitem__(self, name: str) -> Node:
        try:
            return self._child(name, self.listing())
        except FileNotFoundError:  # an object that was listed has gone
            self._listing = None
            return self._child(name, self.listing())

    def _child(self, name: str, listing: Listing) -> Node:
        if (file := listing.files.get(name)) is not None:
            self._look_ahead(name, listing)
            return object_node(self.where.below(file), self._shared)
        if (folder := listing.folders.get(name)) is not None:
            self._look_ahead(name, listing)
            return self._folder(folder)
        if name in listing.ambiguous:
            raise LookupError(f"{name!r} is the stem of several files; ask for one of {', '.join(listing.ambiguous[name])}")
        if name in listing.refused:
            raise Damaged(listing.refused[name])
        raise KeyError(name)

    def _look_ahead(self, name: str, listing: Listing) -> None:
        """If somebody asks for one child after the other, let other threads open those that follow."""
        last, names = self._ahead, listing.names
        self._ahead = place = bisect_left(names, name)
        if place == last + 1:
            first = place + 1 if place == 1 else place + AHEAD
            for other in names[first : place + AHEAD + 1]:
                self._shared.client.do_soon(partial(self._open_quietly, other, listing))

    def _open_quietly(self, name: str, listing: Listing) -> None:
        """Open a child for who asks next, who is then told what is wrong with it."""
        try:
            if (file := listing.files.get(name)) is not None:
                object_node(self.where.below(file), self._shared)
            elif (folder := listing.folders.get(name)) is not None:
                len(getattr(self._folder(folder), "children", ()))
        except Exception:  # noqa: BLE001
            return

    def _folder(self, name: str) -> Node:
        """The node of a longer prefix: a store of Zarr if it holds such documents, else a group."""
        where, known = self.where.below(name, is_prefix=True), self._folders.get(name)
        if known is None or known.listing().may_be_store:
            found = documents(where, self._shared)
            if found or name.lower().endswith(ZARR):
                self._folders.pop(name, None)
                return store_node(where, found, self._shared)
            known = self._folders.setdefault(name, Prefix(where, self._shared, self.depth + 1))
        return known.group()

    def __iter__(self) -> Iterator[str]:
        return iter(self.listing().names)

    def __len__(self) -> int:
        return len(self.listing().names)

    def __contains__(self, name: object) -> bool:
        listing = self.listing()
        return name in listing.files or name in listing.folders

    def group(self) -> Group:
        """The node of the prefix. It has no revision: another object may get the name of one."""
        return Group(
            children=self,
            attributes=Late(self.attributes),
            unavailable=lambda: self.listing().refused,
            blocking=True,
            kind="folder",
            outline=Outline(
                lambda: self.listing().revision,
                lambda: [*self.listing().folders] if self.is_small() else [],
                self.sources,
                self.is_small,
            ),
        )

    def is_small(self) -> bool:
        """True if one document may describe all that is below."""
        listing, most = self.listing(), MOST_PREFIXES[self.depth] if self.depth < len(MOST_PREFIXES) else 0
        return len(listing.names) <= MOST_CONSOLIDATED and len(listing.folders) <= most

    def attributes(self) -> dict[str, Any]:
        """How many objects have no adapter, by suffix, under our key; empty if there is none."""
        unknown = self.listing().unknown
        return {OURS: Ours({"unknown": {"files": sum(unknown.values()), "suffixes": dict(unknown)}})} if unknown else {}

    def sources(self) -> list[tuple[Source, str]] | None:
        """The objects as sources, each with its revision when it was opened.

        None if one was not opened, or a longer prefix is a store.
        """
        listing, client = self.listing(), self._shared.client
        if any(name not in self._folders for name in listing.folders.values()):
            return None
        found = [(where, opened_at(where, self._shared)) for where in map(self.where.below, listing.files.values())]
        known = [(Source(partial(revision_of, client, where.key)), revision) for where, revision in found if revision is not None]
        return known if len(known) == len(found) else None


def revision_of(client: Client, key: str) -> str:
    """The revision of an object. Blocks if the last look is too long ago."""
    return client.looks.of(key).revision
