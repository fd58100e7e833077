"""Opens an address: an object, a store of Zarr, or a prefix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ...nodes import Group, Node, Unavailable
from ...resources import Resources, default
from ..common.choices import NO_CHOICE, TextChoice
from ..common.single import Single, is_root
from ..common.stores import ZARR
from ..common.watchers import Watcher
from .addresses import Address
from .clients import Terms, client
from .items import INSTALLED, Formats, Shared, documents, object_node, store_node
from .prefixes import Prefix

NO_LISTING = "no Zarr store, and web servers have no listings: give the address of a file, or of a store with zarr.json or .zgroup"


class Choice(NamedTuple):
    """What is chosen for an address; `finish` is applied to the node of a single object or store."""

    formats: Formats = INSTALLED
    tables: TextChoice = NO_CHOICE
    finish: Callable[[Node], Node] = lambda node: node


NOTHING_CHOSEN = Choice()
NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


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
        found = documents(self.where, self._shared)
        return self._finish(store_node(self.where, found, self._shared))

    def revision(self) -> str | None:
        """What the last look saw, without waiting; None if that is no longer trusted, or of a store."""
        known = None if self.where.is_prefix else self._shared.nodes.known(str(self.where))
        return known.revision() if is_root(known) else None


def open_remote(url: str, resources: Resources | None = None) -> Node:
    """The node of what lies at a URL.

    Raises FileNotFoundError if there is nothing, Unavailable if nothing opens it, and Damaged,
    ConnectionError, TooSlow or Busy if its store fails.
    """
    found = found_at(url, resources)
    return found.node() if isinstance(found, Single) else found


def found_at(
    url: str,
    resources: Resources | None = None,
    choice: Choice = NOTHING_CHOSEN,
    store: Mapping[str, Any] = NO_OPTIONS,
    *,
    frozen: bool = False,
) -> Single | Group:
    """The group of a prefix, or an object or a store of Zarr. Raises as `open_remote` does.

    `store` has options as settings spell them. What is `frozen` is looked at once.

    A URL without a slash at its end is that of an object if there is one, else of a prefix.
    """
    where = Address.of(url)
    if where.is_web and store:
        raise Unavailable(f"{where} is on a web server, which has no options: leave out {', '.join(sorted(store))}")
    terms = Terms.of((resources or default()).fetching, store, frozen=frozen)
    shared = Shared.of(client(where, terms, resources), resources, choice.formats, choice.tables)
    if not where.is_prefix and not is_store_name(where) and is_object(where, shared):
        return Remote(where, shared, choice.finish)
    prefix = where._replace(is_prefix=True)
    if is_store_name(where) or documents(prefix, shared):
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
    return where.name.lower().endswith(ZARR)


def at_root(found: Single | Group, name: str, watcher: Watcher) -> Group:
    """The root for what was found; an array or a table is its only child `name`.

    The objects of a prefix are told to the watcher; those of longer ones are not listed. Raises
    what opening a single one raises.
    """
    if isinstance(found, Single):
        return found.root(name)
    assert isinstance(found.children, Prefix)
    listing = found.children.listing()
    if watcher.on_file is not None:
        for file in listing.files.values():
            watcher.on_file(Path(file))
        for suffix, count in listing.unknown.items():
            watcher.on_unknown(suffix, count)
    return found
