"""The key space: a tree of nodes as a mapping from Zarr keys to documents and chunks, without a server.

A key is resolved by walking the tree as far as its parts name children (a child named `0` is a child, not a chunk); what is left over
is a document or a chunk of the node reached. What does not exist is None; what goes wrong is raised.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import NamedTuple
from weakref import WeakKeyDictionary

from . import dtypes, headers, names
from .codecs import Codec
from .documents import Documents, Rendered
from .grid import Grid
from .metadata import Config, Dependencies, Metadata
from .nodes import Array, Node, Options, Region, Sparse
from .places import Container, Place, Places, WouldBlock
from .served import Served

ENCODER = "4"
"""Part of every chunk's identity; to be raised when other bytes are sent for the same data."""
MOST_CHUNKS = 8192
"""Resolved chunks that are remembered; then all are forgotten, which costs no more than resolving them again."""
MOST_DOCUMENTS = 4
"""So many documents of the largest size are kept."""


@dataclass(frozen=True, slots=True)
class Document:
    """A metadata document, rendered when it is asked for."""

    keyspace: KeySpace
    place: Place
    name: str

    def revision(self) -> str | None:
        """The node's revision if the document depends on nothing else; a group's depends on its children."""
        return None if isinstance(self.place.node, Container) else self.place.node.revision()

    def body(self) -> bytes | None:
        """The document as JSON; None where a node of this kind, or a group of this size, has none. May open files."""
        return self.rendered().body

    def rendered(self, *, may_block: bool = True) -> Rendered:
        """The document and its digest. Raises WouldBlock where `may_block` is false and files may have to be opened."""
        return self.keyspace.rendered(self.place, self.name, may_block=may_block)


class Layout(NamedTuple):
    """How the chunks of an array are cut and encoded; `nbytes` are the decoded bytes of one, `signature` says all of it as a text."""

    grid: Grid
    codec: Codec
    nbytes: int
    signature: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk inside an array's grid, and how it is to be encoded; `region` is the part of the array that it holds."""

    place: Place
    node: Array | Sparse
    layout: Layout
    index: tuple[int, ...]
    region: Region
    key: str

    @property
    def grid(self) -> Grid:
        """The grid that the chunk is part of."""
        return self.layout.grid

    @property
    def codec(self) -> Codec:
        """How it is encoded."""
        return self.layout.codec

    def revision(self) -> str | None:
        """The revision of what the chunk holds, now."""
        node = self.node
        if isinstance(node, Array) and node.region_revision is not None:
            return node.region_revision(self.region)
        return node.revision()

    def identity(self, revision: str) -> str:
        """A text that differs whenever the encoded bytes may: for entity tags and cache keys."""
        return f"{self.key}|{revision}|{self.layout.signature}"

    @property
    def blocking(self) -> bool:
        """Whether reading it touches disk or network, or computes."""
        return self.node.blocking

    @property
    def work(self) -> int:
        """Decoded bytes of the chunk."""
        return self.layout.nbytes


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
        self.places = Places(root, Options(chunk_shape=self.config.chunk_shape), self._check)
        separator: str = self.config.separator or format.SEPARATOR
        self.served = Served(lambda rest, ndim: format.parse_index(rest, ndim, separator))
        self.metadata = Metadata(self.places, format, self.config, self.served)
        self._documents = Documents(MOST_DOCUMENTS * self.config.max_bytes)
        self._layouts: WeakKeyDictionary[Place, Layout] = WeakKeyDictionary()
        self._chunks: dict[str, Chunk] = {}

    def resolve(self, key: str, *, may_block: bool = True) -> Document | Chunk | None:
        """What a key names, or None. Raises what opening a node raises, or WouldBlock where `may_block` is false."""
        place, rest = self.places.walk(key, may_block=may_block)
        known = self._chunks.get(key)
        if known is not None and known.place is place:
            return known
        node = place.node
        if rest in self.format.DOCUMENTS:
            return Document(self, place, rest)
        if isinstance(node, Container):
            return None
        index = self.format.parse_index(rest, len(node.shape), self.metadata.separator)
        return None if index is None else self._chunk(key, place, node, index)

    def is_gone(self, key: str) -> bool:
        """Whether a key that names nothing now is a chunk of an array that this process has described to clients."""
        return self.served.promised(key)

    def group(self, path: str, *, may_block: bool = True) -> Container | None:
        """The group at a path on the wire ("" is the root), or None."""
        place, rest = self.places.walk(path, may_block=may_block)
        return place.node if not rest and isinstance(place.node, Container) else None

    def listing(self, group: Container) -> list[Entry]:
        """The children of a group, in the source's order, without those that cannot be opened."""
        openings = self.places.openings
        if len(group.children) <= self.config.max_nodes:
            return [Entry(names.wire(name), node) for name, node in openings.all(group)]
        bad = openings.unavailable(group)
        return [Entry(names.wire(name), None) for name in group.children if name not in bad]

    def rendered(self, place: Place, name: str, *, may_block: bool) -> Rendered:
        """A document of a node. Raises WouldBlock where `may_block` is false and it may take opening files."""
        key, node, changes = f"{place.path}/{name}", place.node, self.places.openings.changes
        if not may_block:
            kept = self._documents.kept(key, node, changes, may_block=False)
            if kept is not None:
                return kept
            if isinstance(node, Container):
                raise WouldBlock
        return self._documents.get(key, node, changes, partial(self._render, place, name))

    def _chunk(self, key: str, place: Place, node: Array | Sparse, index: tuple[int, ...]) -> Chunk | None:
        layout = self._layouts.get(place)
        if layout is None:
            layout = self._layouts[place] = self._layout(place, node)
        if index not in layout.grid:
            return None
        if len(self._chunks) >= MOST_CHUNKS:
            self._chunks.clear()
        chunk = self._chunks[key] = Chunk(place, node, layout, index, layout.grid.region(index), f"{self.format.NAME}/{key}")
        return chunk

    def _layout(self, place: Place, node: Array | Sparse) -> Layout:
        grid = headers.chunk_grid(node, place.options)
        self.served.note(place.path, grid.counts)
        codec = self.metadata.codec(place, grid)
        nbytes = math.prod(grid.chunk_shape) * headers.itemsize(node.dtype)
        return Layout(grid, codec, nbytes, f"{node.dtype.str}|{grid}|{codec}|{ENCODER}")

    def _check(self, node: Node) -> None:
        """Raises Unavailable where this format cannot show a node."""
        if isinstance(node, Array | Sparse):
            self.format.check(dtypes.wire(node.dtype))

    def _render(self, place: Place, name: str) -> Rendered:
        seen = Dependencies()
        header = self.metadata.header(place, seen)
        is_consolidated = isinstance(place.node, Container) and name == self.format.CONSOLIDATED
        members = self.metadata.members(place, seen) if is_consolidated else None
        body = _json(self.format.document(name, header, members))
        if members is not None and body is not None and len(body) > self.config.max_bytes:
            body = _json(self.format.document(name, header, None))
        return Rendered.of(body, seen.over, self.places.openings.changes)


def _json(document: object) -> bytes | None:
    if document is None:
        return None
    return json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
