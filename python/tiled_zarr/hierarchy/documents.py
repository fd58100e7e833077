"""Metadata documents as JSON, kept as long as they are still valid.

The consolidated document of 10,000 nodes takes 0.3 s to make and is asked for at every start of a
client. Time limits would serve old ones, so each document remembers what it was made of: the nodes that
were looked at, each with its revision from *before* it was looked at, and how many children had turned
bad or good by then. It is valid if all of that is still the same (`stands`), which takes 0.4 us a node
in memory.

The event loop takes a kept document only if that check is quick: at most FEW nodes, none of which
touches disk or network to tell its revision. All else goes to a thread. A document with a node whose
revision nobody can tell is never kept.

Invariant: a kept document is returned only after `stands`; one that fails is dropped, and one rendering
serves all who ask meanwhile.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from ..caches.cost import Cache
from ..nodes import Node
from ..texts import PASSED_ON

FEW = 64
"""Looking at the revisions of so many nodes is a matter of microseconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A document: `body` is None if a node of its kind, or a group of its size, has none.

    `digest` is of the body, in hexadecimal. `over` are the nodes that it was made of, the one that it
    describes first, with their `revisions`; `changes` is how often a child had turned bad or good.
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

    @property
    def nbytes(self) -> int:
        """Bytes in memory; more than any pool has if nobody can tell whether the document stands."""
        return sys.maxsize if self.is_live else len(self.body or b"") + 100 * len(self.over)

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
    """The documents of one key space, in the `pool` of all. Thread-safe: who ask for one at once wait for one rendering."""

    def __init__(self, pool: Cache[Any]) -> None:
        self._pool: Cache[Rendered] = pool
        self._own = object()
        """Part of every key: other key spaces have documents of the same paths and nodes."""

    def kept(self, key: str, node: Node, changes: int) -> Rendered | None:
        """The document of a node if it is kept and still valid, and that takes no blocking to tell."""
        found = self._pool.peek((self._own, key))
        return self._valid(key, found, node, changes) if found is not None and found.is_quick else None

    def get(self, key: str, node: Node, changes: int, render: Callable[[], Rendered]) -> Rendered:
        """The document of a node, rendered unless it is kept and still valid. Blocks; raises what `render` raises."""
        found = self._pool.peek((self._own, key))
        valid = None if found is None else self._valid(key, found, node, changes)
        return self._pool.get((self._own, key), render) if valid is None else valid

    def _valid(self, key: str, found: Rendered, node: Node, changes: int) -> Rendered | None:
        """A document that is kept, or None if it is out of date and forgotten."""
        if found.stands(node, changes):
            return found
        self._pool.drop((self._own, key), found)
        return None
