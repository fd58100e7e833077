"""Metadata documents as JSON, kept for as long as what they say stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from ..caches.cost import Cache
from ..nodes import Node
from ..texts import PASSED_ON

FEW = 64
"""Looking at the revisions of so many nodes is a matter of microseconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A document: `body` is None where a node of its kind, or a group of its size, has none; `digest` is of the body, in hexadecimal.

    It depends on the nodes `over`, the one that it describes first, as long as their `revisions` stand and no child has turned bad or
    good, which had happened `changes` times before.
    """

    body: bytes | None
    digest: str
    over: tuple[Node, ...]
    revisions: tuple[str | None, ...]
    changes: int

    @classmethod
    def of(cls, body: bytes | None, over: list[tuple[Node, str | None]], changes: int) -> Rendered:
        """The document that says `body`, over nodes with their revisions from before it was made."""
        return cls(body, digest(body or b""), tuple(node for node, _ in over), tuple(revision for _, revision in over), changes)

    @property
    def is_quick(self) -> bool:
        """Whether it can be told in the event loop if the document stands."""
        return len(self.over) <= FEW and not any(node.blocking for node in self.over)

    @property
    def is_live(self) -> bool:
        """Whether nobody can tell if it stands."""
        return None in self.revisions

    def stands(self, node: Node, changes: int) -> bool:
        """Whether a document of `node` would be the same now; not where a source cannot tell."""
        try:
            return node is self.over[0] and changes == self.changes and tuple(node.revision() for node in self.over) == self.revisions
        except PASSED_ON:
            raise
        except BaseException:  # noqa: BLE001 - rendering it anew tells what went wrong with whom
            return False


def digest(body: bytes) -> str:
    """What entity tags of a body are made of."""
    return blake2b(body, digest_size=16).hexdigest()


class Documents:
    """The documents used last, at most `max_bytes` of them. Thread-safe: who ask for one at once wait for one rendering."""

    def __init__(self, max_bytes: int) -> None:
        self._kept: Cache[Rendered] = Cache(max_bytes, self._size)
        self._max_bytes = max_bytes

    def kept(self, key: str, node: Node, changes: int, *, may_block: bool) -> Rendered | None:
        """The document of a node if it is kept and stands, and that can be told without blocking where `may_block` is false."""
        found = self._kept.peek(key)
        if found is None or not (may_block or found.is_quick):
            return None
        if found.stands(node, changes):
            return found
        self._kept.drop(key, found)
        return None

    def get(self, key: str, node: Node, changes: int, render: Callable[[], Rendered]) -> Rendered:
        """The document of a node, rendered unless it is kept and stands. Blocks; raises what `render` raises."""
        return self.kept(key, node, changes, may_block=True) or self._kept.get(key, render)

    def _size(self, rendered: Rendered) -> int:
        """Bytes of a document; what nobody can tell to stand is too large to be kept."""
        return self._max_bytes + 1 if rendered.is_live else len(rendered.body or b"") + 100 * len(rendered.over)
