"""Makes the pages of a bucket's listing: keys with exact sizes and the tags of their GET.

A page is never a part of what it says: if there is more, it is truncated and has a token. As with
PROPFIND, a chunk has to be encoded to know its size, so a page ends early where its chunks would
take more decoding than one request may; the next page goes on there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import merge
from operator import attrgetter
from time import monotonic

from ...hierarchy.keyspace import Chunk, Listing
from ...nodes import Changed
from ..propfind import REFUSALS, Propfind
from ..protocol.multistatus import Resource
from .order import Branch, Wanted, numbers

PATIENCE = 5.0
"""Seconds after which a page ends, so that a slow source makes small pages and not late ones."""


@dataclass(slots=True)
class Page:
    """The keys and folders of one page; `last` is the last of them if there is more behind it."""

    keys: list[Resource] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    last: str | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket: key spaces, each behind the beginning of its keys (`v3/`)."""

    spaces: Mapping[str, Propfind]

    def page(self, wanted: Wanted, most: int) -> Page:
        """At most `most` of the wanted keys and folders. Blocks; raises what opening and reading raise."""
        page, weight = Page(), 0
        if not most:
            return page
        last, end = "", monotonic() + PATIENCE
        for key in self.walk(wanted):
            if len(page.keys) + len(page.folders) == most or (last and monotonic() > end):
                page.last = last
                return page
            if key.endswith("/"):
                page.folders.append(key)
            else:
                space, path = self.at(key)
                weight += cost(space, path)
                if weight > space.most and last:
                    page.last = last
                    return page
                page.keys.append(space.resource(path)._replace(path=key))
            last = key
        return page

    def walk(self, wanted: Wanted) -> Iterator[str]:
        """The wanted keys and folders, in order.

        The walk begins at the node that the prefix names, and opens none beside it, which may hang.
        """
        start = next((start for start in self.spaces if wanted.prefix.startswith(start)), None)
        if start is None:
            return wanted.walk(Branch(start, self.opener(start, "")) for start in sorted(self.spaces))
        path = self.node(start, wanted.prefix[len(start) : wanted.prefix.rindex("/") + 1])
        if path is None:
            return iter(())
        return wanted.walk(self.opener(start, path)(wanted.first_below(start + path)), start + path)

    def node(self, start: str, folder: str) -> str | None:
        """The path of the node that a folder of keys is, or lies in; None if there is no such folder."""
        while "//" not in f"/{folder}" and isinstance(found := self.spaces[start].located(folder), Listing):
            if found.start is None:
                return folder
            folder = folder[: folder.rindex("/", 0, -1) + 1]
        return None

    def at(self, key: str) -> tuple[Propfind, str]:
        """The key space of a key of the bucket, and the key there."""
        start = next(start for start in self.spaces if key.startswith(start))
        return self.spaces[start], key.removeprefix(start)

    def opener(self, start: str, path: str) -> Opener:
        """Opens a node of a key space when the walk comes to it."""
        return Opener(self, start, path)


@dataclass(frozen=True, slots=True)
class Opener:
    """The branches below a node at a path, which is empty or ends in a slash."""

    bucket: Bucket
    start: str
    path: str

    def __call__(self, after: str) -> Iterable[Branch]:
        """What lies below the node, in order. Raises Changed if it has gone meanwhile."""
        listing = self.bucket.spaces[self.start].located(self.path)
        if not isinstance(listing, Listing):
            raise Changed
        keys, place = listing.keyspace, listing.place
        documents = sorted(map(Branch, keys.listings.documents(place)))
        if place.group is not None:
            names = [*(child.name for child in keys.listing(place.group)), *self.broken(keys.left_out(place.group))]
            children = [Branch(f"{name}/", Opener(self.bucket, self.start, f"{self.path}{name}/")) for name in names]
            return sorted([*documents, *children], key=attrgetter("text"))
        return merge(documents, chunks(listing, after), key=attrgetter("text"))

    def broken(self, names: Iterable[str]) -> Iterator[str]:
        """Those of some names below which there is something that cannot be opened, or described.

        A page that goes into them is an error. What Zarr cannot show, or the caller not see, is not
        there.
        """
        for name in names:
            try:
                is_there = self.bucket.spaces[self.start].located(f"{self.path}{name}/") is not None
            except REFUSALS:
                is_there = False
            except Exception:  # noqa: BLE001 - a page that goes below the name raises it again
                is_there = True
            if is_there:
                yield name


def chunks(listing: Listing, after: str) -> Iterator[Branch]:
    """The keys of the chunks of an array, as branches."""
    keys, counts = listing.keyspace, listing.keyspace.recipe(listing.place).grid.counts
    separator: str = keys.listings.separator
    if 0 in counts:
        return
    if not counts:
        yield Branch(keys.format.chunk_key((), separator))
    elif keys.format.CHUNKS:
        yield Branch(f"{keys.format.CHUNKS}{separator}", lambda behind: numbers(counts, separator, behind))
    else:
        yield from numbers(counts, separator, after)


def cost(space: Propfind, path: str) -> int:
    """Bytes that have to be decoded to tell the size of a key."""
    found = space.located(path)
    return found.weight if isinstance(found, Chunk) and not space.is_cached(found) else 0
