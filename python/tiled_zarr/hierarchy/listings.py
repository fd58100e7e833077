"""Listings: the children of groups by their names on the wire, at most so many bytes of them."""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary, ref

from ..nodes import Group, Node, TooLarge
from . import names
from .metadata import Config
from .places import Place, Places

CHILD_BYTES = 40
"""What a child takes in a listing, besides its name, twice."""


class Child(NamedTuple):
    """A child of a group by its name on the wire; the node is None if the group is too large to open every child."""

    name: str
    node: Node | None


class Listings:
    """Lists the groups of a tree, within the bounds of a key space's `config`."""

    def __init__(self, places: Places, config: Config) -> None:
        self.places = places
        self.config = config
        self._above: WeakKeyDictionary[Group, tuple[ref[Group], str]] = WeakKeyDictionary()

    def note(self, place: Place) -> None:
        """Remember the group above one that is about to be listed: it is told if listing fails."""
        if place.group is not None and place.parent is not None:
            self._above[place.group] = ref(place.parent), place.name

    def children(self, group: Group) -> list[Child]:
        """The children of a group, in the source's order, without those that cannot be opened. Raises TooLarge."""
        openings, forbidden = self.places.openings, self.places.forbidden
        try:
            self._check_size(openings.count(group, self.config.listing_bytes // CHILD_BYTES), 0)
            listed = openings.names(group)
            self._check_size(len(listed), sum(map(len, listed)))
            if len(listed) <= self.config.max_nodes:
                return [Child(names.wire(name, forbidden), node) for name, node in openings.all(group, listed)]
            bad = openings.bad(group)
            return [Child(names.wire(name, forbidden), None) for name in listed if name not in bad]
        except TooLarge:
            raise
        except Exception as why:
            self._fail(group, why)
            raise

    def _fail(self, group: Group, why: Exception) -> None:
        """Note that a group failed when it was listed, if it is known where it hangs."""
        parent, name = self._above.get(group, (None, ""))
        above = None if parent is None else parent()
        if above is not None:
            self.places.openings.fail(above, name, why)

    def _check_size(self, count: int, length: int) -> None:
        """Raises TooLarge if a listing of `count` children, with names of `length` characters in all, is larger than it may be."""
        most = self.config.listing_bytes
        if CHILD_BYTES * count + 2 * length > most:
            raise TooLarge(
                f"a listing of {count:,} children would take more than {most:,} bytes; "
                "ask for children by their names, or raise the setting listing_bytes"
            )
