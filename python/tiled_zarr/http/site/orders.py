"""The children of groups, in the orders that pages list them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from ...hierarchy.keyspace import KeySpace
from ...hierarchy.openings import revision_of
from ...nodes import Group, Node
from .choice import Choice

NONE: Mapping[str, Node] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Ordered:
    """The names of children in an order, one a line: no name on the wire has a line feed."""

    text: bytes

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return len(self.text)


class Listed(NamedTuple):
    """The names of all children of a group in an order, and those of them that were opened."""

    names: list[str]
    nodes: Mapping[str, Node]


class Orders:
    """Lists the children of groups, and keeps the order of those that are too large to be opened.

    To list and sort 100,000 files takes 450 ms, to split a text of them 5 ms (measured 2026-11-27
    with bench/browse.py). So the text is kept in the pool of documents, as long as the group, or the
    folder that it is, has the same revision. A group without one is listed for each page.
    """

    def __init__(self, keys: KeySpace) -> None:
        self.keys = keys
        self._own = object()
        """Part of every key: other trees have groups at the same paths."""

    def of(self, path: str, group: Group, choice: Choice) -> Listed:
        """All children of the group at `path`, in the order of the choice. Blocks.

        Raises what listing the group raises.
        """
        if len(group.children) <= self.keys.config.max_nodes:
            listed = self.keys.listing(group)
            nodes = {child.name: child.node for child in listed if child.node is not None}
            return Listed(choice.ordered([child.name for child in listed], nodes), nodes)
        revision = revision_of(group.outline or group)
        if revision is None:
            return Listed(self._closed(group, choice), NONE)
        key = (self._own, path, choice.sort, revision, self.keys.places.openings.changes)
        kept: Ordered = self.keys.resources.documents.get(key, lambda: Ordered("\n".join(self._closed(group, choice)).encode()))
        return Listed(kept.text.decode().split("\n") if kept.text else [], NONE)

    def _closed(self, group: Group, choice: Choice) -> list[str]:
        return choice.ordered(self.keys.listings.closed(group), NONE)
