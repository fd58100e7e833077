"""What lies at an address: an object, which an adapter opens, or a store of Zarr."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from ...nodes import Damaged, Node, Unavailable
from ...resources import Resources
from ...revisions import joined
from ..common import choices
from ..common.choices import NO_CHOICE, TextChoice
from ..common.extras import require
from ..common.faults import NoRanges
from ..common.ranged import reads_by_ranges
from ..common.reopened import Nodes
from ..common.stores import ATTRIBUTES, CONSOLIDATED, DOCUMENTS, ICECHUNK, PARQUET, REFERENCES, REPOSITORY, SNAPSHOTS
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


def documents(where: Address, shared: Shared) -> dict[str, Seen]:
    """The objects that make a prefix a store, by key; none if it is no store.

    They are the documents of Zarr, else the one that tells that a repository of icechunk, or a folder
    of references, has changed. Blocks if the last looks are too long ago.
    """
    found = shared.client.existing([where.below(name).key for name in (*DOCUMENTS, ATTRIBUTES)])
    return found if any(key.endswith(DOCUMENTS) for key in found) else {} if where.is_web else _of_others(where, shared)


def _of_others(where: Address, shared: Shared) -> dict[str, Seen]:
    """The document of a repository of icechunk, or of a folder of references.

    A repository has a folder of snapshots, too, which we look for until it has been opened.
    """
    names = (REPOSITORY, *[CONSOLIDATED] * where.name.lower().endswith(PARQUET))
    found = shared.client.existing([where.below(name).key for name in names])
    repository = where.below(REPOSITORY).key
    if repository in found and opened_at(where, shared) is None and SNAPSHOTS not in shared.client.list(where.key).prefixes:
        del found[repository]
    return found


def store_node(where: Address, found: dict[str, Seen], shared: Shared) -> Node:
    """The node of a store with these documents; it is opened again if one of them changes."""
    revision = joined([f"{key}={seen.revision}" for key, seen in sorted(found.items())])
    other = ICECHUNK if where.below(REPOSITORY).key in found else REFERENCES if where.below(CONSOLIDATED).key in found else None
    return shared.nodes.get(str(where), revision, lambda _: opened_store(where, shared) if other is None else adapted(where, other, shared))


def adapted(where: Address, suffix: str, shared: Shared) -> Node:
    """The node that the adapter for stores of a kind makes of a prefix."""
    adapter = file_adapter(Path(suffix))
    if adapter is None:
        raise Damaged(f"no adapter is installed for {suffix}")
    return adapter(Object(shared.client, where), shared.resources)


def opened_store(where: Address, shared: Shared) -> Node:
    """The node that zarr-python's store over obstore's makes."""
    storage = require("zarr.storage", "remote")
    store = storage.ObjectStore(shared.client.at(where), read_only=True)
    return open_store(store, shared.resources, life=shared.client.terms.look)
