"""Places: locations in the tree, each a node with its path on the wire.

A source may make a new node whenever a child is opened, and a mapping may hold another array from one
request to the next. What is known of an array (its recipe, its chunks, the names of its axes) must not
outlive it, and must not be derived anew for each request either: a recipe alone takes 30 us.

So everything that is known hangs on the `Place`, and a place is the same object as long as the same
node hangs under the same name in the same place above. `below` asks the group for its child each time
and compares by identity; a source that has not changed gives the same node again. If the node is
another, a new place takes the path, and what hung on the old one goes with it (by weak references).

Invariant: `kept[path].above` is the place at the path above, or has been replaced there; then `below`
does not return it. Paths begin with a slash there, so that the root's children have one too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .. import texts
from ..caches.forgetful import Forgetful
from ..nodes import Array, Group, Node, Options
from . import names
from .openings import Openings

MOST_KEPT = 4096
"""Places that are remembered; then all are forgotten, which costs no more than walking to them again."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Place:
    """A location in the tree: a node, the place above it, its name in the source, its path on the wire, the options in force there."""

    node: Node
    above: Place | None
    name: str
    path: str
    options: Options

    @property
    def group(self) -> Group | None:
        """The node if it is a group: only groups have children, and only arrays have chunks."""
        return self.node if isinstance(self.node, Group) else None

    @property
    def array(self) -> Array:
        """The node of a place that is no group."""
        assert isinstance(self.node, Array)
        return self.node

    @property
    def parent(self) -> Group | None:
        """The group in which the node hangs."""
        return None if self.above is None else self.above.group

    @property
    def wire_name(self) -> str:
        """The node's name on the wire."""
        return self.path.rpartition("/")[2]

    @property
    def told_name(self) -> str | None:
        """The source's name if the one on the wire is an alias, as text that documents can hold."""
        return None if self.wire_name == self.name else texts.name(self.name)

    def below(self, name: str, wire_name: str, node: Node) -> Place:
        """The place of a child."""
        path = f"{self.path}/{wire_name}" if self.path else wire_name
        return Place(node, self, name, path, node.options.over(self.options))


class Places:
    """The places of a tree, whose children `openings` opens; names have aliases for what is `forbidden` in them.

    `kept` are the places known by their paths, each with a slash before it. Thread-safe: a race repeats a step.
    """

    def __init__(
        self,
        root: Node,
        options: Options,
        openings: Openings,
        forbidden: re.Pattern[str] = names.FORBIDDEN,
    ) -> None:
        self.forbidden = forbidden
        self.root = Place(root, None, "", "", root.options.over(options))
        self.openings = openings
        self.kept: Forgetful[str, Place] = Forgetful(MOST_KEPT)

    def below(self, place: Place, part: str) -> Place | None:
        """The place that one part of a key names in a group, or None; the same one as before as long as the same node hangs there.

        Blocks if the group does; raises what opening a node raises.
        """
        group = place.group
        assert group is not None
        path = f"{place.path}/{part}"
        known = self.kept.get(path)
        if known is not None and known.above is place:
            if self.openings.child(group, known.name, known.node) is known.node:
                return known
            self.kept.pop(path, None)
        name = names.unwire(part, self.forbidden)
        found = None if name is None or names.refusal(name) else self.openings.child(group, name)
        if name is None or found is None:
            return None
        return self._keep(path, place.below(name, part, found))

    def source(self, key: str, documents: frozenset[str]) -> str:
        """The path of the source behind a key: the first place on the way whose children are no sources of their own.

        No group is asked. Where the way leads through a place that is not remembered, it is taken for the source. What a group says of
        itself, in a document or a listing, is told apart from its children.
        """
        place, rest = self.root, key
        while (group := place.group) is not None and is_assembled(group):
            part, _, remainder = rest.partition("/")
            path = f"{place.path}/{part}"
            below = self.kept.get(path)
            if below is None or below.above is not place:
                return f"{place.path}/" if not remainder and (not part or part in documents) else path.lstrip("/")
            place, rest = below, remainder
        return place.path

    def children(self, place: Place, most: int) -> dict[str, Place]:
        """The children of a group that can be opened, by their names on the wire; bad ones are remembered as such.

        A group of more than `most` children is not opened, and has none.
        """
        group = place.group
        assert group is not None
        if self.openings.count(group, most) > most or len(listed := self.openings.names(group)) > most:
            return {}
        wired = ((names.wire(name, self.forbidden), name, node) for name, node in self.openings.all(group, listed))
        return {wire_name: place.below(name, wire_name, node) for wire_name, name, node in wired}

    def fail(self, place: Place, why: BaseException) -> None:
        """Note that a node failed when a document was made that tells of it; nothing is above the root."""
        if place.parent is not None:
            self.openings.fail(place.parent, place.name, why)

    def _keep(self, path: str, place: Place) -> Place:
        self.kept[path] = place
        return place


def is_assembled(group: Group) -> bool:
    """Whether the children of a group are sources of their own."""
    return group.kind == "folder" or (group.kind == "group" and not group.blocking)


def source_of(place: Place) -> str:
    """The path of the source that holds a place: the first place on the way from the root whose children are no sources of their own."""
    found, above = place, place.above
    while above is not None:
        if not is_assembled(above.node):  # type: ignore[arg-type] # what has children is a group
            found = above
        above = above.above
    return found.path


def is_loose(place: Place) -> bool:
    """Whether the children of a group are sources of their own, and it is no part of a source either."""
    above: Place | None = place
    while above is not None:
        if above.group is None or not is_assembled(above.group):
            return False
        above = above.above
    return True
