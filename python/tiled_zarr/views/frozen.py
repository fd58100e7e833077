"""The keys of a tree at one revision of one node, which the beginning of each key names.

`TOKEN/image/c/0/0` is the chunk `image/c/0/0` as long as the token names the present revision of
`image`, or of a group that covers it. Otherwise whatever asks for it raises Changed: the revision
has gone.

Unlike other views this one does not make another tree. A token says nothing of where its node is,
so a tree for each token would hold all nodes anew, with their recipes, documents and names of axes;
a page with a hundred thumbnails would make a hundred. Instead the same key space is asked, and what
it finds is wrapped in a chunk or document that checks the token where its revision is read: before
the data are read and once more after that.

The order matters. The token is checked before and after the revision of the chunk is read, so that
revision is one that the token covers. The body is then made, or taken from the cache, for exactly
that revision, as for any other path.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..caches.forgetful import Forgetful
from ..hierarchy.keyspace import Chunk, Document, KeySpace, Listing, Named, Seen
from ..hierarchy.places import Place, is_loose
from ..hierarchy.steps import Reached, Waiting, glance, walk
from ..hierarchy.tokens import Pin
from ..nodes import Array, Changed

MOST_FOUND = 8192
"""Keys of which we remember what they name, at most."""


@dataclass(frozen=True, slots=True)
class FrozenChunk(Chunk):
    """A chunk that is read only while a token covers it; `plain` is the same without a token."""

    plain: Chunk
    pin: Pin

    def revision(self) -> str | None:
        """The current revision of the data in the chunk. Raises Changed if the token has gone."""
        revision = self.plain.revision()
        if revision == self.pin.revision:
            return revision
        self.pin.check()
        revision = self.plain.revision()
        self.pin.check()
        return revision


@dataclass(frozen=True, slots=True)
class FrozenDocument(Document):
    """A document that is made only while a token covers its node."""

    pin: Pin

    def seen(self) -> Seen:
        """The revision of the node, also of a group. Raises Changed if the token has gone.

        None for an array whose axes may get other names when a sibling comes: the token covers its
        data, not its siblings.
        """
        self.pin.check()
        revision = None if has_loose_names(self.place) else self.place.node.revision()
        self.pin.check()
        return Seen(revision, None)


class Frozen:
    """A key space in which each key begins with a token and a slash."""

    def __init__(self, keys: KeySpace) -> None:
        self.keys = keys
        self.config = keys.config
        self.resources = keys.resources
        self.tokens = keys.tokens
        self._chunks: Forgetful[str, FrozenChunk] = Forgetful(MOST_FOUND)

    def find(self, key: str) -> Named | Waiting:
        """What a key names, as `KeySpace.find`. Raises Changed if the token has gone."""
        found = self.keys.find(rest_of(key))
        return found if isinstance(found, Waiting) else self._pinned(key, found, is_quick=True)

    def start(self, key: str) -> Reached:
        """The start of the walk of a key."""
        return self.keys.start(rest_of(key))

    def resumed(self, key: str, step: Reached | Waiting) -> Named:
        """What a key names, resumed from `step`. Blocks; raises Changed if the token has gone."""
        return self._pinned(key, self.keys.resumed(rest_of(key), step), is_quick=False)

    def path(self, key: str) -> str:
        """The key without its token."""
        return rest_of(key)

    def source(self, key: str) -> str:
        """The path of the source that a key reads, as `KeySpace.source`."""
        return self.keys.source(rest_of(key))

    def is_gone(self, key: str) -> bool:
        """True if a key that names nothing was a chunk of an array described to clients."""
        return self.keys.is_gone(rest_of(key))

    def _pinned(self, key: str, found: Named, *, is_quick: bool) -> Named:
        """The same, wrapped if it has a revision; otherwise the token is checked now."""
        match found:
            case Chunk():
                known = self._chunks.get(key)
                if known is None or known.plain is not found:
                    known = self._chunks[key] = self._chunk(key, found)
                return known
            case Document(keyspace, place, name):
                return FrozenDocument(keyspace, place, name, self._pin(key, place))
            case Listing(_, place):
                self._pin(key, place)
                return found
            case None:
                start = self.start(key)
                step = glance(self.keys.places, start) if is_quick else walk(self.keys.places, start)
                self._pin(key, step.place)
                return found

    def _chunk(self, key: str, plain: Chunk) -> FrozenChunk:
        plain.revision()  # raises Forbidden if the caller may not read it: then it bears no token either
        pin = self._pin(key, plain.place)
        return FrozenChunk(
            plain.place, plain.node, plain.recipe, plain.index, plain.region, plain.key, plain.is_whole, plain.weight, plain, pin
        )

    def _pin(self, key: str, place: Place) -> Pin:
        """What the token of a key names. Raises Changed if that does not cover the place."""
        pin = self.keys.tokens.pin(key.partition("/")[0], place)
        if pin is None:
            raise Changed
        return pin


def has_loose_names(place: Place) -> bool:
    """True if the names of an array's axes give way to those of siblings from other sources."""
    node = place.node
    return isinstance(node, Array) and node.dimension_names is not None and place.above is not None and is_loose(place.above)


def rest_of(key: str) -> str:
    """The key behind the token.

    >>> rest_of("a1b2/image/c/0/0"), rest_of("a1b2")
    ('image/c/0/0', '')
    """
    return key.partition("/")[2]
