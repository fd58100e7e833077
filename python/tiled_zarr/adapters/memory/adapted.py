"""The values of any mapping, adapted: the children of a group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from operator import is_
from typing import Any

from ...nodes import LIVE, Damaged, Group, Node, live
from ...resources import Resources
from ...revisions import launch_nonce
from ..common.children import opened
from ..common.chunk_sizes import Chunking, regrown
from ..registry import adapt, followed

MOST_NAMES = 1_000_000
"""Names that are looked at of one mapping, as many as are listed of a group, which takes 0.2 s; the names of some never end."""

MOST_KIN = 1000
"""Children that are told apart of one that is made anew at each look; then all are forgotten, and each may hang once more."""


class Adapted(Mapping[str, Node]):
    """The nodes of a mapping's values, each made when it is asked for and kept as long as its value is the same object, and unchanged.

    A value that was replaced while it was served may be replaced again: from then on its node has no revision.
    """

    def __init__(self, source: Mapping[Any, Any], resources: Resources | None = None) -> None:
        self._source = source
        self._adapt = partial(adapt, resources=resources)
        self._kept: dict[str, tuple[object, Node]] = {}
        self._replaced: dict[str, Chunking | None] = {}
        self._seen: tuple[list[Any], list[Any]] = ([], [])
        self._stamp = 0
        self._kin = Kin()

    def __getitem__(self, name: str) -> Node:
        if isinstance(self._source, dict) and name not in self._source:  # a defaultdict would make a child of any name
            raise KeyError(name)
        value = self._look_up(name)
        if name in self._replaced:
            return self._anew(name, value)
        former, node = self._kept.get(name) or self._kept.setdefault(name, (value, opened(self._adapt, value)))
        if former is not value:
            self._replaced[name] = Chunking.of(node)
            self._kept.pop(name, None)
            return self._anew(name, value)
        now = opened(partial(followed, value), node)
        if now is not node:
            self._kept[name] = (value, now)
        return now

    def _anew(self, name: str, value: object) -> Node:
        """The node of a value that is not kept, since it will be replaced again; how it is cut is, if it may grow."""
        node = regrown(opened(self._adapt, value), self._replaced[name])
        self._replaced[name] = Chunking.of(node)
        return as_live(node, self._kin.of(name))

    def _look_up(self, name: str) -> object:
        """The value of a name. Raises Damaged where the source lists a name and then denies it, as it does for a broken link."""
        try:
            return self._source[name]
        except KeyError as error:
            if name in islice(self, MOST_NAMES):
                raise Damaged(f"it is listed, but cannot be opened: {error}") from error
            raise

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._source

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._source if isinstance(name, str))

    def __len__(self) -> int:
        """As many as the source says where counting could have no end, those without a name among them."""
        return sum(1 for _ in self) if isinstance(self._source, dict) else len(self._source)

    def revision(self) -> str | None:
        """A text that is another one once names have come or gone, or values were replaced; None where looking would take opening."""
        if not isinstance(self._source, dict):
            return None
        names, values = list(self._source), list(self._source.values())
        if names != self._seen[0] or not all(map(is_, values, self._seen[1])):
            self._seen = (names, values)
            self._stamp += 1
        return f"{launch_nonce()}-{self._stamp}"

    def nameless(self) -> Mapping[str, str]:
        """The keys that cannot name a child, as text, with the reason."""
        listed = islice(self._source, min(len(self._source), MOST_NAMES) + 1)
        return {repr(name): "its name is no text" for name in listed if not isinstance(name, str)}


class Kin:
    """Stands for a node that is made anew at each look, and for those below it by their names. Thread-safe."""

    __slots__ = ("__weakref__", "_below")

    def __init__(self) -> None:
        self._below: dict[str, Kin] = {}

    def of(self, name: str) -> Kin:
        """What stands for a child."""
        if len(self._below) >= MOST_KIN:
            self._below.clear()
        return self._below.setdefault(name, Kin())


def as_live(node: Node, kin: Kin) -> Node:
    """The same node without a revision, and so everything below it; `kin` stands for it and its successors."""
    if isinstance(node, Group):
        return replace(node, children=_Live(node.children, kin), revision=live, kin=kin)
    return replace(node, revision=LIVE)


class _Live(Mapping[str, Node]):
    def __init__(self, children: Mapping[str, Node], kin: Kin) -> None:
        self._children = children
        self._kin = kin

    def __getitem__(self, name: str) -> Node:
        return as_live(self._children[name], self._kin.of(name))

    def __contains__(self, name: object) -> bool:
        return name in self._children

    def __iter__(self) -> Iterator[str]:
        return iter(self._children)

    def __len__(self) -> int:
        return len(self._children)
