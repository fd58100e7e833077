"""Places: the nodes of a tree by their paths on the wire, remembered for as long as they stand there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from .. import texts
from ..nodes import Group, Node, Options, Table
from . import headers, names
from .openings import Openings

Container: TypeAlias = Group | Table

MOST_KEPT = 4096
"""Places that are remembered; then all are forgotten, which costs no more than walking to them again."""


class WouldBlock(Exception):
    """Answering takes a step that touches disk or network, where that was not allowed."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Place:
    """A node, the place above it, its name in the source, its path on the wire, and the options in force there."""

    node: Node
    above: Place | None
    name: str
    path: str
    options: Options

    @property
    def parent(self) -> Container | None:
        """The group in which the node hangs."""
        above = None if self.above is None else self.above.node
        assert above is None or isinstance(above, Container)
        return above

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
        return Place(node, self, name, path, headers.merged(self.options, node.options))


class Places:
    """The places of a tree; `check` and `look` as in Openings; names have aliases for what is `forbidden` in them.

    Thread-safe: a race repeats a step.
    """

    def __init__(
        self,
        root: Node,
        options: Options,
        check: Callable[[Node], None],
        look: Callable[[Node], object],
        forbidden: re.Pattern[str] = names.FORBIDDEN,
    ) -> None:
        self.forbidden = forbidden
        self.root = Place(root, None, "", "", headers.merged(options, root.options))
        self.openings = Openings(check, look)
        self._kept: dict[str, Place] = {}

    def walk(self, key: str, *, may_block: bool) -> tuple[Place, str]:
        """The deepest place that a key's first parts name, and the rest of the key.

        Raises what opening a node raises, and WouldBlock at a group that touches disk or network where `may_block` is false.
        """
        place, rest = self.root, key
        while rest and isinstance(place.node, Container):
            if place.node.blocking and not may_block:
                raise WouldBlock
            part, _, remainder = rest.partition("/")
            below = self._below(place, place.node, part)
            if below is None:
                break
            place, rest = below, remainder
        return place, rest

    def source(self, key: str, documents: frozenset[str]) -> str:
        """The path of the source behind a key: the first place on the way whose children are no sources of their own.

        No group is asked. Where the way leads through a place that is not remembered, it is taken for the source. What a group says of
        itself, in a document or a listing, is told apart from its children.
        """
        place, rest = self.root, key
        while isinstance(place.node, Container) and is_assembled(place.node):
            part, _, remainder = rest.partition("/")
            path = f"{place.path}/{part}"
            below = self._kept.get(path)
            if below is None or below.above is not place:
                return f"{place.path}/" if not remainder and (not part or part in documents) else path.lstrip("/")
            place, rest = below, remainder
        return place.path

    def children(self, place: Place, most: int) -> dict[str, Place]:
        """The children of a group that can be opened, by their names on the wire; bad ones are remembered as such.

        A group of more than `most` children is not opened, and has none.
        """
        assert isinstance(place.node, Container)
        if self.openings.count(place.node, most) > most or len(listed := self.openings.names(place.node)) > most:
            return {}
        wired = ((names.wire(name, self.forbidden), name, node) for name, node in self.openings.all(place.node, listed))
        return {wire_name: place.below(name, wire_name, node) for wire_name, name, node in wired}

    def fail(self, place: Place, why: BaseException) -> None:
        """Note that a node failed when a document was made that tells of it; nothing is above the root."""
        if place.parent is not None:
            self.openings.fail(place.parent, place.name, why)

    def _below(self, place: Place, group: Container, part: str) -> Place | None:
        """The place that one part of a key names, or None; the same one as before while the same node stands there."""
        path = f"{place.path}/{part}"
        kept = self._kept.get(path)
        if kept is not None and kept.above is place:
            node = self.openings.child(group, kept.name, kept.node)
            if node is kept.node:
                return kept
            self._kept.pop(path, None)
        name = names.unwire(part, self.forbidden)
        found = None if name is None or names.refusal(name) else self.openings.child(group, name)
        if name is None or found is None:
            return None
        return self._keep(path, place.below(name, part, found))

    def _keep(self, path: str, place: Place) -> Place:
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[path] = place
        return place


def is_assembled(group: Container) -> bool:
    """Whether the children of a group are sources of their own."""
    if isinstance(group, Table):
        return False
    return not group.blocking if group.assembled is None else group.assembled


def is_loose(place: Place) -> bool:
    """Whether the children of a group are sources of their own, and it is no part of a source either."""
    above: Place | None = place
    while above is not None:
        if not is_assembled(above.node):  # type: ignore[arg-type] # what has children is a group
            return False
        above = above.above
    return True
