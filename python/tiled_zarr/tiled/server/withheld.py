"""Nodes whose metadata a caller may read, and whose data they may not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeAlias

from ...nodes import LIVE, Array, Coordinates, Forbidden, Group, Node, Revision, Unauthenticated
from ...views.mirror import Mirror

REASON = "you may not read these data"
REASON_FOR_ALL = "only those who sign in may read these data: send an API key"

Refuse: TypeAlias = Callable[..., Any]


def forbidden(*_: Any) -> Any:
    """Raise Forbidden, whatever is asked for."""
    raise Forbidden(REASON)


def unauthenticated(*_: Any) -> Any:
    """Raise Unauthenticated, whatever is asked for."""
    raise Unauthenticated(REASON_FOR_ALL)


def withheld(node: Node, refuse: Refuse) -> Node:
    """The node with its documents, and without its data.

    Reading calls `refuse`, and so does asking for the revision of a chunk, which comes before any
    look into a cache. The revision of the whole is None: no level of an image is kept under it.
    """
    if isinstance(node, Array):
        return _array(node, refuse)
    if node.kind == "table":
        return _table(node)
    return replace(node, children=Mirror(node.children, lambda _, child: withheld(child, refuse), keeps_all=True))


def _array(node: Array, refuse: Refuse) -> Array:
    dense = None if node.is_sparse else replace(node.dense, read=refuse, read_stepped=None, stored=None)
    levels = tuple(_array(level, refuse) for level in node.levels)
    return replace(node, source=dense or Coordinates(refuse), revision=Revision(LIVE.whole, refuse), levels=levels)


def _table(node: Group) -> Group:
    """A table without its columns: their lengths and types are known only from its data."""
    none: Mapping[str, Node] = MappingProxyType({})
    return replace(node, children=none, unavailable=lambda: {"columns": REASON}, revision=LIVE.whole, blocking=False)
