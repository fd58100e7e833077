"""Lists the keys right below a node by their names on the wire, up to a number of bytes.

A listing is whole or it is an error: a reader that copies what is listed would read what is left
out as zeros. Below a group are its documents and its children, below an array its documents and
its chunks. If "/" separates the parts of a chunk key, chunks lie in folders, one for each number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, product
from types import ModuleType
from typing import NamedTuple
from weakref import WeakKeyDictionary, ref

from ..grid import Grid
from ..nodes import Group, Node, TooLarge
from ..outlines import one_look
from . import names
from .documents import Rendered
from .metadata import Config
from .places import Place, Places

CHILD_BYTES = 40
"""Bytes that a key takes in a listing, besides its name, which appears twice."""


class Child(NamedTuple):
    """A child of a group by its name on the wire.

    `node` is None if the group is too large to open every child.
    """

    name: str
    node: Node | None


class Entry(NamedTuple):
    """A name in a listing: a key, or the first part of several keys if `is_folder`."""

    name: str
    is_folder: bool


class Listings:
    """Lists nodes of a tree in one format, within the limits in the `config` of a key space.

    `render(place, name)` makes a document. `separator` is
    between the parts of a chunk key.
    """

    def __init__(
        self,
        places: Places,
        format: ModuleType,  # noqa: A002 - the spec's word
        config: Config,
        separator: str,
        render: Callable[[Place, str], Rendered],
    ) -> None:
        self.places = places
        self.format = format
        self.config = config
        self.separator = separator
        self.render = render
        self._above: WeakKeyDictionary[Group, tuple[ref[Group], str]] = WeakKeyDictionary()

    def note(self, place: Place) -> None:
        """Remember the parent of a group about to be listed: a failure is noted with the parent."""
        if place.group is not None and place.parent is not None:
            self._above[place.group] = ref(place.parent), place.name

    def children(self, group: Group) -> list[Child]:
        """The children of a group in the source's order, without those that cannot be opened.

        A group of more than `max_nodes` children is not opened: its children have no node, and only
        those known to be bad are left out. Raises TooLarge if the listing would exceed
        `listing_bytes`, and what listing raises.
        """
        openings, forbidden = self.places.openings, self.places.forbidden
        with self._failing(group):
            listed = self._names(group)
            if len(listed) <= self.config.max_nodes:
                with one_look():
                    return [Child(names.wire(name, forbidden), node) for name, node in openings.all(group, listed)]
            return [Child(name, None) for name in self._closed(group, listed)]

    def closed(self, group: Group) -> list[str]:
        """The names on the wire of the children of a group, of which none is opened.

        As `children`, whose tuples for 100,000 children take as long as their names.
        """
        with self._failing(group):
            return self._closed(group, self._names(group))

    def _names(self, group: Group) -> list[str]:
        """The names in the source. Raises TooLarge."""
        openings = self.places.openings
        self._check_size(openings.count(group, self.config.listing_bytes // CHILD_BYTES), 0)
        listed = openings.names(group)
        self._check_size(len(listed), sum(map(len, listed)))
        return listed

    def _closed(self, group: Group, listed: list[str]) -> list[str]:
        bad = self.places.openings.bad(group)
        good = [name for name in listed if name not in bad] if bad else listed
        return names.wires(good, self.places.forbidden)

    def left_out(self, group: Group) -> list[str]:
        """The names on the wire of the children that `children` has left out."""
        openings, forbidden = self.places.openings, self.places.forbidden
        bad = openings.bad(group)
        return [names.wire(name, forbidden) for name in openings.names(group) if name in bad] if bad else []

    def documents(self, place: Place) -> tuple[str, ...]:
        """The documents of a node. Blocks: to know if it has a consolidated one may open files."""
        found: tuple[str, ...] = self.format.documents(is_group=place.group is not None)
        consolidated = self.format.CONSOLIDATED
        if place.group is None or consolidated in found or not self._has(place, consolidated):
            return found
        return (*found, consolidated)

    def keys(self, place: Place, grid: Grid, start: tuple[int, ...] | None) -> Iterable[Entry]:
        """What lies right below an array with this chunk grid, or below a folder of its chunks.

        Raises TooLarge if a listing of all its chunks would exceed `listing_bytes`.
        """
        chunks = self._chunks(grid.counts, start)
        if start is not None:
            return chunks
        return chain((Entry(name, is_folder=False) for name in self.documents(place)), chunks)

    def _has(self, place: Place, name: str) -> bool:
        """True if a node has a document, also if it cannot be made now."""
        try:
            return self.render(place, name).body is not None
        except Exception:  # noqa: BLE001 - the document's own key says what is wrong with it
            return True

    def _chunks(self, counts: tuple[int, ...], start: tuple[int, ...] | None) -> Iterator[Entry]:
        """The chunks or folders below an array, or below the folder `start`."""
        if 0 in counts:
            return iter(())
        if start is None and self.format.CHUNKS and self.separator == "/" and counts:
            return iter((Entry(self.format.CHUNKS, is_folder=True),))
        self._check_chunks(counts)
        if self.separator != "/" or not counts:
            indices = product(*map(range, counts))
            return (Entry(self.format.chunk_key(index, self.separator), is_folder=False) for index in indices)
        axis = len(start or ())
        return (Entry(str(number), is_folder=axis + 1 < len(counts)) for number in range(counts[axis]))

    @contextmanager
    def _failing(self, group: Group) -> Iterator[None]:
        """Note that listing a group failed, if it does and the group's parent is known."""
        try:
            yield
        except TooLarge:
            raise
        except Exception as why:
            parent, name = self._above.get(group, (None, ""))
            above = None if parent is None else parent()
            if above is not None:
                self.places.openings.fail(above, name, why)
            raise

    def _check_size(self, count: int, length: int) -> None:
        """Raises TooLarge if `count` children with `length` characters of names do not fit."""
        most = self.config.listing_bytes
        if CHILD_BYTES * count + 2 * length > most:
            raise TooLarge(
                f"a listing of {count:,} children would take more than {most:,} bytes; "
                "ask for children by their names, or raise the setting listing_bytes"
            )

    def _check_chunks(self, counts: tuple[int, ...]) -> None:
        """Raises TooLarge if the keys of all chunks of an array do not fit into one listing."""
        count = math.prod(counts)
        longest = len(self.format.chunk_key(counts, self.separator))
        most = self.config.listing_bytes
        if (CHILD_BYTES + 2 * longest) * count > most:
            raise TooLarge(
                f"a listing of {count:,} chunks would take more than {most:,} bytes; "
                "ask for chunks by their keys, or raise the setting listing_bytes"
            )
