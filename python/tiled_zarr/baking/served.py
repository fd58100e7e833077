"""Finds the stores whose levels a server sends in place of those that it would make."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from .. import opening
from ..hierarchy.openings import reason
from ..nodes import Array, Group
from ..resources import Resources
from ..storage.maker import maker
from ..storage.targets import Folder
from . import manifest
from .plan import fingerprint, read_for

log = logging.getLogger(__name__)

SUFFIXES = (".ome.zarr", ".zarr", "")


class Served:
    """The stores in a folder. Call it with the path of an image, and the image."""

    def __init__(self, folder: Path, resources: Resources) -> None:
        self.folder = folder.resolve()
        self.resources = resources

    def __call__(self, path: str, image: Array) -> Mapping[int, Array]:
        """The levels that were baked from this image as it is now, by number; none if none were.

        Blocks. A store that cannot be read counts as none, and is logged.
        """
        for store in self._candidates(path):
            try:
                found = self._levels(store, image)
            except Exception as error:  # noqa: BLE001 - what cannot be read must not hide the image
                log.warning("%s is not used: %s", store.name, reason(error))
                continue
            if found:
                return found
        return {}

    def _candidates(self, path: str) -> Iterator[Path]:
        """The folders that may be the store of an image. A name that leads out of ours is no store's."""
        for suffix in SUFFIXES:
            store = self.folder / f"{path.lstrip('/')}{suffix}"
            # Path.is_dir raises an error if a name is too long for a file
            if os.path.isdir(store) and store.resolve().is_relative_to(self.folder):  # noqa: PTH112
                yield store

    def _levels(self, store: Path, image: Array) -> Mapping[int, Array]:
        baked = manifest.said(Folder(store))
        if baked is None or baked.get(manifest.BY) != maker():
            return {}
        source = fingerprint(read_for("0", image))
        if source is None or baked.get(manifest.SOURCE) != source:
            log.info("%s is not used: it was made from another version of its image", store.name)
            return {}
        root = opening.open(store, resources=self.resources)
        children = root.children if isinstance(root, Group) else {}
        return {int(name): node for name, node in children.items() if name.isdecimal() and isinstance(node, Array)}
