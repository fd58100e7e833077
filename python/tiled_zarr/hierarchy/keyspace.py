"""The key space: a tree of nodes as a mapping from Zarr keys to documents and chunks, without a server.

A key is resolved by walking the tree as long as its parts name children (a child named `0` is a child,
not a chunk); what is left over is a document or a chunk of the node reached. What does not exist is
None; what goes wrong is raised.

There is one walk, in steps. `glance` goes as far as memory leads: it ends at the node (`Reached`) or at
a group that touches disk or network (`Waiting`), and so may run in the event loop. `walk` does what
`glance` does and also opens the child of a group that waits. A caller that may not block keeps the
`Waiting` and has `resumed` go on from there in a thread; nothing is walked twice.

A chunk that was found before is found again without a walk: it is still the one that its key names if
every group above it holds the same node under the same name (`is_standing`), which takes 0.2 us a group
instead of 3. That holds only as long as no child in the tree has ever been bad (`openings.turned`),
since a child that recovers has to be noted, and only in memory: who opens a child on disk is watched
(hangs.py).
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from .. import dtypes, texts
from ..caches.forgetful import Forgetful
from ..codecs import Codec
from ..grid import Grid
from ..nodes import Array, Group, Node, Options, Region
from ..resources import Resources, default
from . import headers, recipes
from .documents import Documents, Rendered
from .listings import Child, Listings
from .metadata import Config, Metadata
from .openings import Openings
from .places import Place, Places, source_of
from .recipes import Recipe
from .served import Served
from .walks import Dependencies

MOST_CHUNKS = 8192
"""Resolved chunks that are remembered; then all are forgotten, which costs no more than resolving them again."""


class Reached(NamedTuple):
    """The deepest place that a key's first parts name, and the rest of the key."""

    place: Place
    rest: str


class Waiting(NamedTuple):
    """A group on the way that touches disk or network when it is asked for a child, and the rest of the key from there."""

    place: Place
    rest: str


@dataclass(frozen=True, slots=True)
class Document:
    """A metadata document, rendered when it is asked for."""

    keyspace: KeySpace
    place: Place
    name: str

    def revision(self) -> str | None:
        """The node's revision if the document depends on nothing else; a group's depends on its children."""
        return self.place.array.revision() if self.place.group is None else None

    def body(self) -> bytes | None:
        """The document as JSON; None if a node of this kind, or a group of this size, has none. May open files."""
        return self.rendered().body

    def at_hand(self) -> Rendered | None:
        """The document and its digest if that takes no opening of files, else None."""
        return self.keyspace.at_hand(self.place, self.name)

    def rendered(self) -> Rendered:
        """The document and its digest. May open files."""
        return self.keyspace.rendered(self.place, self.name)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk inside an array's grid; `region` is the part of the array that it holds.

    `is_whole` is false if a part of it lies beyond the array's edge. `weight` are the bytes that reading
    and encoding it takes in memory: the chunk, and all boxes that the source decodes for it.
    """

    place: Place
    node: Array
    recipe: Recipe
    index: tuple[int, ...]
    region: Region
    key: str
    is_whole: bool
    weight: int

    @property
    def grid(self) -> Grid:
        """The grid that the chunk is part of."""
        return self.recipe.grid

    @property
    def codec(self) -> Codec:
        """How it is encoded."""
        return self.recipe.codec

    def revision(self) -> str | None:
        """The revision of what the chunk holds, now."""
        of = self.recipe.revision_of
        return self.recipe.revision() if of is None else of(self.region)

    def identity(self, revision: str) -> str:
        """A text that differs whenever the encoded bytes may: for entity tags and cache keys."""
        return f"{self.key}|{revision}|{self.recipe.signature}"


@dataclass(frozen=True, slots=True)
class Listing:
    """The listing of a group, made when it is asked for."""

    keyspace: KeySpace
    group: Group


Named: TypeAlias = Document | Chunk | Listing | None
"""What a key can name."""


class KeySpace:
    """A tree in one Zarr format (the module `v2` or `v3`)."""

    def __init__(self, root: Node, format: ModuleType, config: Config | None = None, resources: Resources | None = None) -> None:  # noqa: A002 - the spec's word
        self.root = root
        self.format = format
        self.config = config or Config()
        self.resources = resources or default()
        options = Options(chunk_shape=self.config.chunk_shape)
        openings = Openings(self._check, self._look, self.resources.hangs)
        self.places = Places(root, options, openings, format.FORBIDDEN)
        separator: str = self.config.separator or format.SEPARATOR
        self.served = Served(lambda rest, ndim: format.parse_index(rest, ndim, separator))
        self.metadata = Metadata(self.places, format, self.config, self.served, self.resources.documents)
        self._listings = Listings(self.places, self.config)
        self._documents = Documents(self.resources.documents)
        self._recipes: WeakKeyDictionary[Place, Recipe] = WeakKeyDictionary()
        self._chunks: Forgetful[str, Chunk] = Forgetful(MOST_CHUNKS)

    def resolve(self, key: str) -> Document | Chunk | None:
        """What a key names, or None. Blocks; raises what opening a node raises."""
        found = self.find(key)
        if isinstance(found, Waiting):
            found = self.resumed(key, found)
        return None if isinstance(found, Listing) else found

    def start(self, key: str) -> Reached:
        """Where the walk of a key begins: at the root."""
        return Reached(self.places.root, key)

    def find(self, key: str) -> Named | Waiting:
        """What a key names, as far as memory leads. Raises what opening a node raises."""
        known = self._chunks.get(key)
        if known is not None and not self.places.openings.turned and is_standing(known.place):
            return known
        step = glance(self.places, self.start(key))
        return step if isinstance(step, Waiting) else self.named(key, step)

    def resumed(self, key: str, step: Reached | Waiting) -> Named:
        """What a key names, from a step on the way. Blocks; raises what opening a node raises."""
        return self.named(key, walk(self.places, step))

    def group(self, path: str) -> Group | None:
        """The group at a path on the wire ("" is the root), or None. Blocks; raises what opening a node raises."""
        place, rest = walk(self.places, self.start(path))
        if rest or place.group is None:
            return None
        self._listings.note(place)
        return place.group

    def named(self, key: str, reached: Reached) -> Named:
        """What a key names that leads to a place, with a rest."""
        place, rest = reached
        known = self._chunks.get(key)
        if known is not None and known.place is place:
            return known
        if rest in self.format.DOCUMENTS:
            return Document(self, place, rest)
        group = place.group
        if group is not None:
            if rest:
                return None
            self._listings.note(place)
            return Listing(self, group)
        node = place.array
        index = self.format.parse_index(rest, len(node.shape), self.metadata.separator)
        return None if index is None else self._chunk(key, place, node, index)

    def source(self, key: str) -> str:
        """The source behind a key, as far as it is known without opening anything: what one hanging read may take along."""
        return self.places.source(key, self.format.DOCUMENTS)

    def is_gone(self, key: str) -> bool:
        """Whether a key that names nothing now is a chunk of an array that this process has described to clients."""
        return self.served.promised(key)

    def listing(self, group: Group) -> list[Child]:
        """The children of a group, in the source's order, without those that cannot be opened. Raises TooLarge."""
        return self._listings.children(group)

    def unavailable(self, group: Group) -> dict[str, str]:
        """What is left out of the listing of a group, which is made first, with the reasons."""
        return self.places.openings.unavailable(group)

    def one_look(self) -> AbstractContextManager[None]:
        """Within it, documents that this thread asks for look once at what they have in common, however it may change meanwhile."""
        return self.metadata.axes.one_look()

    def at_hand(self, place: Place, name: str) -> Rendered | None:
        """A document of a node if it is kept, or made without opening files. Never blocks."""
        key, node, changes = f"{place.path}/{name}", place.node, self.places.openings.changes
        kept = self._documents.kept(key, node, changes)
        if kept is not None:
            return kept
        if place.group is not None or not self.metadata.axes.are_at_hand(place):
            return None
        return self._documents.get(key, node, changes, partial(self._render, place, name))

    def rendered(self, place: Place, name: str) -> Rendered:
        """A document of a node. May open files."""
        key, changes = f"{place.path}/{name}", self.places.openings.changes
        return self._documents.get(key, place.node, changes, partial(self._render, place, name))

    def _chunk(self, key: str, place: Place, node: Array, index: tuple[int, ...]) -> Chunk | None:
        recipe = self._recipes.get(place)
        if recipe is None:
            recipe = self._recipes[place] = self._recipe(place, node)
        grid = recipe.grid
        if index not in grid:
            return None
        region, name = grid.region(index), f"{self.format.NAME}/{key}"
        chunk = self._chunks[key] = Chunk(place, node, recipe, index, region, name, grid.is_whole(index), recipe.weight(region))
        return chunk

    def _recipe(self, place: Place, node: Array) -> Recipe:
        grid = headers.chunk_grid(node, place.options)
        self.served.note(place.path, grid.counts)
        return recipes.recipe(node, grid, self.metadata.codec(place, grid), source_of(place))

    def _check(self, node: Node) -> None:
        """Raises Unavailable if this format cannot show a node."""
        if isinstance(node, Array):
            self.format.check(dtypes.wire(node.dtype))

    def _look(self, node: Node) -> None:
        self.metadata.look(node)

    def _render(self, place: Place, name: str) -> Rendered:
        seen = Dependencies()
        is_consolidated = place.group is not None and name == self.format.CONSOLIDATED
        try:
            members = self.metadata.members(place, seen) if is_consolidated else None
            # The header comes after what lies below, so that it names what failed there.
            header = self.metadata.header(place, seen, is_opened=members is not None)
        except Exception as why:
            self.places.fail(place, why)
            raise
        body = _json(self.format.document(name, header, members))
        if members is not None and body is not None and len(body) > self.config.max_bytes:
            body = _json(self.format.document(name, header, None))
        return Rendered.of(body, seen.over, self.places.openings.changes)


def walk(places: Places, start: Reached | Waiting) -> Reached:
    """The walk to its end. Blocks; raises what opening a node raises."""
    step = glance(places, start)
    while isinstance(step, Waiting):
        part, _, rest = step.rest.partition("/")
        below = places.below(step.place, part)
        if below is None:
            return Reached(*step)
        step = glance(places, Reached(below, rest))
    return step


def glance(places: Places, start: Reached | Waiting) -> Reached | Waiting:
    """The walk as far as memory leads. Raises what opening a node raises."""
    place, rest = start
    while rest and (group := place.group) is not None:
        if group.blocking:
            return Waiting(place, rest)
        part, _, remainder = rest.partition("/")
        below = places.below(place, part)
        if below is None:
            break
        place, rest = below, remainder
    return Reached(place, rest)


def is_standing(place: Place) -> bool:
    """Whether every group above a place holds the same node as before, as far as memory can tell.

    False too below a record that is shown as a group (records.py), and if a group raises: the walk tells
    what is wrong.
    """
    try:
        while (above := place.above) is not None:
            group: Any = above.node
            if group.blocking or group.children[place.name] is not place.node:
                return False
            place = above
    except texts.PASSED_ON:
        raise
    except BaseException:  # noqa: BLE001 - raised again by the walk
        return False
    return True


def _json(document: object) -> bytes | None:
    if document is None:
        return None
    return json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
