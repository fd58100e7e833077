"""Places: locations in the tree, each a node with its path on the wire.

A source may make a new node each time a child is opened, and a mapping may hold another array at
the next request. What we derive from an array (its recipe, its chunks, the names of its axes) must
not be used for another array, and must not be derived again for each request either: a recipe alone
takes 30 us.

So everything derived is kept by `Place`, with weak references. A place is the same object as long
as its parent place holds the same node under the same name. `below` asks the group for its child
each time and compares the nodes by identity; a source that has not changed returns the same node.
If the node is another one, a new place takes over the path, and what the old place had is freed.

Invariant: `kept[path].above` is the place at the path above, or has been replaced there; then
`below` does not return it. The keys of `kept` begin with a slash, so that the root's children have
one too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .. import texts
from ..caches.forgetful import Forgetful
from ..nodes import Array, Group, Node, Options
from . import names
from .openings import Openings

MOST_KEPT = 4096
"""Places that are remembered, at most.

Beyond that all are forgotten, which costs no more than walking to them again."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Place:
    """A location in the tree: a node and the place above it (None for the root).

    `name` is the node's name in the source, `path` its path on the wire. `options` are those in
    force there: the node's own, completed by those above.
    """

    node: Node
    above: Place | None
    name: str
    path: str
    options: Options

    @property
    def group(self) -> Group | None:
        """The node if it is a group, else None."""
        return self.node if isinstance(self.node, Group) else None

    @property
    def array(self) -> Array:
        """The node of a place that is known to hold an array."""
        assert isinstance(self.node, Array)
        return self.node

    @property
    def parent(self) -> Group | None:
        """The group that holds the node; None for the root."""
        return None if self.above is None else self.above.group

    @property
    def is_level(self) -> bool:
        """True for a level of an image, which may show samples while it has no revision."""
        return self.parent is not None and self.parent.kind == "image"

    @property
    def wire_name(self) -> str:
        """The node's name on the wire."""
        return self.path.rpartition("/")[2]

    @property
    def source_name(self) -> str | None:
        """The source's name as text, if the name on the wire is an alias; else None."""
        return None if self.wire_name == self.name else texts.name(self.name)

    def below(self, name: str, wire_name: str, node: Node) -> Place:
        """A new place for a child of this node."""
        path = f"{self.path}/{wire_name}" if self.path else wire_name
        return Place(node, self, name, path, node.options.over(self.options))


class Places:
    """The places of a tree, whose children `openings` opens.

    Characters that match `forbidden` get aliases in names. `kept` has the known places by path,
    each with a slash before it. Thread-safe: a race repeats a step.
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
        """The place of the child that one part of a key names, or None if there is no such child.

        Returns the same place as before as long as the group holds the same node there. Blocks if
        the group does; raises what opening a node raises.
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
        below = self.kept[path] = place.below(name, part, found)
        return below

    def source(self, key: str, documents: frozenset[str]) -> str:
        """The path of the source behind a key.

        This is the first place on the way whose children are not separate sources.

        Asks no group. A place that is not remembered is taken for the source. The path of a group's
        own document or listing ends in a slash, so that it differs from those of its children.
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
        """The children of a group that can be opened, by their names on the wire.

        Notes the others as bad. Returns and opens none if there are more than `most` children.
        """
        group = place.group
        assert group is not None
        if self.openings.count(group, most) > most or len(listed := self.openings.names(group)) > most:
            return {}
        return {below.wire_name: below for below in self.named(place, listed)}

    def named(self, place: Place, listed: Iterable[str]) -> Iterator[Place]:
        """The places of the children in `listed` that can be opened; notes the others as bad."""
        group = place.group
        assert group is not None
        for name, node in self.openings.all(group, listed):
            yield place.below(name, names.wire(name, self.forbidden), node)

    def fail(self, place: Place, why: BaseException) -> None:
        """Note that a node failed when a document was made. Does nothing for the root."""
        if place.parent is not None:
            self.openings.fail(place.parent, place.name, why)


def is_unchanged(place: Place) -> bool:
    """True if every group above a place still holds the same node, and none of them blocks.

    Also False below a record that is shown as a group (records.py), and if a group raises: the walk
    then finds out what is wrong.
    """
    try:
        while (above := place.above) is not None:
            group: Any = above.node
            if group.blocking or group.children[place.name] is not place.node:
                return False
            place = above
    except texts.PASSED_ON:
        raise
    except BaseException:  # noqa: BLE001 - the walk raises it again
        return False
    return True


def is_assembled(group: Group) -> bool:
    """True if the children of a group are separate sources, as in a folder."""
    return group.kind == "folder" or (group.kind == "group" and not group.blocking)


def source_of(place: Place) -> str:
    """The path of the source that holds a place.

    This is the first place on the way from the root whose children are not separate sources.
    """
    found, above = place, place.above
    while above is not None:
        if not is_assembled(above.node):  # type: ignore[arg-type] # what has children is a group
            found = above
        above = above.above
    return found.path


def is_loose(place: Place) -> bool:
    """True if the children of a group are separate sources, and no source contains the group."""
    above: Place | None = place
    while above is not None:
        if above.group is None or not is_assembled(above.group):
            return False
        above = above.above
    return True
