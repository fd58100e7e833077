"""A store in an object store (S3, Google, Azure): one PUT for each object."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from io import BytesIO

from ..adapters.common.faults import raised_as
from ..adapters.remote.addresses import SCHEMES, WEB, Address
from ..adapters.remote.clients import Client, Terms, client
from ..nodes import Unavailable
from ..resources import Resources
from ..settings import arguments
from ..storage.targets import Folder, Input, Limits, Output, Target

WRITABLE = SCHEMES - WEB
LONGEST = 1024
"""Bytes of a key in S3 and Google's store, at most; in Azure's they are characters."""


class Whole:
    """An object that was read as a whole."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def part(self, offset: int, nbytes: int) -> bytes:
        """Some bytes of it."""
        return self.body[offset : offset + nbytes]

    def tail(self, nbytes: int) -> bytes:
        """Its last bytes."""
        return self.body[-nbytes:]


class Objects:
    """Objects below a prefix. What is there is listed once."""

    def __init__(self, made: Client, prefix: str) -> None:
        self.client = made
        self.prefix = f"{prefix}/" if prefix else ""

    @classmethod
    def at(cls, url: str, resources: Resources) -> Objects:
        """The objects below an address. Raises Unavailable if it cannot be written to."""
        where = Address.of(url)
        if where.is_web:
            raise Unavailable(
                f"{where}: a web server takes no objects; give a folder, or one of {', '.join(f'{one}://' for one in sorted(WRITABLE))}"
            )
        return cls(client(where, Terms.of(resources.fetching, {}), resources), where.key)

    @property
    def limits(self) -> Limits:
        """The longest keys that the store takes below the prefix."""
        return Limits(key=LONGEST - len(self.prefix.encode()), part=LONGEST)

    @cached_property
    def keys(self) -> set[str]:
        """The keys that are there."""
        return {*self._listed("")}

    def has(self, key: str) -> bool:
        """True if the object is there."""
        return key in self.keys

    def is_empty(self) -> bool:
        """True if there is no object."""
        return not self.keys

    def get(self, key: str) -> bytes | None:
        """An object, or None if there is none."""
        with suppress(FileNotFoundError), raised_as(key):
            return bytes(self.client.obstore.get(self.client.store, self.prefix + key).bytes())
        return None

    def put(self, key: str, body: bytes) -> None:
        """Write an object."""
        with raised_as(key):
            self.client.obstore.put(self.client.store, self.prefix + key, body, use_multipart=False)
        self.keys.add(key)

    @contextmanager
    def writing(self, key: str) -> Iterator[Output]:
        """Write an object that is made in pieces, once they are all there."""
        pieces = BytesIO()
        yield pieces
        self.put(key, pieces.getvalue())

    @contextmanager
    def reading(self, key: str) -> Iterator[Input]:
        """Read an object, with one GET."""
        yield Whole(self.get(key) or b"")

    def remove(self, key: str) -> None:
        """Remove an object, or all that begin with a key that ends in a slash."""
        keys = [*self._listed(key)] if key.endswith("/") else [key] if self.has(key) else []
        if keys:
            with raised_as(key):
                self.client.obstore.delete(self.client.store, [self.prefix + one for one in keys])
            self.keys.difference_update(keys)

    def sweep(self) -> None:
        """Do nothing: an object is there as a whole or not at all."""

    def _listed(self, below: str) -> Iterator[str]:
        with raised_as(self.prefix or self.client.name):
            for page in self.client.obstore.list(self.client.store, (self.prefix + below) or None):
                yield from (found["path"].removeprefix(self.prefix) for found in page)


def is_address(where: str) -> bool:
    """True for an address that is no path of this machine."""
    return "://" in where and not where.startswith("file://")


def target_at(where: str, resources: Resources) -> Target:
    """The target at a path or an address. Raises Unavailable if it cannot be written to."""
    return Objects.at(where, resources) if is_address(where) else Folder(arguments.path_of(where))
