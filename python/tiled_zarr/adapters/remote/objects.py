"""An object of a store at one version, which adapters open as they open a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from time import monotonic
from typing import Any, TypeVar

from ...resources import Resources
from ..common.ranged import Origin, Range, Ranged
from ..common.snapshot import Elsewhere
from .addresses import Address
from .clients import Client, Terms, client, said
from .looks import Cell, Seen

GRACE = 1.0
"""Seconds for which a look is still good for who does not wait: a walk through the tree has just
looked, and the rest of its request comes a moment later."""
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Object(Elsewhere):
    """The object at an address, whatever its version."""

    client: Client
    where: Address

    @property
    def name(self) -> str:  # type: ignore[override] # read-only
        """The last part of its key."""
        return self.where.name

    @property
    def suffix(self) -> str:  # type: ignore[override]
        """The suffix of its name."""
        return PurePosixPath(self.name).suffix

    @property
    def address(self) -> str:  # type: ignore[override]
        """Its URL."""
        return str(self.where)

    @property
    def is_folder(self) -> bool:  # type: ignore[override]
        """True for a prefix."""
        return self.where.is_prefix

    def snapshot(self, resources: Resources | None) -> Ranged:
        """It as it is now. Raises FileNotFoundError if it is not there."""
        seen = self.client.looks.of(self.where.key)
        return Ranged.at(Version(self.client, self.where, seen, self.client.looks.cell(self.where.key)), resources)

    def beside(self, path: str) -> Object:
        """The object at a path that begins in the folder of this one."""
        folder, slash, _ = self.where.key.rpartition("/")
        return Object(self.client, self.where._replace(key=f"{folder}{slash}{path}", is_prefix=False))

    def at(self, url: str, resources: Resources | None) -> Object:
        """The object at a URL; options of S3, say, are for other buckets of S3 too."""
        where, terms = Address.of(url), self.client.terms
        is_alike = where.store.partition(":")[0] == self.where.store.partition(":")[0]
        return Object(client(where, terms if is_alike else terms._replace(options=()), resources), where)

    def options(self) -> Mapping[str, str]:
        """How the store is reached, by the tree's options, else by the environment."""
        return said(self.client.terms)


class Version(Origin):
    """A version of an object. Two are equal if they are of the same object and revision."""

    def __init__(self, client: Client, where: Address, seen: Seen, cell: Cell) -> None:
        self.client, self.where, self.seen = client, where, seen
        self.name, self.address, self.size, self.taken = where.name, str(where), seen.size, seen.revision
        self._cell = cell

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._same() == other._same()

    def __hash__(self) -> int:
        return hash(self._same())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled for a helper process, which makes a client of its own; it may hold secrets."""
        return _restored, (self.where, self.client.terms, self.seen)

    def _same(self) -> tuple[int, str, str]:
        return id(self.client), self.where.key, self.taken

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """The bytes of some ranges, in order."""
        return self.client.each(lambda span: self.client.read(self.where.key, self.seen, span), ranges)

    def each(self, do: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """What `do` returns for each item, called in as many threads as may read at once."""
        return self.client.each(do, items)

    def looked(self) -> str | None:
        """The revision that the last look saw, without waiting.

        If that is no longer trusted, another thread looks, and the answer is None after GRACE.
        """
        seen, late = self._cell.seen, monotonic() - self._cell.until
        if late >= 0:
            self.client.look_soon(self.where.key)
        return None if seen is None or late >= GRACE else seen.revision

    def look(self) -> str:
        """The revision, which the store is asked for if the last look is too long ago."""
        return self.client.looks.of(self.where.key).revision

    def beside(self, name: str) -> Origin:
        """The present version of another object in the same store."""
        return Object(self.client, self.where).beside(name).snapshot(None).origin

    def distrust(self) -> None:
        """Look again when somebody asks: another process has seen another version."""
        self.client.looks.distrust(self.where.key)


def _restored(where: Address, terms: Terms, seen: Seen) -> Version:
    """A version that another process has sent."""
    made = client(where, terms, None)
    return Version(made, where, seen, made.looks.cell(where.key))
