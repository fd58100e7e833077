"""The children of a group as a view shows them, each made when it is looked up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from ..caches.forgetful import Forgetful
from ..nodes import Node

MOST_SHOWN = 10_240
"""Children of a group that are remembered, at most: all that a document opens at the usual bounds.

Beyond that all are forgotten. They are shown again, and their documents are made again."""


class Mirror(Mapping[str, Node]):
    """A mapping of children, each replaced by `show(name, child)`.

    `show` is called again only if the child behind a name has become another node. It raises
    KeyError for a child that the view leaves out. With `keeps_all` the view leaves nothing out, so
    `in` does not open the child. If `names` is given, only these are children. Iterating yields all
    names, also of children that the view leaves out, since it opens none.
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
