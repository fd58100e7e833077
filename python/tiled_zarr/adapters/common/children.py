"""Children of a group, each opened when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from ...caches.recent import Recent
from ...nodes import Damaged, Node

MOST_KEPT = 1024
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
    """Children by name; `open_child(name)` makes their nodes, and those used last are kept."""

    def __init__(self, names: Iterable[str], open_child: Callable[[str], Node]) -> None:
        self._names = dict.fromkeys(names)
        self._open = open_child
        self._kept: Recent[str, Node] = Recent(MOST_KEPT)

    def __getitem__(self, name: str) -> Node:
        if name not in self._names:
            raise KeyError(name)
        kept = self._kept.peek(name)
        if kept is None:
            kept = opened(self._open, name)  # a race opens it twice; who hangs there holds nobody else up
            self._kept.keep(name, kept)
        return kept

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
