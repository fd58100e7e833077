"""The key space: maps Zarr keys to the documents and chunks of a tree of nodes, without a server.

A key is resolved by walking down the tree as long as its parts name children (a child named `0` is
a child, not a chunk). The rest of the key names a document or a chunk of the node that was reached.
The result is None if there is no such thing; whatever goes wrong is raised.

The walk has two forms. `glance` goes on as long as no group blocks. It ends at a node (`Reached`)
or at a group that touches disk or network (`Waiting`), so the event loop may call it. `walk` does
the same, but also opens the child of a group that blocks. A caller that may not block keeps the
`Waiting` and calls `resumed` with it in a thread, which goes on from there: no step is repeated.

A chunk or document that was found before is found again without a walk. It is still the right one
if every group above it holds the same node under the same name (`is_unchanged`), which takes
0.2 us a group instead of 3. Two limits: no child in the tree may ever have been bad
(`openings.turned` is 0), since the walk has to notice when a child recovers; and all groups must be
in memory, since opening a child on disk is watched (hangs.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from .. import dtypes
from ..caches.forgetful import Forgetful
from ..codecs import Codec
from ..grid import Grid
from ..nodes import Array, Group, Node, Options, Region
from ..outlines import one_look
from ..resources import Resources, default
from ..revisions import shared
from . import headers, recipes
from .documents import Documents, Rendered
from .listings import Child, Entry, Listings
from .metadata import Config, Metadata
from .openings import Openings
from .places import Place, Places, is_unchanged, source_of
from .recipes import Recipe
from .served import Served, is_shaped
from .steps import Reached, Waiting, glance, walk
from .tokens import Tokens
from .walks import Dependencies

MOST_FOUND = 8192
"""Keys of which we remember what they name, at most.

Beyond that all are forgotten, which costs no more than resolving them again."""


class Seen(NamedTuple):
    """What a document depends on besides its children: the node's revision, and its token.

    The revision of a group is None, since its documents depend on its children.
    """

    revision: str | None
    token: str | None


@dataclass(frozen=True, slots=True)
class Document:
    """A metadata document, rendered by `body`, `at_hand` or `rendered`."""

    keyspace: KeySpace
    place: Place
    name: str

    def seen(self) -> Seen:
        """The node's revision and token now. Raises what the source raises."""
        place, tokens = self.place, self.keyspace.tokens
        revision = place.array.revision() if place.group is None else None
        return Seen(revision, tokens.of(place) if revision is None else tokens.spelled(place, revision))

    @property
    def is_frozen(self) -> bool:
        """True if the document will never change.

        The document of a group names the children that cannot be opened, and that of an image the
        levels that show samples. Both may change, so these count as frozen only while there are
        none.
        """
        place = self.place
        if not place.options.frozen or place.group is None:
            return place.options.frozen is True
        is_passing = place.group.kind == "image" and place.group.revision() is None
        return not is_passing and self.keyspace.places.openings.are_all_good

    def body(self) -> bytes | None:
        """The document as JSON; None if a node of this kind or size has none. May open files."""
        return self.rendered().body

    def at_hand(self) -> Rendered | None:
        """The document and its digest if no file has to be opened, else None."""
        return self.keyspace.at_hand(self.place, self.name)

    def rendered(self) -> Rendered:
        """The document and its digest. May open files."""
        return self.keyspace.rendered(self.place, self.name)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk inside an array's grid; `region` is the part of the array that it holds.

    `is_whole` is False if a part of the chunk lies beyond the array's edge. `weight` is the memory
    in bytes that reading and encoding it takes: the chunk, and all boxes that the source decodes
    for it.
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
        """The chunk grid of the array."""
        return self.recipe.grid

    @property
    def codec(self) -> Codec:
        """The codec that encodes the chunk."""
        return self.recipe.codec

    def revision(self) -> str | None:
        """The current revision of the data in the chunk; that of a store is as fresh as it is."""
        of = self.recipe.revision_of
        return self.recipe.revision() if of is None else of(self.region)

    def identity(self, revision: str) -> str:
        """A text that changes whenever the encoded bytes may: for cache keys and entity tags."""
        return f"{self.key}|{revision}|{self.recipe.signature}"

    def shared_identity(self, revision: str) -> str:
        """The same for entity tags of replicas: copies of a file have the same."""
        return self.identity(shared(revision))


@dataclass(frozen=True, slots=True)
class Listing:
    """The listing of a node, or of a folder of an array's chunks.

    `start` is the beginning of the chunk indices in the folder; None for the node itself.
    """

    keyspace: KeySpace
    place: Place
    start: tuple[int, ...] | None = None

    def entries(self) -> Iterable[Entry]:
        """What lies right below an array, or below a folder of its chunks. Raises TooLarge."""
        return self.keyspace.listings.keys(self.place, self.keyspace.recipe(self.place).grid, self.start)


Named: TypeAlias = Document | Chunk | Listing | None
"""What a key can name; None if it names nothing."""


class KeySpace:
    """The keys of a tree in one Zarr format (the module `v2` or `v3`).

    If the tree hides nodes, `refusal` makes what is raised for chunk keys below a child that a group
    does not have: a reader takes "no such chunk" for fill values.
    """

    def __init__(
        self,
        root: Node,
        format: ModuleType,  # noqa: A002 - the spec's word
        config: Config | None = None,
        resources: Resources | None = None,
        refusal: Callable[[], Exception] | None = None,
    ) -> None:
        self.root = root
        self.refusal = refusal
        self.format = format
        self.config = config or Config()
        self.resources = resources or default()
        options = Options(chunk_shape=self.config.chunk_shape)
        openings = Openings(self._check, self._look, self.resources.hangs)
        self.places = Places(root, options, openings, format.FORBIDDEN)
        separator: str = self.config.separator or format.SEPARATOR
        self.served = Served(lambda rest, ndim: format.parse_index(rest, ndim, separator))
        self.metadata = Metadata(self.places, format, self.config, self.served, self.resources.documents)
        self.listings = Listings(self.places, format, self.config, separator, self.rendered)
        self._documents = Documents(self.resources.documents)
        self.tokens = Tokens(format, self.config)
        self._recipes: WeakKeyDictionary[Place, Recipe] = WeakKeyDictionary()
        self._found: Forgetful[str, Document | Chunk] = Forgetful(MOST_FOUND)

    def resolve(self, key: str) -> Document | Chunk | None:
        """The document or chunk that a key names, or None.

        Blocks. Raises what opening a node raises.
        """
        found = self.find(key)
        if isinstance(found, Waiting):
            found = self.resumed(key, found)
        return None if isinstance(found, Listing) else found

    def start(self, key: str) -> Reached:
        """The start of the walk of a key: the root, and the whole key."""
        return Reached(self.places.root, key)

    def find(self, key: str) -> Named | Waiting:
        """What a key names, or the first group on its way that blocks. Never blocks itself.

        Raises what opening a node raises.
        """
        known = self._found.get(key)
        if known is not None and not self.places.openings.turned and is_unchanged(known.place):
            return known
        step = glance(self.places, self.start(key))
        return step if isinstance(step, Waiting) else self.named(key, step)

    def resumed(self, key: str, step: Reached | Waiting) -> Named:
        """What a key names, walking on from `step`. Blocks; raises what opening a node raises."""
        return self.named(key, walk(self.places, step))

    def group(self, path: str) -> Group | None:
        """The group at a path on the wire ("" is the root), or None.

        Blocks. Raises what opening a node raises.
        """
        place, rest = walk(self.places, self.start(path))
        if rest or place.group is None:
            return None
        self.listings.note(place)
        return place.group

    def token(self, path: str) -> str | None:
        """The token of the node at a path on the wire; None if there is none.

        Blocks. Raises what opening a node and its revision raise.
        """
        place, rest = walk(self.places, self.start(path))
        return None if rest else self.tokens.of(place)

    def named(self, key: str, reached: Reached) -> Named:
        """What a key names whose walk ended at `reached`."""
        place, rest = reached
        known = self._found.get(key)
        if known is not None and known.place is place:
            return known
        if rest in self.format.DOCUMENTS:
            document = self._found[key] = Document(self, place, rest)
            return document
        group = place.group
        if group is not None:
            if rest:
                if self.refusal is not None and is_shaped(rest, self.format, self.metadata.separator):
                    raise self.refusal()
                return None
            self.listings.note(place)
            return Listing(self, place)
        node = place.array
        index = self.format.parse_index(rest, len(node.shape), self.metadata.separator)
        return self._folder(place, node, rest) if index is None else self._chunk(key, place, node, index)

    def path(self, key: str) -> str:
        """The key itself; a view of the key space may put something before it."""
        return key

    def source(self, key: str) -> str:
        """The path of the source that a key reads, as far as known without opening anything.

        One source gets only a part of the threads: a read that hangs blocks only its own source.
        """
        return self.places.source(key, self.format.DOCUMENTS)

    def is_gone(self, key: str) -> bool:
        """True if a key that names nothing now was a chunk of an array described to clients.

        Only arrays that this key space has described, and still remembers, count.
        """
        return self.served.promised(key)

    def listing(self, group: Group) -> list[Child]:
        """The children of a group in the source's order, without those that cannot be opened.

        Raises TooLarge, and what listing the group raises.
        """
        return self.listings.children(group)

    def left_out(self, group: Group) -> list[str]:
        """The names of children that `listing` has left out. Call it first."""
        return self.listings.left_out(group)

    def tokens_below(self, path: str, children: Iterable[Child]) -> list[str | None]:
        """The tokens of children of the group at a path; None for those without one, or not open.

        Blocks.
        """
        place, _ = walk(self.places, self.start(path))
        return [None if child.node is None else self.tokens.of_child(place, child.name, child.node) for child in children]

    def unavailable(self, group: Group) -> dict[str, str]:
        """The reason, by name, for what a listing of the group left out. Call `listing` first."""
        return self.places.openings.unavailable(group)

    def one_look(self) -> AbstractContextManager[None]:
        """While it is entered, this thread looks only once at each group without a revision.

        Documents made meanwhile share the result, even if such a group changes.
        """
        return self.metadata.axes.one_look()

    def at_hand(self, place: Place, name: str) -> Rendered | None:
        """A document of a node if it is kept or can be made without opening files. Never blocks."""
        key, node, changes = f"{place.path}/{name}", place.node, self.places.openings.changes
        kept = self._documents.kept(key, node, changes)
        if kept is not None:
            return kept
        if place.group is not None or not self.metadata.axes.are_at_hand(place):
            return None
        return self._documents.get(key, node, changes, partial(self._render, place, name))

    def rendered(self, place: Place, name: str) -> Rendered:
        """A document of a node, rendered unless a kept one is still valid. May open files."""
        key, changes = f"{place.path}/{name}", self.places.openings.changes
        return self._documents.get(key, place.node, changes, partial(self._render, place, name))

    def recipe(self, place: Place) -> Recipe:
        """The recipe for the chunks of the array at a place."""
        recipe = self._recipes.get(place)
        if recipe is None:
            recipe = self._recipes[place] = self._recipe(place, place.array)
        return recipe

    def _folder(self, place: Place, node: Array, rest: str) -> Listing | None:
        """The listing of an array, or of the folder of its chunks that the key's rest spells.

        With or without a slash at its end: fsspec asks for folders without.
        """
        if not rest:
            return Listing(self, place)
        start = self.format.parse_folder(rest.removesuffix("/"), len(node.shape), self.metadata.separator)
        counts = () if start is None else self.recipe(place).grid.counts
        is_there = start is not None and 0 not in counts and all(part < count for part, count in zip(start, counts, strict=False))
        return Listing(self, place, start) if is_there else None

    def _chunk(self, key: str, place: Place, node: Array, index: tuple[int, ...]) -> Chunk | None:
        recipe = self.recipe(place)
        grid = recipe.grid
        if index not in grid:
            return None
        region, name = grid.region(index), f"{self.format.NAME}/{key}"
        chunk = self._found[key] = Chunk(place, node, recipe, index, region, name, grid.is_whole(index), recipe.weight(region))
        return chunk

    def _recipe(self, place: Place, node: Array) -> Recipe:
        grid = headers.chunk_grid(node, place.options)
        self.served.note(place.path, grid.counts)
        is_frozen = place.options.frozen is True
        return recipes.recipe(node, grid, self.metadata.codec(place, grid), source_of(place), is_frozen=is_frozen)

    def _check(self, node: Node) -> None:
        """Raises Unavailable if this format cannot show a node."""
        if isinstance(node, Array):
            self.format.check(dtypes.wire(node.dtype))

    def _look(self, node: Node) -> None:
        self.metadata.look(node)

    def _render(self, place: Place, name: str) -> Rendered:
        with one_look():
            return self._made(place, name)

    def _made(self, place: Place, name: str) -> Rendered:
        seen = Dependencies()
        is_consolidated = place.group is not None and name == self.format.CONSOLIDATED
        try:
            members = self.metadata.members(place, seen) if is_consolidated else None
            # The header is made after the members: it names those that failed.
            header = self.metadata.header(place, seen, is_opened=members is not None)
        except Exception as why:
            self.places.fail(place, why)
            raise
        body = _json(self.format.document(name, header, members))
        if members is not None and body is not None and len(body) > self.config.max_bytes:
            body = _json(self.format.document(name, header, None))
        seen.close(self.places.openings)
        return Rendered.of(place.node, body, seen.over, self.places.openings.changes)


def _json(document: object) -> bytes | None:
    if document is None:
        return None
    return json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
