"""Walks: a group and all that lies below it, opened level by level."""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from .. import texts
from ..nodes import Node
from . import headers
from .openings import revision_of
from .places import Place, Places, is_assembled, is_loose


@dataclass(slots=True)
class Dependencies:
    """The nodes that a document depends on, each with its revision from before it was looked at."""

    over: list[tuple[Node, str | None]] = field(default_factory=list)

    def note(self, node: Node) -> None:
        """Add a node."""
        self.over.append((node, revision_of(node)))

    def note_live(self, node: Node) -> None:
        """Add a node if nobody can tell when it changes; any other is known by the group that it hangs in."""
        if revision_of(node) is None:
            self.over.append((node, None))


@dataclass(frozen=True, slots=True)
class Opened:
    """A group and its children that can be opened, by their names on the wire; `is_loose` says that these are sources of their own."""

    place: Place
    children: dict[str, Place]
    is_loose: bool


class Walk:
    """Opens groups of a tree, as far as documents tell of them: at most `max_nodes` nodes, whose paths take `max_bytes`."""

    def __init__(self, places: Places, max_nodes: int, max_bytes: int) -> None:
        self.places = places
        self.max_nodes = max_nodes
        self.max_bytes = max_bytes

    def children(self, place: Place) -> dict[str, Place]:
        """The children that can be opened, by their names on the wire; none of a group that is too large."""
        return self.places.children(place, self.max_nodes)

    def below(self, place: Place, seen: Dependencies) -> list[Opened] | None:
        """A group and all groups below it, level by level; None where they hold too much.

        A group that fails is left out and named by the one above.
        """
        found: list[Opened] = []
        waiting: deque[tuple[Place, Opened | None]] = deque([(place, None)])
        nodes = nbytes = 0
        while waiting:
            group, above = waiting.popleft()
            try:
                with self.asking(group):
                    opened = self._opened(group, above, seen, self.max_nodes - nodes)
            except texts.PASSED_ON:
                raise
            except BaseException as why:
                if above is None:
                    raise
                self.leave_out(above, group, why)
                continue
            if opened is None:
                return None
            found.append(opened)
            waiting.extend((child, opened) for child in opened.children.values() if child.group is not None)
            nodes += len(opened.children)
            nbytes += sum(len(child.path) for child in opened.children.values())
            if nbytes > self.max_bytes:  # paths alone: a tree without an end is a deep one
                return None
        return found

    def leave_out(self, above: Opened, place: Place, why: BaseException) -> None:
        """Name a child that failed when documents were made that tell of it."""
        self.places.fail(place, why)
        del above.children[place.wire_name]

    def asking(self, place: Place) -> AbstractContextManager[None]:
        """Ask a node for what a document of a group above tells of it. Raises TooSlow where it hangs."""
        if not place.node.blocking or place.parent is None:
            return nullcontext()
        return self.places.openings.hangs.asking(place.parent, place.name)

    def _opened(self, place: Place, above: Opened | None, seen: Dependencies, room: int) -> Opened | None:
        """A group with its children, or None where they are more than there is `room` for. Raises what it raises."""
        group = place.group
        assert group is not None
        seen.note(group)
        if not group.consolidated or self.places.openings.count(group, room) > room:
            return None
        is_apart = is_loose(place) if above is None else above.is_loose and is_assembled(group)
        opened = Opened(place, self.children(place), is_apart)
        for child in [*opened.children.values()]:
            if child.group is not None:
                self._check(opened, child)
        return opened

    def _check(self, above: Opened, place: Place) -> None:
        """Leave a group out whose attributes cannot be told."""
        try:
            with self.asking(place):
                headers.own_attributes(place.node)
        except texts.PASSED_ON:
            raise
        except BaseException as why:  # noqa: BLE001 - it takes nothing along with it
            self.leave_out(above, place, why)
