"""The view of a tree whose arrays are read from the stores that were baked from them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ..nodes import Array, Dense, Group, Node
from ..views.mirror import Mirror
from .origins import Names, is_source
from .stores import Stores
from .written import Written


def view(root: Group, stores: Stores) -> Group:
    """The tree with arrays that are read from stores while their sources are unchanged.

    Everything else of a node stays. A store is looked for when a chunk is made, not before.
    """
    return _group(root, (), None, stores)


def _group(group: Group, path: Names, inside: Names | None, stores: Stores) -> Group:
    """The group at a path; `inside` is its path in its source, None above all sources."""
    start = () if inside is None and is_source(group) else inside

    def shown(name: str, child: Node) -> Node:
        below = None if start is None else (*start, name)
        if isinstance(child, Group):
            return _group(child, (*path, name), below, stores)
        return _array(child, (*path, name), below or (), stores)

    return replace(group, children=Mirror(group.children, shown, keeps_all=True))


def _array(array: Array, path: Names, inside: Names, stores: Stores) -> Array:
    """The array at a path. One in memory, or that other processes compute, stays as it is."""
    source = array.source
    if not source.blocking or source.begin is not None:
        return array
    written = Written(array, inside, partial(stores.find, path, array))
    if isinstance(source, Dense):
        return replace(array, source=replace(source, read=written.block, prepared=written))
    return replace(array, source=replace(source, prepared=written))
