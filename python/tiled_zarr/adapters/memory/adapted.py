"""The children of a group made from the values of any mapping."""

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
"""Names that we read from one mapping at most, as many as a group lists; that takes 0.2 s.

The names of some mappings never end.
"""

MOST_KIN = 1000
"""Children that we tell apart below a node that is made anew at each look.

At more, we forget all of them, and each one that hangs may hang once more.
"""


class Adapted(Mapping[str, Node]):
    """The nodes of a mapping's values, each made on first use.

    A node is kept while its value is the same object and has not changed. A value that has been
    replaced once while it was served may be replaced again, so from then on its node has no
    revision.
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
        # a defaultdict would make a child for any name
        if isinstance(self._source, dict) and name not in self._source:
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
        """The node of a value that has been replaced.

        It is not kept, since the value may be replaced again. If the array may grow, we keep its
        chunk shape.
        """
        node = regrown(opened(self._adapt, value), self._replaced[name])
        self._replaced[name] = Chunking.of(node)
        return as_live(node, self._kin.of(name))

    def _look_up(self, name: str) -> object:
        """The value of a name.

        Raises Damaged if the source lists a name and then has no value for it, as it does for a
        broken link.
        """
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
        """The number of children; for anything but a dict, what the source says.

        That may include keys that cannot name a child, but counting them might never end.
        """
        return sum(1 for _ in self) if isinstance(self._source, dict) else len(self._source)

    def revision(self) -> str | None:
        """A text that changes when names come or go, or values are replaced.

        None for anything but a dict, since looking at its values could open them.
        """
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
    """An identity for a node that is made anew at each look, and for the nodes below it, by name.

    Thread-safe.
    """

    __slots__ = ("__weakref__", "_below")

    def __init__(self) -> None:
        self._below: dict[str, Kin] = {}

    def of(self, name: str) -> Kin:
        """The identity of a child."""
        if len(self._below) >= MOST_KIN:
            self._below.clear()
        return self._below.setdefault(name, Kin())


def as_live(node: Node, kin: Kin) -> Node:
    """The same node without a revision, and likewise everything below it.

    `kin` is the identity of the node and of its successors.
    """
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
