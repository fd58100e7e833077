"""Children of a group, opened when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TypeVar

from ...nodes import Damaged, Node

MOST_KEPT = 1024
T = TypeVar("T")
Opened = TypeVar("Opened")


def opened(open_node: Callable[[T], Opened], source: T) -> Opened:
    """The node, or what holds it.

    A KeyError from inside a broken file is Damaged: to who asks for a child, it would mean that there is none.
    """
    try:
        return open_node(source)
    except KeyError as error:
        raise Damaged(f"it is damaged: {error} is missing in it; write it again, or restore it from a copy") from error


class Children(Mapping[str, Node]):
    """Names that are known, and nodes that `open_child(name)` makes; the last ones used are kept."""

    def __init__(self, names: Iterable[str], open_child: Callable[[str], Node]) -> None:
        self._names = dict.fromkeys(names)
        self._open = lru_cache(MOST_KEPT)(open_child)

    def __getitem__(self, name: str) -> Node:
        if name not in self._names:
            raise KeyError(name)
        return opened(self._open, name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
