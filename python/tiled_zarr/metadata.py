"""What documents say of places: the headers of one node, or of all that lies below a group."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import ModuleType

from . import codecs, dimensions, dtypes, hangs, headers, texts
from .codecs import Codec
from .grid import Grid
from .headers import ArrayHeader, GroupHeader, Header, Members
from .nodes import Array, Group, Node, Sparse
from .openings import revision_of
from .places import Container, Place, Places
from .served import Served

PENDING = GroupHeader({})
"""Holds the place of a group among its siblings until its own children have been opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How a key space is served: the codec chosen for it, what consolidated metadata may hold, how v3 spells structured types.

    `codec` None is the one that the source has stored its chunks in where these can be sent as they are, else the default.
    `separator` stands between the parts of a chunk key; None means the format's own. A listing takes no more than about `listing_bytes`.
    """

    codec: str | None = None
    chunk_shape: tuple[int, ...] | None = None
    max_nodes: int = 10_000
    max_bytes: int = 16 * 1024 * 1024
    struct: dtypes.StructName = "structured"
    separator: str | None = None
    listing_bytes: int = 16 * 1024 * 1024


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


class Metadata:
    """Makes headers in one Zarr format (the module `v2` or `v3`). Groups of more than `max_nodes` are not opened.

    Every array that gets a header is noted as `served`.
    """

    def __init__(self, places: Places, format: ModuleType, config: Config, served: Served) -> None:  # noqa: A002 - the spec's word
        self.places = places
        self.format = format
        self.config = config
        self.served = served
        self.separator: str = config.separator or format.SEPARATOR

    def codec(self, place: Place, grid: Grid) -> Codec:
        """The codec chosen for an array, else that of the chunks that its source has stored just so, else the default."""
        assert isinstance(place.node, Array | Sparse)
        chosen = place.options.codec or self.config.codec
        stored = headers.stored_codec(place.node, grid)
        if chosen is None and stored is not None and self.format.passes(stored):
            return stored
        codec: Codec = self.format.codec(headers.codec(place.node, chosen or codecs.DEFAULT))
        return codec

    def opened(self, place: Place) -> dict[str, Place]:
        """The children that can be opened, by their names on the wire; none of a group that is too large."""
        return self.places.children(place, self.config.max_nodes)

    def header(self, place: Place, seen: Dependencies) -> Header:
        """The header of one node."""
        seen.note(place.node)
        if isinstance(place.node, Container):
            self.opened(place)
            return self._group(place.node)
        return self._array(place, self._dimension_names(place, seen))

    def look(self, node: Node) -> None:
        """Make all that documents of the groups above say of a node, and raise what fails."""
        if isinstance(node, Container):
            self.places.openings.names(node)
        else:
            self.codec(Place(node, None, "", "", node.options), headers.chunk_grid(node, node.options))
        headers.own_attributes(node)

    def members(self, place: Place, seen: Dependencies) -> Members | None:
        """Headers of every node below a group by path, siblings side by side (zarr-python relies on it); None where they are too many.

        What fails is left out and named by its group; so the headers of groups are made last.
        """
        members: Members = {}
        start = len(place.path) + 1 if place.path else 0
        waiting, groups = deque([place]), []
        nbytes = 0
        while waiting:
            above = waiting.popleft()
            assert isinstance(above.node, Container)
            is_split = isinstance(above.node, Group) and not above.node.consolidated
            try:
                with asking(above):
                    room = self.config.max_nodes - len(members)
                    if is_split or self.places.openings.count(above.node, room) > room:
                        return None
                    below = self._children(above, seen)
            except texts.PASSED_ON:
                raise
            except BaseException as why:
                if above is place:
                    raise
                self.fail(above, why)
                del members[above.path[start:]]
                continue
            groups.append(above)
            members.update((child.path[start:], header) for child, header in below)
            waiting.extend(child for child, _ in below if isinstance(child.node, Container))
            nbytes += sum(len(child.path) for child, _ in below)
            if nbytes > self.config.max_bytes:  # paths alone: a tree without an end is a deep one
                return None
        for group in groups[1:]:
            assert isinstance(group.node, Container)
            members[group.path[start:]] = self._group(group.node)
        return members

    def _children(self, place: Place, seen: Dependencies) -> list[tuple[Place, Header]]:
        """The children of a group with their headers, which of groups are PENDING. Those that fail are left out."""
        seen.note(place.node)
        opened = self.opened(place)
        agreed = _agreed(opened)
        found: list[tuple[Place, Header]] = []
        for name, below in opened.items():
            try:
                if isinstance(below.node, Container):
                    headers.own_attributes(below.node)
                    found.append((below, PENDING))
                else:
                    with asking(below):
                        seen.note_live(below.node)
                    found.append((below, self._array(below, agreed[name])))
            except texts.PASSED_ON:
                raise
            except BaseException as why:  # noqa: BLE001 - it takes nothing along with it
                self.fail(below, why)
        return found

    def fail(self, place: Place, why: BaseException) -> None:
        """Note that a node failed when a document was made that tells of it; nothing is above the root."""
        if place.parent is not None:
            self.places.openings.fail(place.parent, place.name, why)

    def _group(self, group: Container) -> GroupHeader:
        return GroupHeader(headers.own_attributes(group, self.places.openings.unavailable(group)))

    def _array(self, place: Place, dimension_names: tuple[str, ...]) -> ArrayHeader:
        node = place.node
        assert isinstance(node, Array | Sparse)
        grid = headers.chunk_grid(node, place.options)
        self.served.note(place.path, grid.counts)
        return ArrayHeader(
            shape=node.shape,
            chunk_shape=grid.chunk_shape,
            dtype=dtypes.wire(node.dtype),
            codec=self.codec(place, grid),
            dimension_names=dimension_names,
            attributes=headers.own_attributes(node),
            separator=self.separator,
            mark=node.mark if isinstance(node, Array) else None,
            struct=self.config.struct,
        )

    def _dimension_names(self, place: Place, seen: Dependencies) -> tuple[str, ...]:
        """Names of one array's axes; its siblings are looked at only where it has names of its own."""
        node = place.node
        assert isinstance(node, Array | Sparse)
        if verbatim := _verbatim_names(node):
            return verbatim
        if place.above is None or not any(node.dimension_names or ()):
            return dimensions.phony(node.shape)
        assert place.parent is not None
        seen.note(place.parent)
        return _agreed(self.opened(place.above)).get(place.wire_name) or dimensions.phony(node.shape)


def asking(place: Place) -> AbstractContextManager[None]:
    """Ask a node for what a document of a group above tells of it. Raises TooSlow where it hangs."""
    if place.parent is None or not place.node.blocking:
        return nullcontext()
    return hangs.shared.asking(place.parent, place.name)


def _agreed(places: Mapping[str, Place]) -> dict[str, tuple[str, ...]]:
    """Dimension names of the arrays among siblings."""
    arrays = {name: place.node for name, place in places.items() if isinstance(place.node, Array | Sparse)}
    agreed = dimensions.agreed({name: (node.shape, node.dimension_names) for name, node in arrays.items()})
    return {name: _verbatim_names(node) or agreed[name] for name, node in arrays.items()}


def _verbatim_names(node: Array | Sparse) -> tuple[str, ...] | None:
    """The dimension names of an array that wants them served as they stand, whatever its siblings are."""
    given = node.dimension_names if isinstance(node, Array) and node.verbatim else None
    return tuple(name or phony for name, phony in zip(given, dimensions.phony(node.shape), strict=True)) if given else None
