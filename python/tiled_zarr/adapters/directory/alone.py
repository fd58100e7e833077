"""A file that is served without its folder; it is opened again after it has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

from ...attributes import Late
from ...nodes import Damaged, Group, Node
from ...resources import Resources
from ...revisions import file_revision
from ..common import choices
from ..common.choices import NO_CHOICE, TextChoice
from ..common.fences import Fence
from ..common.reopened import Nodes
from .formats import DEFAULT, Formats


class Alone:
    """The file at a path. `finish` is applied to its node each time that it was opened.

    Its real folder is the fence: the file may name other files in it.
    """

    def __init__(
        self,
        path: Path,
        resources: Resources | None = None,
        *,
        tables: TextChoice = NO_CHOICE,
        formats: Formats = DEFAULT,
        finish: Callable[[Node], Node] = lambda node: node,
    ) -> None:
        self.path = str(path.resolve())
        self._adapter = formats.adapter
        self._fence = Fence.of(Path(self.path).parent)
        self._resources, self._tables, self._finish = resources, tables, finish
        self._nodes = Nodes(1, resources.abandoned if resources else ())

    def node(self) -> Node:
        """The node of the file as it is now. Blocks if it has to be opened.

        Raises OSError if it cannot be read, Damaged or Unavailable if it has no node.
        """
        return self._nodes.get(self.path, file_revision(self.path), self._open)

    def _open(self, path: Path) -> Node:
        self._fence.check(path)
        with self._fence.in_force(), choices.in_force(self._tables):
            return self._finish(self._adapter(path)(path, self._resources))

    def root(self, name: str) -> Group:
        """The group of the file if it is one, else a group with its node as the only child `name`.

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
        """The group that the file is now. Raises Damaged if it has become something else."""
        node = self.node()
        if is_root(node):
            return node
        raise Damaged(
            f"{Path(self.path).name!r} held a group when the server started, and now is an array or table; start the server again"
        )

    def revision(self) -> str | None:
        """The revision of the group; None if the file has changed since it was opened. Opens nothing."""
        with suppress(OSError):
            known = self._nodes.known(self.path)
            return known.revision() if is_root(known) and self._nodes.has(self.path, file_revision(self.path)) else None
        return None


class Members(Mapping[str, Node]):
    """The children of the group that a file is, as the file is now."""

    def __init__(self, alone: Alone) -> None:
        self._alone = alone

    def __getitem__(self, name: str) -> Node:
        return self._alone.group().children[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._alone.group().children)

    def __len__(self) -> int:
        return len(self._alone.group().children)

    def __contains__(self, name: object) -> bool:
        return name in self._alone.group().children


class Mounted(Mapping[str, Node]):
    """Children by name, some of which are files that are opened when somebody asks."""

    def __init__(self, by_name: Mapping[str, Node | Alone]) -> None:
        self.by_name = by_name

    def __getitem__(self, name: str) -> Node:
        item = self.by_name[name]
        return item.node() if isinstance(item, Alone) else item

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
