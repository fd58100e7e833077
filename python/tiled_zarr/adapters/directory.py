"""Folders of files: sub-folders are groups, files of a known suffix are what their adapters make of them.

A child is named by its file name without the suffix, or with it where another one has the same stem. Other files, and hidden ones, are
not data. Links are followed inside the folder that is served, never out of it. What is new on disk appears at the next look.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ..nodes import Group, Node, Unavailable
from ..revisions import file_revision
from . import file_adapter, suffixes
from ._listings import Listing, Place, list_folder
from ._reopening import Nodes
from ._stores import store_revision, store_suffix

MOST_FILES = 2048
MOST_FOLDERS = 16384
"""Opened nodes that are kept for a folder that is served and all below it."""


class Folder(Mapping[str, Node]):
    """The children of a folder, as they are on disk now; files are opened when they are asked for, and again when they have changed."""

    def __init__(self, place: Place, files: Nodes, folders: Nodes) -> None:
        self.place = place
        self._files = files
        self._folders = folders
        self._listed = list_folder(place, suffixes())

    def __getitem__(self, name: str) -> Node:
        listing = self.listing()
        if name in listing.files:
            path = os.path.join(self.place.path, listing.files[name])  # noqa: PTH118 - asked with every request
            return self._files.get(path, file_revision(path), _open_file)
        if name in listing.folders:
            path = os.path.join(self.place.path, listing.folders[name])  # noqa: PTH118
            return self._folders.get(path, store_revision(path), self._open_folder)
        if name in listing.ambiguous:
            raise LookupError(f"{name!r} is the stem of several files; ask for one of {', '.join(listing.ambiguous[name])}")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        listing = self.listing()
        return iter(sorted([*listing.files, *listing.folders]))

    def __len__(self) -> int:
        listing = self.listing()
        return len(listing.files) + len(listing.folders)

    def __contains__(self, name: object) -> bool:
        listing = self.listing()
        return name in listing.files or name in listing.folders

    def listing(self) -> Listing:
        """What the folder holds, listed anew when it has changed. Raises OSError where it is gone."""
        if not (self._listed.is_settled and self._listed.revision == file_revision(self.place.path)):
            self._listed = list_folder(self.place, suffixes())
        return self._listed

    def unavailable(self) -> Mapping[str, str]:
        """Links that are not followed, with the reason."""
        return self.listing().unavailable

    def group(self) -> Group:
        """The node of the folder. It has no revision: a file that is rewritten leaves no mark on its folder."""
        return Group(children=self, unavailable=self.unavailable, blocking=True, assembled=True)

    def _open_folder(self, path: Path) -> Node:
        suffix = store_suffix(path)
        return _open_store(path, suffix) if suffix else Folder(self.place.below(path.name), self._files, self._folders).group()


def open_directory(path: Path, *, on_file: Callable[[Path], None] | None = None) -> Node:
    """The group of a folder, or what it is a store of. Opens no file; with `on_file`, which is told of each, all folders are listed now."""
    suffix = store_suffix(path)
    if suffix:
        return _open_store(path, suffix)
    real = str(path.resolve())
    folder = Folder(Place(str(path.absolute()), real, frozenset(), real), Nodes(MOST_FILES), Nodes(MOST_FOLDERS))
    if on_file:
        for file in _walk(folder):
            on_file(file)
    return folder.group()


def _walk(folder: Folder) -> Iterator[Path]:
    """The files and stores of a folder and all below it; folders that cannot be read are passed over."""
    listing = folder.listing()
    for file in listing.files.values():
        yield Path(folder.place.path, file)
    for name, file in listing.folders.items():
        path = Path(folder.place.path, file)
        if store_suffix(path):
            yield path
            continue
        try:
            node = folder[name]
        except (OSError, KeyError):  # it cannot be read, or is gone by now
            continue
        if isinstance(node, Group) and isinstance(node.children, Folder):
            yield from _walk(node.children)


def _open_file(path: Path) -> Node:
    return _adapter(path.name)(path)


def _open_store(path: Path, suffix: str) -> Node:
    return _adapter(f"store{suffix}")(path)


def _adapter(name: str) -> Callable[[Path], Node]:
    adapter = file_adapter(Path(name))
    if adapter is None:
        raise Unavailable(f"no adapter is installed for {name!r}")
    return adapter
