"""Caches metadata documents as JSON, and returns each only while it is still valid.

The consolidated document of 10,000 nodes takes 0.3 s to make, and each client asks for it when it
starts. Time limits would serve outdated documents. So each document remembers what it was made
from: the nodes that were looked at, each with its revision from *before* it was looked at, and how
many children had turned bad or good by then. It is valid if all of that is still the same
(`is_valid`). The check takes 0.4 us a node in memory.

The event loop uses a kept document only if that check is quick: at most FEW nodes, none of which
touches disk or network to return its revision. Everything else goes to a thread. A document is
never kept if one of its nodes has no revision. A folder has none: in its place stand its outline
and its files (outlines.py), each with the revision that it had before it was opened.

Invariant: a kept document is returned only after `is_valid`. One that fails is dropped, and all
who ask for it meanwhile wait for one rendering.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from ..caches.cost import Cache
from ..nodes import Node
from ..outlines import Outline, Source
from ..texts import PASSED_ON

DIGEST_BYTES = 15
"""Bytes of a digest in an entity tag.

Clients of S3 take a tag of 16 bytes for the MD5 of the body, and call a right copy corrupt.
"""
ENTRY = 400
"""Bytes, estimated, that a document takes for what it depends on: a file's path and revision."""
FEW = 64
"""Nodes whose revisions the event loop compares, at most: 0.4 us each in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A rendered document, and what it was made from.

    `body` is None if a node of this kind, or a group of this size, has no such document. `digest`
    is that of the body, in hexadecimal. `node` is the one described. `over` are the nodes that were
    looked at, or the outlines of folders of which only the names were, with their `revisions`.
    `changes` is how often a child had turned bad or good by then.
    """

    node: Node
    body: bytes | None
    digest: str
    over: tuple[Node | Outline | Source, ...]
    revisions: tuple[str | None, ...]
    changes: int

    @classmethod
    def of(cls, node: Node, body: bytes | None, over: list[tuple[Node | Outline | Source, str | None]], changes: int) -> Rendered:
        """A document of `node`; `over` is what it depends on, with the revisions from before."""
        return cls(node, body, digest(body or b""), tuple(node for node, _ in over), tuple(revision for _, revision in over), changes)

    @property
    def is_quick(self) -> bool:
        """True if the event loop may call `is_valid`: at most FEW nodes, none of which blocks."""
        return len(self.over) <= FEW and not any(node.blocking for node in self.over)

    @property
    def is_live(self) -> bool:
        """True if a node has no revision, so that nobody knows whether the document is valid."""
        return None in self.revisions

    @property
    def nbytes(self) -> int:
        """Bytes in memory, estimated; for a live document more than any pool has."""
        return sys.maxsize if self.is_live else len(self.body or b"") + ENTRY * len(self.over)

    def is_valid(self, node: Node, changes: int) -> bool:
        """True if a document of `node` would be the same now; False if a source cannot say."""
        try:
            return node is self.node and changes == self.changes and tuple(source.revision() for source in self.over) == self.revisions
        except PASSED_ON:
            raise
        except BaseException:  # noqa: BLE001 - rendering raises it where it belongs
            return False


def digest(body: bytes) -> str:
    """The BLAKE2b hash of a body, DIGEST_BYTES in hexadecimal, for entity tags."""
    return blake2b(body, digest_size=DIGEST_BYTES).hexdigest()


class Documents:
    """The documents of one key space, kept in a `pool` that all key spaces share.

    Thread-safe: callers that ask for the same document at once wait for one rendering.
    """

    def __init__(self, pool: Cache[Any]) -> None:
        self._pool: Cache[Rendered] = pool
        self._own = object()
        """Part of every key: other key spaces have documents for the same paths and nodes."""

    def kept(self, key: str, node: Node, changes: int) -> Rendered | None:
        """The kept document of a node if it is still valid and the check is quick, else None."""
        found = self._pool.peek((self._own, key))
        return self._valid(key, found, node, changes) if found is not None and found.is_quick else None

    def get(self, key: str, node: Node, changes: int, render: Callable[[], Rendered]) -> Rendered:
        """The document of a node, rendered unless a kept one is still valid.

        Blocks. Raises what `render` raises.
        """
        found = self._pool.peek((self._own, key))
        valid = None if found is None else self._valid(key, found, node, changes)
        return self._pool.get((self._own, key), render) if valid is None else valid

    def _valid(self, key: str, found: Rendered, node: Node, changes: int) -> Rendered | None:
        """The kept document if it is still valid; else drops it and returns None."""
        if found.is_valid(node, changes):
            return found
        self._pool.drop((self._own, key), found)
        return None
