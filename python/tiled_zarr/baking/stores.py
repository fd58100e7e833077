"""Finds the array that was baked from a node, in a folder of stores.

The store of the node at `/a/b` is the folder `a/b.zarr` or `a/b`, or that of a node above, which
has `b` in it: `a.zarr`, `a`, or the folder itself for the root. The nearest one that has the array,
baked from its present version, counts. A folder is a store if the attributes of its root say that
this version of the program has baked it, and if its manifest is gone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import dtypes, opening
from ..adapters.common.stores import store_revision
from ..caches.forgetful import Forgetful
from ..hierarchy import names, v2, v3
from ..hierarchy.openings import reason
from ..nodes import Array
from ..resources import Resources
from ..revisions import file_revision
from ..storage.maker import maker
from ..storage.targets import Folder
from . import manifest
from .origins import Names
from .written import Counterpart

log = logging.getLogger(__name__)

MOST_STORES = 4096
"""Stores of which we remember what they say, at most; that of a tree may be one document of MiB."""

Said = dict[str, Any] | None


class Stores:
    """The stores in a folder."""

    def __init__(self, folder: Path, resources: Resources) -> None:
        self.folder = folder.resolve()
        self.resources = resources
        self._said: Forgetful[Path, tuple[str, Said]] = Forgetful(MOST_STORES)
        self._told: Forgetful[tuple[Path, str], None] = Forgetful(MOST_STORES)

    def find(self, path: Names, array: Array, origin: str) -> Counterpart | None:
        """The array in a store that was made from the node at a path, as it is now; None if none was.

        Blocks. A store that cannot be read counts as none, and is logged once.
        """
        for store, below in self._candidates(path):
            try:
                found = self._in(store, below, array, origin)
            except Exception as error:  # noqa: BLE001 - what cannot be read must not hide the source
                self._tell(store, reason(error))
                continue
            if found is not None:
                return found
        return None

    def _candidates(self, path: Names) -> Iterator[tuple[Path, Names]]:
        """The folders that may be the store of a node or of one above it, and its path in there."""
        for count in range(len(path), -1, -1):
            folder = self.folder.joinpath(*path[:count])
            for store in [folder] if not count else [folder.parent / f"{folder.name}.zarr", folder]:
                if self._is_inside(store):
                    yield store, path[count:]

    def _is_inside(self, folder: Path) -> bool:
        """True if a folder is there, and is in ours: names of nodes may hold slashes and dots.

        They may also be longer than a file's, where `Path.is_dir` raises an error.
        """
        return os.path.isdir(folder) and folder.resolve().is_relative_to(self.folder)  # noqa: PTH112

    def _in(self, store: Path, below: Names, array: Array, origin: str) -> Counterpart | None:
        """The array at a path in a store if it was made from that origin."""
        said = self._of_root(store)
        if said is None:
            return None
        is_v3 = (store / "zarr.json").exists()
        folder = store.joinpath(*(names.wire(name, (v3 if is_v3 else v2).FORBIDDEN) for name in below))
        document = folder / ("zarr.json" if is_v3 else ".zarray")
        if not (self._is_inside(folder) and document.exists()):
            return None
        opened = file_revision(document)
        mark = (manifest.said(Folder(folder)) if below else said) or {}
        if manifest.ORIGIN not in mark:
            return None
        if mark[manifest.ORIGIN] != origin:
            self._tell(store, "it was made from another version of its source, or from another source: bake it again")
            return None
        node = opening.open(folder, resources=self.resources)
        if not isinstance(node, Array) or not is_like(node, array):
            self._tell(store, f"{folder.name} in it has another shape or type than its source: bake it again")
            return None
        return Counterpart(document, opened, node)

    def _of_root(self, store: Path) -> Said:
        """What the root of a store says; None if it is no store, or none that counts."""
        if (store / manifest.KEY).exists():
            self._tell(store, "it is not finished: go on with --resume")
            return None
        revision = store_revision(store)
        known = self._said.get(store)
        if known is None or known[0] != revision:
            known = self._said[store] = revision, manifest.said(Folder(store)) if revision else None
        said = known[1]
        if said is None or manifest.BY not in said:
            return None  # Zarr that we have not baked, or a node in a store
        if (said[manifest.BY], said.get(manifest.VERSION)) != (maker(), manifest.NUMBER):
            self._tell(store, "another version of tiled-zarr has made it: bake it again")
            return None
        return said

    def _tell(self, store: Path, why: str) -> None:
        """Log once why a store is not used."""
        if (store, why) not in self._told:
            self._told[store, why] = None
            log.warning("%s is not used: %s", store.relative_to(self.folder) if store != self.folder else store.name, why)


def is_like(stored: Array, array: Array) -> bool:
    """True if an array of a store can stand for another one: it has its shape, its type, and known chunks."""
    return (
        not stored.is_sparse
        and stored.source.stored is not None
        and stored.chunks is not None
        and (stored.shape, dtypes.wire(stored.dtype)) == (array.shape, dtypes.wire(array.dtype))
    )
