"""The members of an HDF5 group, each opened on first use, some of those that follow with it.

A member is first unknown, then described ahead (a helper has described it with others), then kept
as a node. A kept member is renewed at each look if it may have grown, or if it lies in another
file, which may have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Generic, Protocol, TypeVar

from ...caches.recent import Recent
from ...nodes import Node
from ..common.children import opened
from ..common.reopened import Following
from .descriptions import Description

MOST_KEPT = 1024
FIRST_BATCH = 8
GROWTH = 4
LARGEST_BATCH = 512
"""Descriptions per call of a helper, at most.

A call itself takes about as long as describing one dataset (0.15 ms).
"""

Found = Description | Exception


class Made(Protocol):
    """A member that is kept."""

    @property
    def node(self) -> Node:
        """Its node."""


M = TypeVar("M", bound=Made)


class Members(Following, Generic[M]):
    """Nodes by name; the last MOST_KEPT used ones are kept.

    `describe(names)` describes the objects of these names, or only the first few. `make(name,
    description)` makes a member, and `renew(name, member)` returns the member as it is now.
    `is_current()` is true if the group is still valid although its file has been written. If a
    caller asks for the first name and then for the next ones in order, the batches grow from
    FIRST_BATCH to LARGEST_BATCH; otherwise each call describes one object. Thread-safe: in a race,
    a member is at worst described twice.
    """

    def __init__(
        self,
        names: Sequence[str],
        describe: Callable[[Sequence[str]], list[Found]],
        make: Callable[[str, Description], M],
        renew: Callable[[str, M], M],
        is_current: Callable[[], bool],
    ) -> None:
        self._names = {name: place for place, name in enumerate(names)}
        self._order = tuple(self._names)
        self._describe = describe
        self._make = make
        self._renew = renew
        self._is_current = is_current
        self._kept: Recent[str, M] = Recent(MOST_KEPT)
        self._ahead: dict[str, Found] = {}
        self._next = 0
        self._batch = FIRST_BATCH
        self._lock = Lock()

    def __getitem__(self, name: str) -> Node:
        if name not in self._names:
            raise KeyError(name)
        with self._lock:
            kept = self._kept.peek(name)
            found = self._ahead.pop(name, None)
        member = opened(lambda name: self._made(name, found) if kept is None else self._renew(name, kept), name)
        with self._lock:
            other = self._kept.peek(name)
            if other is None or kept is not None:
                self._kept.keep(name, member)
                return member.node
        # another thread has made it first; it may be older
        return opened(lambda name: self._renew(name, other), name).node

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def is_current(self) -> bool:
        """True if the group is still valid after its file has been written.

        Its datasets may have grown.
        """
        return self._is_current()

    def _made(self, name: str, found: Found | None) -> M:
        found = self._asked(name) if found is None else found
        if isinstance(found, Exception):
            raise found
        return self._make(name, found)

    def _asked(self, name: str) -> Found:
        """The description of an object, from a helper.

        If names are being asked for in order, the helper also describes the next ones.
        """
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
