"""The members of an HDF5 group: opened when they are asked for, and some of those that follow together with them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock

from ...nodes import Node
from .._opening import opened
from .descriptions import Description

MOST_KEPT = 1024
FIRST_BATCH = 8
GROWTH = 4
LARGEST_BATCH = 512
"""Descriptions asked of a helper at once: one call of a helper costs about as much as describing one dataset (0.15 ms)."""

Found = Description | Exception


class Members(Mapping[str, Node]):
    """Nodes by name; the last ones used are kept.

    `describe(names)` describes at least the first of some objects, and `make(name, description)` makes a node. Who asks for the first
    name, and then for one after the other, gets batches that grow from FIRST_BATCH to LARGEST_BATCH. Thread-safe: a race describes
    twice at worst.
    """

    def __init__(
        self, names: Sequence[str], describe: Callable[[Sequence[str]], list[Found]], make: Callable[[str, Description], Node]
    ) -> None:
        self._names = {name: place for place, name in enumerate(names)}
        self._order = tuple(self._names)
        self._describe = describe
        self._make = make
        self._nodes: OrderedDict[str, Node] = OrderedDict()
        self._ahead: dict[str, Found] = {}
        self._next = 0
        self._batch = FIRST_BATCH
        self._lock = Lock()

    def __getitem__(self, name: str) -> Node:
        if name not in self._names:
            raise KeyError(name)
        with self._lock:
            node = self._nodes.get(name)
            if node is not None:
                self._nodes.move_to_end(name)
                return node
            found = self._ahead.pop(name, None)
        node = opened(lambda name: self._node(name, found), name)
        with self._lock:
            node = self._nodes.setdefault(name, node)
            if len(self._nodes) > MOST_KEPT:
                self._nodes.popitem(last=False)
        return node

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _node(self, name: str, found: Found | None) -> Node:
        found = self._asked(name) if found is None else found
        if isinstance(found, Exception):
            raise found
        return self._make(name, found)

    def _asked(self, name: str) -> Found:
        """A description from a helper, with those of the next names if they are being asked for in order."""
        place = self._names[name]
        with self._lock:
            is_in_order = place == self._next
            self._batch = 1 if not is_in_order else FIRST_BATCH if place == 0 else min(GROWTH * self._batch, LARGEST_BATCH)
            names = self._order[place : place + self._batch]
        first, *others = self._describe(names)
        with self._lock:
            self._ahead = dict(zip(names[1:], others, strict=False))
            self._next = (place + 1 + len(others)) % len(self._order)
        return first
