"""Makes the headers of one node, or of all nodes below a group, for metadata documents."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .. import codecs, dtypes, texts
from ..caches.cost import Cache
from ..codecs import Codec
from ..grid import Grid
from ..nodes import Array, Node
from . import dimensions, headers
from .axes import Axes
from .headers import ArrayHeader, GroupHeader, Header, Members
from .places import Place, Places
from .served import Served
from .walks import Dependencies, Opened, Walk

PENDING = GroupHeader({})
"""Keeps a group's position among its siblings until its own header is made, last of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How a key space is served.

    `codec` None means the codec of the source's stored chunks if these can be sent unchanged, else
    the default. `max_nodes` and `max_bytes` limit consolidated metadata. `struct` is how v3 spells
    structured types. `separator` is between the parts of a chunk key; None means the format's own.
    A listing takes at most about `listing_bytes`.
    """

    codec: str | None = None
    chunk_shape: tuple[int, ...] | None = None
    max_nodes: int = 10_000
    max_bytes: int = 16 * 1024 * 1024
    struct: dtypes.StructName = "structured"
    separator: str | None = None
    listing_bytes: int = 16 * 1024 * 1024


class Metadata:
    """Makes headers in one Zarr format (the module `v2` or `v3`).

    Groups of more than `max_nodes` children are not opened. Every array that gets a header is noted
    in `served`. `pool` keeps the decisions on dimension names.
    """

    def __init__(self, places: Places, format: ModuleType, config: Config, served: Served, pool: Cache[Any]) -> None:  # noqa: A002 - the spec's word
        self.places = places
        self.format = format
        self.config = config
        self.served = served
        self.walk = Walk(places, config.max_nodes, config.max_bytes)
        self.axes = Axes(self.walk, pool)
        self.separator: str = config.separator or format.SEPARATOR

    def codec(self, place: Place, grid: Grid) -> Codec:
        """The codec chosen for an array, else that of its stored chunks, else the default.

        That of the stored chunks only if the format can serve them unchanged in this grid.
        """
        node = place.array
        chosen = place.options.codec or self.config.codec
        stored = headers.stored_codec(node, grid)
        if chosen is None and stored is not None and self.format.passes(stored):
            return stored
        codec: Codec = self.format.codec(headers.codec(node, chosen or codecs.DEFAULT))
        return codec

    def header(self, place: Place, seen: Dependencies, *, is_opened: bool = False) -> Header:
        """The header of one node.

        Opens the children of a group first, since the header names those that fail; `is_opened`
        says that this has just been done.
        """
        group = place.group
        if group is None:
            seen.note(place.node)
            return self._array(place, self.axes.of(place, seen))
        if is_opened:
            return self._group(place)
        if self.walk.is_too_large(group):
            seen.note_names(group)
        else:
            seen.note_children(group)
            for child in self.walk.children(place).values():
                if child.group is not None and child.group.outline is not None:
                    seen.note_names(child.group)
        return self._group(place)

    def look(self, node: Node) -> None:
        """Make all that documents of the groups above say of a node. Raises what fails."""
        if isinstance(node, Array):
            self.codec(Place(node, None, "", "", node.options), headers.chunk_grid(node, node.options))
        else:
            self.places.openings.names(node)
        headers.own_attributes(node)

    def members(self, place: Place, seen: Dependencies) -> Members | None:
        """The headers of all nodes below a group, by path; None if they are too many.

        Siblings are next to each other: zarr-python relies on it. A node that fails is left out,
        and the header of its group names it; so the headers of groups are made last.
        """
        opened = self.walk.below(place, seen)
        if opened is None:
            return None
        members: Members = {}
        start = len(place.path) + 1 if place.path else 0
        for group, names in zip(opened, self.axes.below(opened, seen), strict=True):
            for name, below in [*group.children.items()]:
                header = PENDING if below.group is not None else self._member(group, below, names[name], seen)
                if header is not None:
                    members[below.path[start:]] = header
        for group in opened[1:]:
            with self.walk.asking(group.place):  # `Late` attributes are made now, and may hang
                members[group.place.path[start:]] = self._group(group.place)
        return members

    def _member(self, above: Opened, place: Place, names: dimensions.Named, seen: Dependencies) -> Header | None:
        """The header of an array; None if it fails: then it is left out of its group."""
        try:
            with self.walk.asking(place):
                seen.note_live(place.node)
                return self._array(place, names)
        except texts.PASSED_ON:
            raise
        except BaseException as why:  # noqa: BLE001 - one bad array must not break the document
            self.walk.leave_out(above, place, why)
            return None

    def _group(self, place: Place) -> GroupHeader:
        group = place.group
        assert group is not None
        unavailable = self.places.openings.unavailable(group)
        return GroupHeader(headers.own_attributes(group, name=place.source_name, unavailable=unavailable))

    def _array(self, place: Place, dimension_names: tuple[str, ...]) -> ArrayHeader:
        node = place.array
        grid = headers.chunk_grid(node, place.options)
        self.served.note(place.path, grid.counts)
        return ArrayHeader(
            shape=node.shape,
            chunk_shape=grid.chunk_shape,
            dtype=dtypes.wire(node.dtype),
            codec=self.codec(place, grid),
            dimension_names=dimension_names,
            attributes=headers.own_attributes(node, name=place.source_name),
            separator=self.separator,
            mark=node.mark,
            struct=self.config.struct,
        )
