"""What lies at an address: an object, which an adapter opens, or a store of Zarr."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from ...nodes import Node, Unavailable
from ...resources import Resources
from ...revisions import joined
from ..common import choices
from ..common.choices import NO_CHOICE, TextChoice
from ..common.extras import require
from ..common.faults import NoRanges
from ..common.ranged import reads_by_ranges
from ..common.reopened import Nodes
from ..common.stores import ATTRIBUTES, DOCUMENTS
from ..registry import Adapter, file_adapter, open_store, suffixes
from . import copies
from .addresses import Address
from .clients import Client
from .looks import Seen
from .objects import Object, Version

COPIED = " copied to "
"""Stands between the revision of an object and the folder of its copy, as the revision of a node."""
MOST_FILES = 10_240
"""Opened objects that are kept for a served address, as for a folder."""


class Formats(Protocol):
    """Which objects are data, by their suffixes, and which adapter opens each."""

    @property
    def suffixes(self) -> frozenset[str]:
        """The suffixes of objects that are data, in lower case, with their dots."""

    def adapter(self, path: Path) -> Adapter:
        """The adapter for an object, by its name. Raises Unavailable if there is none."""


@dataclass(frozen=True)
class Installed:
    """The formats whose adapters are installed."""

    @property
    def suffixes(self) -> frozenset[str]:
        """The suffixes of objects that are data."""
        return suffixes()

    def adapter(self, path: Path) -> Adapter:
        """The adapter for an object. Raises Unavailable if there is none."""
        found = file_adapter(path)
        if found is None:
            raise Unavailable(f"no adapter for the suffix of {path.name!r}; known are {', '.join(sorted(suffixes()))}")
        return found


INSTALLED = Installed()


class Shared(NamedTuple):
    """What an address that is served, and all below it, share; `nodes` keeps what was opened."""

    client: Client
    nodes: Nodes
    resources: Resources | None
    formats: Formats = INSTALLED
    tables: TextChoice = NO_CHOICE

    @classmethod
    def of(cls, client: Client, resources: Resources | None, formats: Formats = INSTALLED, tables: TextChoice = NO_CHOICE) -> Shared:
        """With nothing opened yet."""
        nodes = Nodes(MOST_FILES, resources.abandoned if resources else (), is_settled=lambda _: True)
        return cls(client, nodes, resources, formats, tables)


def object_node(where: Address, shared: Shared) -> Node:
    """The node of an object as it is now. Blocks if the last look is too long ago.

    Raises FileNotFoundError if it is not there, and Unavailable if nothing opens it.
    """
    adapter = shared.formats.adapter(Path(where.name))
    seen = shared.client.looks.of(where.key)
    if reads_by_ranges(adapter, where.name):
        try:
            return shared.nodes.get(str(where), seen.revision, lambda _: ranged(where, adapter, shared))
        except NoRanges:
            pass
    return copied(where, seen, adapter, shared)


def ranged(where: Address, adapter: Adapter, shared: Shared) -> Node:
    """The node that an adapter makes of an object, which it reads by ranges."""
    with choices.in_force(shared.tables):
        return adapter(Object(shared.client, where), shared.resources)


def copied(where: Address, seen: Seen, adapter: Adapter, shared: Shared) -> Node:
    """The node that an adapter makes of a copy of an object."""
    copy = copies.copy_of(Version(shared.client, where, seen, shared.client.looks.cell(where.key)))
    revision = f"{seen.revision}{COPIED}{copy.folder.name}"
    with choices.in_force(shared.tables):
        return shared.nodes.get(str(where), revision, lambda _: copies.opened(copy, adapter, shared.resources))


def opened_at(where: Address, shared: Shared) -> str | None:
    """The revision of an object when its node was opened last; None if no node is kept."""
    known = shared.nodes.opened_at(str(where))
    return None if known is None else known.partition(COPIED)[0]


def documents(where: Address, client: Client) -> dict[str, Seen]:
    """The documents of Zarr that a prefix has, by key; without one of DOCUMENTS it is no store.

    Blocks if the last looks are too long ago.
    """
    found = client.existing([where.below(name).key for name in (*DOCUMENTS, ATTRIBUTES)])
    return found if any(key.endswith(DOCUMENTS) for key in found) else {}


def store_node(where: Address, found: dict[str, Seen], shared: Shared) -> Node:
    """The node of a store of Zarr with these documents; it is opened again if one of them changes."""
    revision = joined([f"{key}={seen.revision}" for key, seen in sorted(found.items())])
    return shared.nodes.get(f"{where}/", revision, lambda _: opened_store(where, shared))


def opened_store(where: Address, shared: Shared) -> Node:
    """The node that zarr-python's store over obstore's makes."""
    storage = require("zarr.storage", "remote")
    store = storage.ObjectStore(shared.client.at(where), read_only=True)
    return open_store(store, shared.resources, life=shared.client.terms.look)
