"""Opens a group and everything below it, level by level, for consolidated documents."""

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
    """The nodes that a document depends on, each with its revision from before it was read."""

    over: list[tuple[Node, str | None]] = field(default_factory=list)

    def note(self, node: Node) -> None:
        """Add a node with its current revision."""
        self.over.append((node, revision_of(node)))

    def note_live(self, node: Node) -> None:
        """Add a node only if it has no revision; the revision of its group covers any other."""
        if revision_of(node) is None:
            self.over.append((node, None))


@dataclass(frozen=True, slots=True)
class Opened:
    """A group and those of its children that can be opened, by their names on the wire.

    `is_loose` says that the children are separate sources, and the group is in no source itself.
    """

    place: Place
    children: dict[str, Place]
    is_loose: bool


class Walk:
    """Opens groups for documents: up to `max_nodes` nodes, and `max_bytes` of their paths."""

    def __init__(self, places: Places, max_nodes: int, max_bytes: int) -> None:
        self.places = places
        self.max_nodes = max_nodes
        self.max_bytes = max_bytes

    def children(self, place: Place) -> dict[str, Place]:
        """The children that can be opened, by name on the wire; none if the group is too large."""
        return self.places.children(place, self.max_nodes)

    def below(self, place: Place, seen: Dependencies) -> list[Opened] | None:
        """A group and all groups below it, level by level; None if they exceed the limits.

        None also if one of them may not be consolidated. A group that fails is left out, and the
        group above names it. Raises what `place` itself raises.
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
            if nbytes > self.max_bytes:  # counts paths alone: they grow fast in a tree without an end
                return None
        return found

    def leave_out(self, above: Opened, place: Place, why: BaseException) -> None:
        """Leave a child out of its group and note why: it failed when a document was made."""
        self.places.fail(place, why)
        del above.children[place.wire_name]

    def asking(self, place: Place) -> AbstractContextManager[None]:
        """While it is entered, this thread asks a node for a document of a group above.

        Raises TooSlow if the node is known to hang.
        """
        if not place.node.blocking or place.parent is None:
            return nullcontext()
        return self.places.openings.hangs.asking(place.parent, place.name)

    def _opened(self, place: Place, above: Opened | None, seen: Dependencies, room: int) -> Opened | None:
        """A group with its children; None if there are more than `room`, or it is not consolidated.

        Raises what the group raises.
        """
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
        """Leave a group out if its attributes cannot be made."""
        try:
            with self.asking(place):
                headers.own_attributes(place.node)
        except texts.PASSED_ON:
            raise
        except BaseException as why:  # noqa: BLE001 - one bad group must not break the document
            self.leave_out(above, place, why)
