"""The tree that all callers share: Tiled's root tree, with nothing left out.

A mapping in memory may hold catalogs at any depth; each becomes a tree that asks its database in
the loop of Tiled's server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tiled.adapters.mapping import MapAdapter
from tiled.catalog.adapter import CatalogNodeAdapter

from ...adapters.memory.adapted import Adapted
from ...adapters.registry import adapt
from ...nodes import Changed, Group, Node
from ...resources import Resources
from ..catalog import node_of
from .loops import Home


def base_of(adapter: Any, home: Home, resources: Resources) -> Node:
    """The node of an adapter of Tiled's. Blocks. Raises Unavailable if it has no form in Zarr."""
    if isinstance(adapter, CatalogNodeAdapter):
        return node_of(adapter, home, resources)
    node = adapt(adapter, resources=resources)
    if not (isinstance(node, Group) and isinstance(adapter, MapAdapter)):
        return node
    children = Based(Entries(adapter, home, resources), resources)
    return replace(node, children=children, unavailable=children.nameless)


class Based(Adapted):
    """The nodes of the entries of a mapping of adapters, and the adapter of each."""

    def __init__(self, entries: Entries, resources: Resources) -> None:
        super().__init__(entries, resources)
        self._entries = entries

    def origin(self, name: str) -> tuple[Any, Callable[[], Node]]:
        """The adapter of a child, and what makes the node of that adapter. Raises KeyError.

        If the mapping makes adapters anew at each look, nothing tells them apart: then this itself.
        """
        adapter = self._entries.adapter(name)
        return (
            (adapter, partial(self._of, name, adapter))
            if self._entries.adapter(name) is adapter
            else (self, partial(self.__getitem__, name))
        )

    def _of(self, name: str, adapter: Any) -> Node:
        """The node of an adapter. Raises Changed if another one has taken its place meanwhile."""
        node = self[name]
        if self._entries.adapter(name) is not adapter:
            raise Changed("it was replaced meanwhile; ask again")
        return node


class Entries(Mapping[str, Any]):
    """The entries of a mapping of adapters, with nodes in place of catalogs and of mappings."""

    def __init__(self, adapter: Any, home: Home, resources: Resources) -> None:
        self._adapter = adapter
        self._home = home
        self._resources = resources
        self._kept: dict[str, tuple[Any, Node]] = resources.nodes.share()

    def adapter(self, name: str) -> Any:
        """Tiled's adapter of an entry. Raises KeyError."""
        return self._adapter[name]

    def __getitem__(self, name: str) -> Any:
        value = self._adapter[name]
        if not isinstance(value, CatalogNodeAdapter | MapAdapter):
            return value
        known = self._kept.get(name)
        if known is None or known[0] is not value:
            known = self._kept[name] = value, base_of(value, self._home, self._resources)
        return known[1]

    def __contains__(self, name: object) -> bool:
        return name in self._adapter

    def __iter__(self) -> Iterator[str]:
        return iter(self._adapter)

    def __len__(self) -> int:
        return len(self._adapter)
