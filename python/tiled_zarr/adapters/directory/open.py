"""Folders of files: sub-folders are groups, files of a known suffix are what their adapters make of them.

A child is named by its file name without the suffix, or with it where another one has the same stem. Other files, and hidden ones, are
not data. Links are followed inside the folder that is served, never out of it. What is there and cannot be a child (a link that leads
nowhere, a FIFO) is named with the reason. What is new on disk appears at the next look.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from ...attributes import OURS, Late, Ours
from ...nodes import Damaged, Group, Node, TooSlow, Unavailable
from ...revisions import file_revision
from ..common import choices
from ..common.choices import NO_CHOICE, TextChoice
from ..common.fences import Fence
from ..common.folders import folder_revision
from ..common.reopened import Nodes
from ..common.stores import store_revision, store_suffix
from ..common.texts import as_text
from ..registry import file_adapter, suffixes
from .listing import Listing, Place, list_folder
from .lookahead import SLOW, Lookahead

MOST_FILES = 2048
MOST_FOLDERS = 16384
"""Opened nodes that are kept for a folder that is served and all below it."""


class Folder(Mapping[str, Node]):
    """The children of a folder, as they are on disk now; files are opened when they are asked for, and again when they have changed.

    What is there and is no child (a link out of the folder, a FIFO) raises Damaged under its name, as what cannot be read raises OSError:
    both are failures, not absences.
    """

    def __init__(self, place: Place, files: Nodes, folders: Nodes, tables: TextChoice = NO_CHOICE) -> None:
        self.place = place
        self._tables = tables
        self._files = files
        self._folders = folders
        self._ahead = Lookahead()
        self.listed = list_folder(place, suffixes())

    def __getitem__(self, name: str) -> Node:
        listing = self.listing()
        if name in listing.files:
            return self._file(listing, name)
        if name in listing.folders:
            return self._folder(os.path.join(self.place.path, listing.folders[name]))  # noqa: PTH118
        if name in listing.ambiguous:
            raise LookupError(f"{name!r} is the stem of several files; ask for one of {', '.join(listing.ambiguous[name])}")
        if name in listing.refused:
            raise Damaged(listing.refused[name])
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
        """What the folder holds, listed anew when it has changed. Raises OSError if it is gone or cannot be read."""
        if not self.is_current():
            self.listed = list_folder(self.place, suffixes())
        return self.listed

    def files(self) -> Iterator[Path]:
        """The files and stores in the folder, as it was listed last."""
        yield from (Path(self.place.path, file) for file in self.listed.files.values())
        below = (Path(self.place.path, file) for file in self.listed.folders.values())
        yield from (path for path in below if store_suffix(path))

    def is_current(self) -> bool:
        """Whether the folder is as it was listed last, and still may be read."""
        return self.listed.is_settled and self.listed.revision == folder_revision(self.place.path)

    def unavailable(self) -> Mapping[str, str]:
        """What is there and is no child, with the reason."""
        return {as_text(name): why for name, why in self.listing().refused.items()}

    def attributes(self) -> dict[str, Any]:
        """How many files there are that no adapter knows, by their suffixes."""
        unknown = self.listing().unknown
        return {OURS: Ours({"unknown": {"files": sum(unknown.values()), "suffixes": dict(unknown)}})} if unknown else {}

    def group(self) -> Group:
        """The node of the folder. It has no revision: a file that is rewritten leaves no mark on its folder."""
        return Group(children=self, attributes=Late(self.attributes), unavailable=self.unavailable, blocking=True, assembled=True)

    def _file(self, listing: Listing, name: str) -> Node:
        """The node of a file; where its library hangs, other threads begin to look at the other files of its kind."""
        path = os.path.join(self.place.path, listing.files[name])  # noqa: PTH118 - asked with every request
        if self._ahead.is_on and not self._files.has(path, file_revision(path)):
            self._ahead.wait(name)
        began = monotonic()
        try:
            return self._looked(path)
        except TooSlow:
            self._look_ahead(listing, name, monotonic() - began)
            raise

    def _looked(self, path: str) -> Node:
        return self._files.get(path, file_revision(path), self._open_file)

    def _look_ahead(self, listing: Listing, name: str, took: float) -> None:
        """Begin to look at the other files of the kind of one that hung, first at those that are listed after it."""
        if took > SLOW:
            adapter = _adapter(listing.files[name])
            files = sorted(listing.files.items(), key=lambda item: (item[0] < name, item[0]))
            paths = {other: os.path.join(self.place.path, file) for other, file in files if other != name and _adapter(file) is adapter}  # noqa: PTH118
            self._ahead.begin(paths, lambda other: self._looked(paths[other]), took)

    def _folder(self, path: str) -> Node:
        """The node of a sub-folder, which raises here what its listing raises: one that cannot be read is no child to those above."""
        known = self._folders.known(path)
        below = _folder_of(known)
        if known is not None and below is not None and below.listed.is_plain and below.is_current():
            return known
        node = self._folders.get(path, store_revision(path), self._open_folder)
        below = _folder_of(node)
        if below is not None:
            below.listing()
        return node

    def _open_file(self, path: Path) -> Node:
        self.place.fence.check(path)
        return self._opened(_adapter(path.name), path)

    def _open_folder(self, path: Path) -> Node:
        suffix = store_suffix(path)
        if suffix:
            return self._opened(_adapter(f"store{suffix}"), path)
        return Folder(self.place.below(path.name), self._files, self._folders, self._tables).group()

    def _opened(self, adapter: Callable[[Path], Node], path: Path) -> Node:
        with self.place.fence.standing(), choices.standing(self._tables):
            return adapter(path)


def _folder_of(node: Node | None) -> Folder | None:
    """The folder behind a group, or None behind anything else."""
    return node.children if isinstance(node, Group) and isinstance(node.children, Folder) else None


def open_directory(
    path: Path,
    *,
    on_file: Callable[[Path], None] | None = None,
    on_unknown: Callable[[str, int], None] = lambda *_: None,
    tables: TextChoice = NO_CHOICE,
) -> Node:
    """The group of a folder, or what it is a store of. Opens no file; with `on_file`, which is told of each, all folders are listed now.

    `on_unknown` is then told how many files of a suffix no adapter knows, for each folder; `tables` says how text tables are written.

    Raises OSError if the folder itself cannot be read.
    """
    suffix = store_suffix(path)
    if suffix:
        return _adapter(f"store{suffix}")(path)
    fence = Fence.of(path)
    folder = Folder(Place(str(path.absolute()), fence.folder, frozenset(), fence), Nodes(MOST_FILES), Nodes(MOST_FOLDERS), tables)
    if on_file:
        for below in _walk(folder):
            for file in below.files():
                on_file(file)
            for suffix, count in below.listed.unknown.items():
                on_unknown(suffix, count)
    return folder.group()


def _walk(folder: Folder) -> Iterator[Folder]:
    """A folder and all below it; those that cannot be read are passed over.

    A folder to which several links lead is looked at once: links to and fro could lead to it in more ways than can be counted.
    """
    waiting, seen = deque([folder]), set[str]()
    while waiting:
        above = waiting.popleft()
        if above.place.real in seen:
            continue
        seen.add(above.place.real)
        yield above
        for name, file in above.listed.folders.items():
            if not store_suffix(Path(above.place.path, file)) and (below := _below(above, name)) is not None:
                waiting.append(below)


def _below(folder: Folder, name: str) -> Folder | None:
    """A sub-folder, or None if it cannot be read, is gone, or has become a store."""
    try:
        return _folder_of(folder[name])
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it must not keep the server from starting
        return None


def _adapter(name: str) -> Callable[[Path], Node]:
    adapter = file_adapter(Path(name))
    if adapter is None:
        raise Unavailable(f"no adapter is installed for {name!r}")
    return adapter
