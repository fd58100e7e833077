"""The children of a group as a view shows them, each when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from ..caches.forgetful import Forgetful
from ..nodes import Node

MOST_SHOWN = 1000
"""Children of a group that are remembered; then all are forgotten, which costs no more than showing them again."""


class Mirror(Mapping[str, Node]):
    """Children, each shown by `show(name, child)`; again only if the child behind it is another node.

    `show` raises KeyError for what the view leaves out; a view that leaves nothing out `keeps_all`,
    and then a name is looked for without opening the child. With `names`, those are all there are.
    Iterating gives the names of all, since it opens none.
    """

    def __init__(
        self,
        children: Mapping[str, Node],
        show: Callable[[str, Node], Node],
        *,
        names: Collection[str] | None = None,
        keeps_all: bool = False,
    ) -> None:
        self._children = children
        self._show = show
        self._names = children if names is None else names
        self._keeps_all = keeps_all
        self._shown: Forgetful[str, tuple[Node, Node]] = Forgetful(MOST_SHOWN)

    def __getitem__(self, name: str) -> Node:
        if self._names is not self._children and name not in self._names:
            raise KeyError(name)
        child = self._children[name]
        known = self._shown.get(name)
        if known is None or known[0] is not child:
            known = self._shown[name] = child, self._show(name, child)
        return known[1]

    def __contains__(self, name: object) -> bool:
        return name in self._names if self._keeps_all else super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
