"""What documents say of places: the headers of one node, or of all that lies below a group."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType

from . import codecs, dimensions, dtypes, headers
from .codecs import Codec
from .grid import Grid
from .headers import ArrayHeader, GroupHeader, Header, Members
from .nodes import Array, Group, Node, Sparse
from .places import Container, Place, Places

PENDING = GroupHeader({})
"""Holds the place of a group among its siblings until its own children have been opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How a key space is served: the codec chosen for it, what consolidated metadata may hold, how v3 spells structured types.

    `codec` None is the one that the source has stored its chunks in where these can be sent as they are, else the default.
    `separator` stands between the parts of a chunk key; None means the format's own.
    """

    codec: str | None = None
    chunk_shape: tuple[int, ...] | None = None
    max_nodes: int = 10_000
    max_bytes: int = 16 * 1024 * 1024
    struct: dtypes.StructName = "structured"
    separator: str | None = None


@dataclass(slots=True)
class Dependencies:
    """The nodes that a document depends on, each with its revision from before it was looked at."""

    over: list[tuple[Node, str | None]] = field(default_factory=list)

    def note(self, node: Node) -> None:
        """Add a node."""
        self.over.append((node, node.revision()))

    def note_live(self, node: Node) -> None:
        """Add a node if nobody can tell when it changes; any other is known by the group that it hangs in."""
        if node.revision() is None:
            self.over.append((node, None))


class Metadata:
    """Makes headers in one Zarr format (the module `v2` or `v3`). Groups of more than `max_nodes` are not opened."""

    def __init__(self, places: Places, format: ModuleType, config: Config) -> None:  # noqa: A002 - the spec's word
        self.places = places
        self.format = format
        self.config = config
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
        assert isinstance(place.node, Container)
        if len(place.node.children) > self.config.max_nodes:
            return {}
        return self.places.children(place)

    def header(self, place: Place, seen: Dependencies) -> Header:
        """The header of one node."""
        seen.note(place.node)
        if isinstance(place.node, Container):
            self.opened(place)
            return self._group(place.node)
        return self._array(place, self._dimension_names(place, seen))

    def members(self, place: Place, seen: Dependencies) -> Members | None:
        """Headers of every node below a group by path, siblings side by side (zarr-python relies on it); None where they are too many."""
        members: Members = {}
        start = len(place.path) + 1 if place.path else 0
        waiting = deque([place])
        while waiting:
            above = waiting.popleft()
            assert isinstance(above.node, Container)
            is_split = isinstance(above.node, Group) and not above.node.consolidated
            if is_split or len(members) + len(above.node.children) > self.config.max_nodes:
                return None
            seen.note(above.node)
            opened = self.opened(above)
            agreed = _agreed(opened)
            if above is not place:
                members[above.path[start:]] = self._group(above.node)
            for name, below in opened.items():
                if isinstance(below.node, Container):
                    members[below.path[start:]] = PENDING
                    waiting.append(below)
                else:
                    seen.note_live(below.node)
                    members[below.path[start:]] = self._array(below, agreed[name])
        return members

    def _group(self, group: Container) -> GroupHeader:
        return GroupHeader(headers.own_attributes(group, self.places.openings.unavailable(group)))

    def _array(self, place: Place, dimension_names: tuple[str, ...]) -> ArrayHeader:
        node = place.node
        assert isinstance(node, Array | Sparse)
        grid = headers.chunk_grid(node, place.options)
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


def _agreed(places: Mapping[str, Place]) -> dict[str, tuple[str, ...]]:
    """Dimension names of the arrays among siblings."""
    arrays = {name: place.node for name, place in places.items() if isinstance(place.node, Array | Sparse)}
    agreed = dimensions.agreed({name: (node.shape, node.dimension_names) for name, node in arrays.items()})
    return {name: _verbatim_names(node) or agreed[name] for name, node in arrays.items()}


def _verbatim_names(node: Array | Sparse) -> tuple[str, ...] | None:
    """The dimension names of an array that wants them served as they stand, whatever its siblings are."""
    is_verbatim = isinstance(node, Array) and node.verbatim
    return tuple(filter(None, node.dimension_names)) if is_verbatim and node.dimension_names else None
