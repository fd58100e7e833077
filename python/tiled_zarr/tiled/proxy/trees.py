"""The tree that a caller sees of a Tiled server, from the node that is served down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import Lock
from time import monotonic
from typing import Any

from ...attributes import Late
from ...nodes import Forbidden, Group, Node
from .children import Children, group
from .remote import Path
from .told import Told, counted
from .view import View


class Tree:
    """The node at `path` as the root of a tree: a container, else a group with the node in it."""

    def __init__(self, view: View, path: Path) -> None:
        self._view = view
        self._path = path
        self._told: tuple[Told, float] | None = None
        self._group: Group | None = None
        self._lock = Lock()

    def look(self) -> Told:
        """Ask for the node now. Blocks; raises Forbidden or Unauthenticated if it is not shown."""
        until = monotonic() + self._view.trust.look
        told = self._view.look(self._path, with_sources=False)
        if told is None:
            raise Forbidden(f"Tiled shows you no node {'/'.join(self._path) or 'at its root'}")
        self._told = told, until
        return told

    @property
    def group(self) -> Group:
        """The root. Blocks if nobody has looked yet."""
        told = self._told[0] if self._told else self.look()
        with self._lock:
            if self._group is None:
                self._group = self._container(told) if told.family == "container" else self._around()
            return self._group

    def _container(self, told: Told) -> Group:
        return group(Children(self._view, self._path, counted(told.structure)), told, Late(self._attributes))

    def _around(self) -> Group:
        return Group(children=Only(Children(self._view, self._path[:-1]), self._path[-1]), blocking=True, kind="folder")

    def _attributes(self) -> Mapping[str, Any]:
        """The metadata of the root, as of the last look if that is good."""
        known = self._told
        told = known[0] if known is not None and monotonic() <= known[1] else self.look()
        return {str(name): value for name, value in told.metadata.items()}


class Only(Mapping[str, Node]):
    """One of several children."""

    def __init__(self, children: Mapping[str, Node], name: str) -> None:
        self._children = children
        self._name = name

    def __getitem__(self, name: str) -> Node:
        if name != self._name:
            raise KeyError(name)
        return self._children[name]

    def __iter__(self) -> Iterator[str]:
        return iter((self._name,))

    def __len__(self) -> int:
        return 1
