"""Lists the children of groups by their names on the wire, up to a number of bytes."""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary, ref

from ..nodes import Group, Node, TooLarge
from ..outlines import one_look
from . import names
from .metadata import Config
from .places import Place, Places

CHILD_BYTES = 40
"""Bytes that a child takes in a listing, besides its name, which appears twice."""


class Child(NamedTuple):
    """A child of a group by its name on the wire.

    `node` is None if the group is too large to open every child.
    """

    name: str
    node: Node | None


class Listings:
    """Lists the groups of a tree, within the limits in the `config` of a key space."""

    def __init__(self, places: Places, config: Config) -> None:
        self.places = places
        self.config = config
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
        try:
            self._check_size(openings.count(group, self.config.listing_bytes // CHILD_BYTES), 0)
            listed = openings.names(group)
            self._check_size(len(listed), sum(map(len, listed)))
            if len(listed) <= self.config.max_nodes:
                with one_look():
                    return [Child(names.wire(name, forbidden), node) for name, node in openings.all(group, listed)]
            bad = openings.bad(group)
            return [Child(names.wire(name, forbidden), None) for name in listed if name not in bad]
        except TooLarge:
            raise
        except Exception as why:
            self._fail(group, why)
            raise

    def _fail(self, group: Group, why: Exception) -> None:
        """Note that listing a group failed, if its parent is known."""
        parent, name = self._above.get(group, (None, ""))
        above = None if parent is None else parent()
        if above is not None:
            self.places.openings.fail(above, name, why)

    def _check_size(self, count: int, length: int) -> None:
        """Raises TooLarge if `count` children with `length` characters of names do not fit."""
        most = self.config.listing_bytes
        if CHILD_BYTES * count + 2 * length > most:
            raise TooLarge(
                f"a listing of {count:,} children would take more than {most:,} bytes; "
                "ask for children by their names, or raise the setting listing_bytes"
            )
