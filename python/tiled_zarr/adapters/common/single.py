"""Sources that are served by themselves, and opened again after they have changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeGuard

from ...attributes import Late
from ...nodes import Damaged, Group, Node


class Single(ABC):
    """A source with one node, at `path`, which is for messages; its `name` is the last part."""

    path: str
    name: str

    @abstractmethod
    def node(self) -> Node:
        """The node as it is now. Blocks if it has to be opened.

        Raises OSError if it cannot be read, Damaged or Unavailable if it has no node.
        """

    @abstractmethod
    def revision(self) -> str | None:
        """The revision of the group; None if it has changed since it was opened. Opens nothing."""

    def root(self, name: str) -> Group:
        """The group of the source if it is one, else a group with its node as the only child `name`.

        Raises what `node` raises.
        """
        node = self.node()
        if not is_root(node):
            return Group(Mounted({name: self}), blocking=True, kind="folder")
        return replace(
            node,
            children=Members(self),
            attributes=Late(lambda: self.group().attributes),
            unavailable=lambda: self.group().unavailable(),
            revision=self.revision,
            blocking=True,
        )

    def group(self) -> Group:
        """The group that the source is now. Raises Damaged if it has become something else."""
        node = self.node()
        if is_root(node):
            return node
        raise Damaged(f"{self.name!r} held a group when the server started, and now is an array or table; start the server again")


class Members(Mapping[str, Node]):
    """The children of the group that a source is, as it is now."""

    def __init__(self, single: Single) -> None:
        self._single = single

    def __getitem__(self, name: str) -> Node:
        return self._single.group().children[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._single.group().children)

    def __len__(self) -> int:
        return len(self._single.group().children)

    def __contains__(self, name: object) -> bool:
        return name in self._single.group().children


class Mounted(Mapping[str, Node]):
    """Children by name, some of which are sources that are opened when somebody asks."""

    def __init__(self, by_name: Mapping[str, Node | Single]) -> None:
        self.by_name = by_name

    def __getitem__(self, name: str) -> Node:
        item = self.by_name[name]
        return item.node() if isinstance(item, Single) else item

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)

    def __contains__(self, name: object) -> bool:
        return name in self.by_name


def is_root(node: Any) -> TypeGuard[Group]:
    """True if a node may be the root: a group, but not a table.

    A table is served as the only child of a root, under a name, as an array is.
    """
    return isinstance(node, Group) and node.kind != "table"
