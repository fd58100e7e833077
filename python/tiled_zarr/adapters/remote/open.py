"""Opens an address: an object, a store of Zarr, or a prefix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ...nodes import Group, Node, Unavailable
from ...resources import Resources
from ..common.choices import NO_CHOICE, TextChoice
from ..common.single import Single
from ..common.stores import SUFFIXES
from .addresses import Address
from .clients import Terms, client
from .items import INSTALLED, Formats, Shared, documents, object_node, store_node
from .prefixes import Prefix

DEFAULT = Terms()
NO_LISTING = "no Zarr store, and web servers have no listings: give the address of a file, or of a store with zarr.json or .zgroup"


class Choice(NamedTuple):
    """What is chosen for an address; `finish` is applied to the node of a single object or store."""

    formats: Formats = INSTALLED
    tables: TextChoice = NO_CHOICE
    finish: Callable[[Node], Node] = lambda node: node


NOTHING_CHOSEN = Choice()


class Remote(Single):
    """An object or a store at an address, which is opened again after it has changed."""

    def __init__(self, where: Address, shared: Shared, finish: Callable[[Node], Node]) -> None:
        self.where = where
        self.path, self.name = str(where), where.name
        self._shared = shared
        self._finish = finish

    def node(self) -> Node:
        """The node as it is now. Blocks if the last look is too long ago."""
        if not self.where.is_prefix:
            return self._finish(object_node(self.where, self._shared))
        found = documents(self.where, self._shared.client)
        return self._finish(store_node(self.where, found, self._shared))

    def revision(self) -> str | None:
        """None: the group is looked at again with each request."""
        return None


def open_remote(url: str, resources: Resources | None = None) -> Node:
    """The node of what lies at a URL.

    Raises FileNotFoundError if there is nothing, Unavailable if nothing opens it, and Damaged,
    ConnectionError, TooSlow or Busy if its store fails.
    """
    found = found_at(url, resources)
    return found.node() if isinstance(found, Single) else found


def found_at(url: str, resources: Resources | None = None, terms: Terms = DEFAULT, choice: Choice = NOTHING_CHOSEN) -> Single | Group:
    """The group of a prefix, or an object or a store. Raises as `open_remote` does.

    A URL without a slash at its end is that of an object if there is one, else of a prefix.
    """
    where = Address.of(url)
    shared = Shared.of(client(where, terms, resources), resources, choice.formats, choice.tables)
    if not where.is_prefix and not is_store_name(where) and is_object(where, shared):
        return Remote(where, shared, choice.finish)
    prefix = where._replace(is_prefix=True)
    if is_store_name(where) or documents(prefix, shared.client):
        return Remote(prefix, shared, choice.finish)
    if where.is_web:
        raise Unavailable(f"{where} is {NO_LISTING}")
    found = Prefix(prefix, shared)
    if not found.listing().names and not found.listing().unknown:
        raise FileNotFoundError(f"there is nothing at {where}; check the address")
    return found.group()


def is_object(where: Address, shared: Shared) -> bool:
    """True if there is an object. A web server is asked for one only if an adapter opens it.

    Raises FileNotFoundError if a web server has none, which has no listing that may name it.
    """
    if not where.is_web:
        return bool(shared.client.existing([where.key]))
    try:
        shared.formats.adapter(Path(where.name))
    except Unavailable:
        return False
    return bool(shared.client.looks.of(where.key))


def is_store_name(where: Address) -> bool:
    """True if a name says that it is a store of Zarr."""
    return where.name.lower().endswith(tuple(SUFFIXES))
