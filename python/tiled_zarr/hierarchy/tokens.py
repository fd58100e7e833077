"""Tokens: texts that name one revision of one node in a path, as in `/@TOKEN/zarr/v3/image/c/0/0`.

What lies under a token never changes, so caches keep it for a year without asking. When the node
has another revision, the token names nothing any more. Two things under it are `no-cache` instead:
levels that show samples, and documents with names of axes that may give way to a sibling's.

A node *bears* a token if its revision covers all that is read below it: an array that has one, a
table with its columns, an image with its levels. The revision of any other group covers names
alone, and that of a Zarr array is one for each chunk; these bear a token only if the operator has
declared them frozen. An image with labels bears none, since labels have revisions of their own.

A token is a digest of the node's path and revision, and of all else that bytes below it depend on:
the format, the settings, the options and the version of this program. So it is of no use for
another node, and it grants nothing: who may read is asked for as on any other path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from types import ModuleType
from weakref import WeakKeyDictionary

from ..nodes import Array, Changed, Group, Node
from ..revisions import shared
from ..version import __version__
from .metadata import Config
from .places import Place
from .recipes import ENCODER

DIGEST_BYTES = 12
FROZEN = "frozen"
"""The revision that a token names if its node has none but is declared frozen."""


class Tokens:
    """The tokens of one key space."""

    def __init__(self, format: ModuleType, config: Config) -> None:  # noqa: A002 - the spec's word
        self._is_replica = config.is_replica
        self._last: WeakKeyDictionary[Place, tuple[str, str]] = WeakKeyDictionary()
        self._beginning = f"{__version__}|{ENCODER}|{format.NAME}|{config}"

    def of(self, place: Place) -> str | None:
        """The token of the nearest node at or above a place that covers it; None if there is none.

        Raises what the node's revision raises.
        """
        for bearer in bearers(place):
            revision = revision_of(bearer)
            if revision is not None:
                return self.spelled(bearer, revision)
        return None

    def of_child(self, place: Place, name: str, child: Node) -> str | None:
        """The same for a child of the group at a place, by its name on the wire.

        None also if its revision cannot be read; its own key says why.
        """
        try:
            return self.of(place.below(name, name, child))
        except Exception:  # noqa: BLE001 - one bad child must not break the listing of its group
            return None

    def pin(self, token: str, place: Place) -> Pin | None:
        """The node that a token names now, if it is at or above a place; else None."""
        for bearer in bearers(place):
            revision = revision_of(bearer)
            if revision is not None and self.spelled(bearer, revision) == token:
                return Pin(self, token, bearer, revision)
        return None

    def spelled(self, place: Place, revision: str) -> str:
        """The token of a node at a revision. The last one of each place is remembered."""
        last = self._last.get(place)
        if last is None or last[0] != revision:
            last = self._last[place] = revision, self._digest(place, revision)
        return last[1]

    def described(self, place: Place, identity: str) -> str:
        """All that the bytes of a chunk depend on, in whatever process: its name in a shared cache."""
        return f"{self._beginning}|{place.options}|{identity}"

    def _digest(self, place: Place, revision: str) -> str:
        told = shared(revision) if self._is_replica else revision
        text = f"{self._beginning}|{place.options}|{place.path}|{told}"
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).hexdigest()


@dataclass(slots=True, eq=False)
class Pin:
    """A node and the revision of it that `token` names."""

    tokens: Tokens
    token: str
    place: Place
    revision: str

    def check(self) -> None:
        """Raise Changed if the token does not name the node's revision any more."""
        revision = revision_of(self.place)
        if revision == self.revision:
            return
        if revision is None or self.tokens.spelled(self.place, revision) != self.token:
            raise Changed
        self.revision = revision  # of a copy of the same file, for a replica


def bearers(place: Place) -> Iterator[Place]:
    """A place, and each place above it as long as that covers what is below it."""
    yield place
    while (above := place.above) is not None and covers(above, place):
        yield above
        place = above


def covers(above: Place, below: Place) -> bool:
    """True if the token of a group holds for what is below one of its children."""
    if above.options.frozen:
        return below.options.frozen is True
    assert above.group is not None
    return above.group.kind in {"table", "image"} and isinstance(below.node, Array)


def revision_of(place: Place) -> str | None:
    """The revision that a token of a node names; None if it bears none now."""
    node = place.node
    if isinstance(node, Array):
        revision = node.revision()
    elif node.kind == "image":
        revision = _of_levels(node)
    else:
        revision = node.revision() if node.kind == "table" or place.options.frozen else None
    return FROZEN if revision is None and place.options.frozen else revision


def _of_levels(image: Group) -> str | None:
    """The revision of the finest level, which stays while other levels show samples."""
    levels = list(image.children.values())
    if not levels or not all(isinstance(level, Array) for level in levels):
        return None
    return levels[0].revision()
