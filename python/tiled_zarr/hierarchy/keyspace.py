"""The key space: a tree of nodes as a mapping from Zarr keys to documents and chunks, without a server.

A key is resolved by walking the tree as far as its parts name children (a child named `0` is a child, not a chunk); what is left over
is a document or a chunk of the node reached. What does not exist is None; what goes wrong is raised.
"""

from __future__ import annotations

import json
import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import NamedTuple
from weakref import WeakKeyDictionary, ref

from .. import dtypes
from ..codecs import Codec
from ..grid import Grid
from ..nodes import Array, Node, Options, Region, Sparse, TooLarge
from . import headers, names
from .documents import Documents, Rendered
from .metadata import Config, Metadata
from .places import Container, Place, Places, WouldBlock
from .served import Served
from .walks import Dependencies

ENCODER = "4"
"""Part of every chunk's identity; to be raised when other bytes are sent for the same data."""
MOST_CHUNKS = 8192
"""Resolved chunks that are remembered; then all are forgotten, which costs no more than resolving them again."""
ENTRY = 40
"""What a child takes in a listing, besides its name, twice."""
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

    @property
    def weight(self) -> int:
        """Bytes that reading and encoding it takes in memory: the chunk, and all boxes that the source decodes for it."""
        return self.layout.nbytes + (decoded(self.node, self.region) if isinstance(self.node, Array) else 0)


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
        options = Options(chunk_shape=self.config.chunk_shape)
        self.places = Places(root, options, self._check, self._look, format.FORBIDDEN)
        separator: str = self.config.separator or format.SEPARATOR
        self.served = Served(lambda rest, ndim: format.parse_index(rest, ndim, separator))
        self.metadata = Metadata(self.places, format, self.config, self.served)
        self._documents = Documents(MOST_DOCUMENTS * self.config.max_bytes)
        self._layouts: WeakKeyDictionary[Place, Layout] = WeakKeyDictionary()
        self._chunks: dict[str, Chunk] = {}
        self._above: WeakKeyDictionary[Container, tuple[ref[Container], str]] = WeakKeyDictionary()

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

    def source(self, key: str) -> str:
        """The source behind a key, as far as it is known without opening anything: what one hanging read may take along."""
        return self.places.source(key, self.format.DOCUMENTS)

    def is_gone(self, key: str) -> bool:
        """Whether a key that names nothing now is a chunk of an array that this process has described to clients."""
        return self.served.promised(key)

    def group(self, path: str, *, may_block: bool = True) -> Container | None:
        """The group at a path on the wire ("" is the root), or None."""
        place, rest = self.places.walk(path, may_block=may_block)
        if rest or not isinstance(place.node, Container):
            return None
        if place.parent is not None:
            self._above[place.node] = ref(place.parent), place.name
        return place.node

    def listing(self, group: Container) -> list[Entry]:
        """The children of a group, in the source's order, without those that cannot be opened. Raises TooLarge."""
        openings = self.places.openings
        try:
            self._check_size(openings.count(group, self.config.listing_bytes // ENTRY), 0)
            listed = openings.names(group)
            self._check_size(len(listed), sum(map(len, listed)))
            if len(listed) <= self.config.max_nodes:
                return [Entry(names.wire(name, self.format.FORBIDDEN), node) for name, node in openings.all(group, listed)]
            bad = openings.bad(group)
            return [Entry(names.wire(name, self.format.FORBIDDEN), None) for name in listed if name not in bad]
        except TooLarge:
            raise
        except Exception as why:
            self._fail(group, why)
            raise

    def _fail(self, group: Container, why: Exception) -> None:
        """Note that a group failed when it was listed, as far as it is known where it stands."""
        parent, name = self._above.get(group, (None, ""))
        above = None if parent is None else parent()
        if above is not None:
            self.places.openings.fail(above, name, why)

    def _check_size(self, count: int, length: int) -> None:
        """Raises TooLarge where a listing of so many children, with names of so many characters, would be larger than it may be."""
        most = self.config.listing_bytes
        if ENTRY * count + 2 * length > most:
            raise TooLarge(
                f"a listing of {count:,} children would take more than {most:,} bytes; "
                "ask for children by their names, or raise the setting listing_bytes"
            )

    def unavailable(self, group: Container) -> dict[str, str]:
        """What is left out of the listing of a group, which is made first, with the reasons."""
        return self.places.openings.unavailable(group)

    def one_look(self) -> AbstractContextManager[None]:
        """Within it, documents that this thread asks for look once at what they have in common, however it may change meanwhile."""
        return self.metadata.axes.one_look()

    def rendered(self, place: Place, name: str, *, may_block: bool) -> Rendered:
        """A document of a node. Raises WouldBlock where `may_block` is false and it may take opening files."""
        key, node, changes = f"{place.path}/{name}", place.node, self.places.openings.changes
        if not may_block:
            kept = self._documents.kept(key, node, changes, may_block=False)
            if kept is not None:
                return kept
            if isinstance(node, Container) or not self.metadata.axes.are_at_hand(place):
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

    def _look(self, node: Node) -> None:
        self.metadata.look(node)

    def _render(self, place: Place, name: str) -> Rendered:
        seen = Dependencies()
        is_consolidated = isinstance(place.node, Container) and name == self.format.CONSOLIDATED
        try:
            members = self.metadata.members(place, seen) if is_consolidated else None
            header = self.metadata.header(place, seen)  # after what lies below, so that it names what failed there
        except Exception as why:
            self.places.fail(place, why)
            raise
        body = _json(self.format.document(name, header, members))
        if members is not None and body is not None and len(body) > self.config.max_bytes:
            body = _json(self.format.document(name, header, None))
        return Rendered.of(body, seen.over, self.places.openings.changes)


def decoded(node: Array, region: Region) -> int:
    """Bytes of the boxes that a source decodes for a region; none if it is a view of data in memory, or the region alone."""
    unit = node.unit or node.chunks or ((1,) * len(node.shape) if node.read_itemsize else None)
    if unit is None or (node.unit is None and not node.blocking):
        return 0
    nbytes = headers.read_itemsize(node)
    for part, size, whole in zip(region, unit, node.shape, strict=True):
        if size:
            nbytes *= min(-(-part.stop // size) * size, whole) - part.start // size * size
    return nbytes


def _json(document: object) -> bytes | None:
    if document is None:
        return None
    return json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
