"""The members of an HDF5 group, each opened on first use, some of those that follow with it.

A member is first unknown, then described ahead (a helper has described it with others), then kept
as a node. A kept member is renewed at each look if it may have grown, or if it lies in another
file, which may have changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Generic, Protocol, TypeVar

from ...caches.allowance import Allowance, Share
from ...nodes import Node, Unavailable
from ..common.children import opened
from ..common.reopened import Following
from .descriptions import Description

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


class Inside(Protocol[M]):
    """What members ask of their group's file."""

    def describe(self, names: Sequence[str]) -> list[Found]:
        """The descriptions of the objects of these names, or only of the first few."""

    def make(self, name: str, description: Description) -> M:
        """A member with this description."""

    def renew(self, name: str, member: M) -> M:
        """A member as it is now."""

    def is_current(self) -> bool:
        """True if the group is still valid although its file has been written."""


class Members(Following, Generic[M]):
    """Nodes by name, kept as long as the `allowance` has room.

    If a caller asks for the first name and then for the next ones in order, each call describes
    a batch, and batches grow from FIRST_BATCH to LARGEST_BATCH; otherwise a call describes one
    object. That an object has no form in Zarr is remembered too. Thread-safe: in a race, a member
    is at worst described twice.
    """

    def __init__(self, names: Sequence[str], inside: Inside[M], allowance: Allowance) -> None:
        self._names = {name: place for place, name in enumerate(names)}
        self._order = tuple(self._names)
        self._inside = inside
        self._kept: Share[str, M | Unavailable] = allowance.share()
        self._ahead: dict[str, Found] = {}
        self._next = 0
        self._batch = FIRST_BATCH
        self._lock = Lock()

    def __getitem__(self, name: str) -> Node:
        kept = self._kept.get(name)
        if kept is None:
            return self._opened(name).node
        if isinstance(kept, Unavailable):
            raise Unavailable(str(kept))
        member = opened(lambda name: self._inside.renew(name, kept), name)
        if member is not kept:
            self._kept[name] = member
        return member.node

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
        return self._inside.is_current()

    def _opened(self, name: str) -> M:
        """A member that is not kept. Keeps it, or that it has no form in Zarr."""
        if name not in self._names:
            raise KeyError(name)
        with self._lock:
            found = self._ahead.pop(name, None)
        found = self._asked(name) if found is None else found
        if isinstance(found, Exception):
            if type(found) is Unavailable and not self._inside.is_current():
                self._kept[name] = Unavailable(str(found))  # a traceback would keep what was read
            raise found
        made = opened(lambda name: self._inside.make(name, found), name)
        first = self._kept.setdefault(name, made)
        if first is made or isinstance(first, Unavailable):
            return made
        return opened(lambda name: self._inside.renew(name, first), name)  # it may be older

    def _asked(self, name: str) -> Found:
        """The description of an object, from a helper.

        If names are being asked for in order, the helper also describes the next ones.
        """
        place = self._names[name]
        with self._lock:
            is_in_order = place == self._next
            self._batch = 1 if not is_in_order else FIRST_BATCH if place == 0 else min(GROWTH * self._batch, LARGEST_BATCH)
            names = self._order[place : place + self._batch]
        first, *others = self._inside.describe(names)
        with self._lock:
            self._ahead = dict(zip(names[1:], others, strict=False))
            self._next = (place + 1 + len(others)) % len(self._order)
        return first
