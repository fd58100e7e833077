"""Opens a group and everything below it, level by level, for consolidated documents."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from .. import texts
from ..nodes import Group, Node
from ..outlines import Outline, Source
from . import headers
from .openings import Openings, revision_of
from .places import Place, Places, is_assembled, is_loose


@dataclass(slots=True)
class Dependencies:
    """What a document depends on: nodes, names of folders and their sources, each with a revision.

    The revision is from before the node or the names were read. `folders` are those whose sources
    are among them.
    """

    over: list[tuple[Node | Outline | Source, str | None]] = field(default_factory=list)
    folders: list[Group] = field(default_factory=list)

    def note(self, node: Node) -> None:
        """Add a node with its current revision."""
        self.over.append((node, revision_of(node)))

    def note_names(self, group: Group) -> None:
        """Add the names of a group's children alone: of a folder its outline, else the group."""
        source = group.outline or group
        self.over.append((source, revision_of(source)))

    def note_children(self, group: Group) -> None:
        """Add a group with the nodes behind its names, before these are opened.

        Folders in a folder have to be added by themselves.
        """
        sources = None if group.outline is None or revision_of(group) is not None else group.outline.sources()
        if sources is None:
            self.note(group)
        else:
            self.note_names(group)
            self.over.extend(sources)
            self.folders.append(group)

    def add(self, others: Dependencies) -> None:
        """Add those of another document."""
        self.over.extend(others.over)
        self.folders.extend(others.folders)

    def close(self, openings: Openings) -> None:
        """Add what was found out only while the nodes were read: folders with bad children.

        When such a child recovers is known only when it is opened.
        """
        self.over.extend((group, None) for group in self.folders if openings.bad(group))

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

    def is_too_large(self, group: Group) -> bool:
        """True if `children` opens none since the group has too many."""
        return self.places.openings.count(group, self.max_nodes) > self.max_nodes

    def below(self, place: Place, seen: Dependencies) -> list[Opened] | None:
        """A group and all groups below it, level by level; None if they exceed the limits.

        None also if one of them may not be consolidated. A group that fails is left out, and the
        group above names it. Raises what `place` itself raises.

        Folders are counted before a source is opened. None depends on names alone, so that a
        document that says it can be kept though sources in the folders may be rewritten.
        """
        read, counted = Dependencies(), Dependencies()
        found = None if self._has_too_many(place, counted) else self._below(place, read, counted)
        seen.add(counted if found is None else read)
        return found

    def _has_too_many(self, place: Place, counted: Dependencies) -> bool:
        """True if the folders alone hold more than `max_nodes` nodes. Opens no source."""
        waiting, nodes = deque([place]), 0
        while waiting:
            here = waiting.popleft()
            try:
                with self.asking(here):
                    nodes += self._count(here, counted, self.max_nodes - nodes)
                    if nodes > self.max_nodes:
                        return True
                    waiting.extend(self._folders(here))
            except texts.PASSED_ON:
                raise
            except BaseException:
                if here is place:
                    raise
        counted.over.clear()
        return False

    def _count(self, place: Place, counted: Dependencies, room: int) -> int:
        """How many children a folder has, at most about `room`; 0 for what is no folder."""
        group = place.group
        if group is None or group.outline is None or not (group.consolidated and group.outline.is_small()):
            return 0
        counted.note_names(group)
        return self.places.openings.count(group, room)

    def _folders(self, place: Place) -> Iterator[Place]:
        """The folders in a folder that can be opened."""
        outline = None if place.group is None else place.group.outline
        return iter(()) if outline is None else self.places.named(place, outline.folders())

    def _below(self, place: Place, read: Dependencies, counted: Dependencies) -> list[Opened] | None:
        """The same once folders are counted.

        Adds to `read` what a list depends on, and to `counted` what None depends on.
        """
        found: list[Opened] = []
        waiting: deque[tuple[Place, Opened | None]] = deque([(place, None)])
        nodes = nbytes = 0
        while waiting:
            group, above = waiting.popleft()
            try:
                with self.asking(group):
                    opened = self._opened(group, above, read, counted, self.max_nodes - nodes)
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
            # counts only paths: they grow fast in a tree without an end
            if nbytes > self.max_bytes:
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

    def _opened(self, place: Place, above: Opened | None, read: Dependencies, counted: Dependencies, room: int) -> Opened | None:
        """A group with its children; None if there are more than `room`, or it is not consolidated.

        Raises what the group raises.
        """
        group = place.group
        assert group is not None
        read.note_children(group)
        if group.outline is None:
            counted.over.append(read.over[-1])
        else:
            counted.note_names(group)
        is_small = group.consolidated and (group.outline is None or group.outline.is_small())
        if not is_small or self.places.openings.count(group, room) > room:
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
