"""The members of an HDF5 group: opened when they are asked for, and some of those that follow together with them.

States of a member: unknown -> described ahead -> kept. One that is kept is renewed, at each look, if it may have grown, or lies in another
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
"""Descriptions asked of a helper at once: one call of a helper costs about as much as describing one dataset (0.15 ms)."""

Found = Description | Exception


class Made(Protocol):
    """A member that is kept."""

    @property
    def node(self) -> Node:
        """Its node."""


M = TypeVar("M", bound=Made)


class Members(Following, Generic[M]):
    """Nodes by name; the last ones used are kept.

    `describe(names)` describes at least the first of some objects, `make(name, description)` makes a member of one, and
    `renew(name, member)` is the member as it is now. `file_stands()` says whether the group is still the same although its file has been
    written. Who asks for the first name, and then for one after the other, gets batches that grow from FIRST_BATCH to LARGEST_BATCH.
    Thread-safe: a race describes twice at worst.
    """

    def __init__(
        self,
        names: Sequence[str],
        describe: Callable[[Sequence[str]], list[Found]],
        make: Callable[[str, Description], M],
        renew: Callable[[str, M], M],
        file_stands: Callable[[], bool],
    ) -> None:
        self._names = {name: place for place, name in enumerate(names)}
        self._order = tuple(self._names)
        self._describe = describe
        self._make = make
        self._renew = renew
        self._file_stands = file_stands
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
        return opened(lambda name: self._renew(name, other), name).node  # it was made first, and is perhaps older

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def stands(self) -> bool:
        """Whether the group, once its file has been written, is still the same: its datasets may have grown."""
        return self._file_stands()

    def _made(self, name: str, found: Found | None) -> M:
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
