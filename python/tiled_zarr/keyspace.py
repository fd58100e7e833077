"""The key space: a tree of nodes as a mapping from Zarr keys to documents and chunks, without a server.

A key is resolved by walking the tree as far as its parts name children (a child named `0` is a child, not a chunk); what is left over
is a document or a chunk of the node reached. What does not exist is None; what goes wrong is raised.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple, TypeAlias

from . import codecs, dimensions, dtypes, headers, names
from .codecs import Codec
from .grid import Grid
from .headers import ArrayHeader, GroupHeader, Header, Members
from .nodes import Array, Group, Node, Options, Sparse, Table
from .openings import Openings

ENCODER = "2"
"""Part of every chunk's identity; to be raised when other bytes are sent for the same data."""

Container: TypeAlias = Group | Table

PENDING = GroupHeader({})
"""Holds the place of a group among its siblings until its own children have been opened."""


class WouldBlock(Exception):
    """Resolving a key takes a step that touches disk or network, where that was not allowed."""


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


class Place(NamedTuple):
    """A node, where it hangs, its path on the wire, and the options in force there."""

    node: Node
    parent: Container | None
    path: str
    options: Options

    @property
    def name(self) -> str:
        """The node's name on the wire."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Document:
    """A metadata document, rendered when its body is asked for."""

    keyspace: KeySpace
    place: Place
    name: str

    def revision(self) -> str | None:
        """The node's revision if the document depends on nothing else; a group's depends on its children."""
        return None if isinstance(self.place.node, Container) else self.place.node.revision()

    def body(self) -> bytes | None:
        """The document as JSON; None where a node of this kind, or a group of this size, has none. May open files."""
        return self.keyspace.render(self.place, self.name)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk inside an array's grid, and how it is to be encoded."""

    node: Array | Sparse
    grid: Grid
    index: tuple[int, ...]
    codec: Codec
    key: str

    def revision(self) -> str | None:
        """The revision of what the chunk holds, now."""
        node = self.node
        if isinstance(node, Array) and node.region_revision is not None:
            return node.region_revision(self.grid.region(self.index))
        return node.revision()

    def identity(self, revision: str) -> str:
        """A text that differs whenever the encoded bytes may: for entity tags and cache keys."""
        return f"{self.key}|{revision}|{self.node.dtype.str}|{self.grid}|{self.codec}|{ENCODER}"

    @property
    def blocking(self) -> bool:
        """Whether reading it touches disk or network, or computes."""
        return self.node.blocking

    @property
    def work(self) -> int:
        """Decoded bytes of the chunk."""
        return math.prod(self.grid.chunk_shape) * headers.itemsize(self.node.dtype)


class Entry(NamedTuple):
    """A child of a group by its name on the wire; the node is None where the group is too large to open every child."""

    name: str
    node: Node | None


class KeySpace:
    """A tree in one Zarr format (the module `v2` or `v3`)."""

    def __init__(self, root: Node, format: ModuleType, config: Config | None = None) -> None:  # noqa: A002 - the spec's word
        self.root = root
        self.format = format
        self.config = config or Config()
        self.separator: str = self.config.separator or format.SEPARATOR
        self.openings = Openings(self._check)

    def resolve(self, key: str, *, may_block: bool = True) -> Document | Chunk | None:
        """What a key names, or None. Raises what opening a node raises, or WouldBlock where `may_block` is false."""
        place, rest = self._walk(key, may_block=may_block)
        node = place.node
        if rest in self.format.DOCUMENTS:
            return Document(self, place, rest)
        if isinstance(node, Container):
            return None
        index = self.format.parse_index(rest, len(node.shape), self.separator)
        if index is None:
            return None
        grid = headers.chunk_grid(node, place.options)
        return Chunk(node, grid, index, self._codec(place, grid), f"{self.format.NAME}/{key}") if index in grid else None

    def group(self, path: str, *, may_block: bool = True) -> Container | None:
        """The group at a path on the wire ("" is the root), or None."""
        place, rest = self._walk(path, may_block=may_block)
        return place.node if not rest and isinstance(place.node, Container) else None

    def listing(self, group: Container) -> list[Entry]:
        """The children of a group, in the source's order, without those that cannot be opened."""
        if len(group.children) <= self.config.max_nodes:
            return [Entry(name, node) for name, node in self._opened(group).items()]
        bad = self.openings.unavailable(group)
        return [Entry(names.wire(name), None) for name in group.children if name not in bad]

    def render(self, place: Place, name: str) -> bytes | None:
        """A document as JSON bytes, or None."""
        is_consolidated = isinstance(place.node, Container) and name == self.format.CONSOLIDATED
        members = self._members(place) if is_consolidated else None
        header = self._header(place)
        body = _json(self.format.document(name, header, members))
        if members is not None and body is not None and len(body) > self.config.max_bytes:
            return _json(self.format.document(name, header, None))
        return body

    def _walk(self, key: str, *, may_block: bool) -> tuple[Place, str]:
        """The deepest node that a key's first parts name, and the rest of the key."""
        place = Place(self.root, None, "", headers.merged(Options(chunk_shape=self.config.chunk_shape), self.root.options))
        rest = key
        while rest and isinstance(place.node, Container):
            part, _, remainder = rest.partition("/")
            if place.node.blocking and not may_block:
                raise WouldBlock
            name = names.unwire(part)
            child = None if name is None else self.openings.child(place.node, name)
            if child is None:
                break
            place, rest = _below(place, part, child), remainder
        return place, rest

    def _check(self, node: Node) -> None:
        """Raises Unavailable where this format cannot show a node."""
        if isinstance(node, Array | Sparse):
            self.format.check(dtypes.wire(node.dtype))

    def _codec(self, place: Place, grid: Grid) -> Codec:
        """The codec chosen for an array, else that of the chunks that its source has stored just so, else the default."""
        assert isinstance(place.node, Array | Sparse)
        chosen = place.options.codec or self.config.codec
        stored = headers.stored_codec(place.node, grid)
        if chosen is None and stored is not None and self.format.passes(stored):
            return stored
        codec: Codec = self.format.codec(headers.codec(place.node, chosen or codecs.DEFAULT))
        return codec

    def _opened(self, group: Container) -> dict[str, Node]:
        """The children that can be opened, by their names on the wire; none of a group that is too large."""
        if len(group.children) > self.config.max_nodes:
            return {}
        return {names.wire(name): node for name, node in self.openings.all(group)}

    def _header(self, place: Place) -> Header:
        if isinstance(place.node, Container):
            self._opened(place.node)
            return self._group_header(place.node)
        return self._array_header(place, self._dimension_names(place))

    def _group_header(self, group: Container) -> GroupHeader:
        return GroupHeader(headers.own_attributes(group, self.openings.unavailable(group)))

    def _array_header(self, place: Place, dimension_names: tuple[str, ...]) -> ArrayHeader:
        node = place.node
        assert isinstance(node, Array | Sparse)
        grid = headers.chunk_grid(node, place.options)
        return ArrayHeader(
            shape=node.shape,
            chunk_shape=grid.chunk_shape,
            dtype=dtypes.wire(node.dtype),
            codec=self._codec(place, grid),
            dimension_names=dimension_names,
            attributes=headers.own_attributes(node),
            separator=self.separator,
            struct=self.config.struct,
        )

    def _dimension_names(self, place: Place) -> tuple[str, ...]:
        """Names of one array's axes; its siblings are looked at only where it has names of its own."""
        node = place.node
        assert isinstance(node, Array | Sparse)
        if verbatim := _verbatim_names(node):
            return verbatim
        has_names = any(node.dimension_names or ())
        siblings = self._opened(place.parent) if has_names and place.parent else {place.name: node}
        return _agreed(siblings).get(place.name) or dimensions.phony(node.shape)

    def _members(self, place: Place) -> Members | None:
        """Headers of every node below a group by path, siblings side by side (zarr-python relies on it); None where they are too many."""
        members: Members = {}
        waiting = deque([place])
        while waiting:
            above = waiting.popleft()
            assert isinstance(above.node, Container)
            is_split = isinstance(above.node, Group) and not above.node.consolidated
            if is_split or len(members) + len(above.node.children) > self.config.max_nodes:
                return None
            opened = self._opened(above.node)
            agreed = _agreed(opened)
            members[_relative(above, place)] = self._group_header(above.node)
            for name, node in opened.items():
                below = _below(above, name, node)
                is_group = isinstance(node, Container)
                members[_relative(below, place)] = PENDING if is_group else self._array_header(below, agreed[name])
                waiting.extend([below] if is_group else [])
        del members[""]
        return members


def _agreed(nodes: Mapping[str, Node]) -> dict[str, tuple[str, ...]]:
    """Dimension names of the arrays among siblings."""
    arrays = {name: node for name, node in nodes.items() if isinstance(node, Array | Sparse)}
    agreed = dimensions.agreed({name: (node.shape, node.dimension_names) for name, node in arrays.items()})
    return {name: _verbatim_names(node) or agreed[name] for name, node in arrays.items()}


def _verbatim_names(node: Array | Sparse) -> tuple[str, ...] | None:
    """The dimension names of an array that wants them served as they stand, whatever its siblings are."""
    is_verbatim = isinstance(node, Array) and node.verbatim
    return tuple(filter(None, node.dimension_names)) if is_verbatim and node.dimension_names else None


def _relative(place: Place, above: Place) -> str:
    """The path of a place as seen from one above it."""
    return place.path[len(above.path) :].lstrip("/")


def _below(place: Place, name: str, node: Node) -> Place:
    """The place of a child by its name on the wire."""
    parent = place.node
    assert isinstance(parent, Container)
    return Place(node, parent, f"{place.path}/{name}".lstrip("/"), headers.merged(place.options, node.options))


def _json(document: object) -> bytes | None:
    if document is None:
        return None
    return json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
