"""Children of a group, each opened when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from ...caches.allowance import Share
from ...nodes import Damaged, Node
from ...resources import Resources, default

T = TypeVar("T")
Opened = TypeVar("Opened")


def opened(open_node: Callable[[T], Opened], source: T) -> Opened:
    """The result of `open_node`.

    A KeyError from inside a broken file becomes Damaged: a caller that looks up a child would take
    it for the child's absence.
    """
    try:
        return open_node(source)
    except KeyError as error:
        raise Damaged(f"it is damaged: {error} is missing in it; write it again, or restore it from a copy") from error


class Children(Mapping[str, Node]):
    """Children by name, whose nodes `open_child(name)` makes.

    The nodes are kept as long as the allowance of the application's resources has room.
    """

    def __init__(self, names: Iterable[str], open_child: Callable[[str], Node], resources: Resources | None = None) -> None:
        self._names = dict.fromkeys(names)
        self._open = open_child
        self._kept: Share[str, Node] = (resources or default()).nodes.share()

    def __getitem__(self, name: str) -> Node:
        kept = self._kept.get(name)
        if kept is not None:
            return kept
        if name not in self._names:
            raise KeyError(name)
        # without a lock: in a race it is opened twice, but a child that hangs delays no others
        node = self._kept[name] = opened(self._open, name)
        return node

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
