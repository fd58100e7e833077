"""Folders of files: sub-folders are groups, and files with a known suffix are opened by an adapter.

A child's name is its file name without the suffix, or with the suffix if another file has the same
stem. Numbered files are one stack (sequences.py, stacks.py). Other files and hidden files are not
data. We follow links inside the served folder, and never out of it. An entry that cannot be a child
(a broken link, a FIFO) is listed with the reason. New files appear at the next request.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from ...attributes import OURS, Late, Ours
from ...nodes import Damaged, Group, Node, TooSlow
from ...outlines import Outline, Source, looked
from ...resources import Resources
from ...revisions import file_revision
from ..common import choices
from ..common.choices import NO_CHOICE, TextChoice
from ..common.fences import Fence
from ..common.folders import folder_revision
from ..common.reopened import Nodes
from ..common.stores import StoreRevisions, store_suffix
from ..common.texts import as_text
from ..registry import Adapter, watched
from . import stacked
from .formats import DEFAULT, Formats
from .listing import Listing, Place, list_folder
from .lookahead import SLOW, Lookahead
from .stacked import Stacks

MOST_FILES = 10_240
"""Opened files that are kept for a served folder and everything below it.

A document or a listing opens at most `max_nodes` of them (10,000 unless the settings say more). If
fewer were kept, each would push out the next one that is asked for, and all be opened every time.
"""
MOST_FOLDERS = 16_384
"""Opened folders that are kept for a served folder and everything below it."""


class Shared(NamedTuple):
    """What a served folder and all folders below it share.

    `files`, `folders` and `stacks` keep the opened nodes, `stores` the revisions of folders that are
    stores. `tables` says how text tables are written, `formats` which adapters open files.
    """

    files: Nodes
    folders: Nodes
    stacks: Stacks
    stores: StoreRevisions
    tables: TextChoice
    formats: Formats
    resources: Resources | None


class Folder(Mapping[str, Node]):
    """The children of a folder, as they are on disk now.

    A file is opened when it is asked for, and again after it has changed. An entry that is no child
    (a link out of the folder, a FIFO) raises Damaged under its name, and one that cannot be read
    raises OSError: both are failures, and not absences.
    """

    def __init__(self, place: Place, shared: Shared) -> None:
        self.place = place
        self._shared = shared
        self._ahead = Lookahead()
        self._look = object()
        self.listed = list_folder(place, shared.formats)

    def __getitem__(self, name: str) -> Node:
        listing = self.listing()
        if (file := listing.files.get(name) or listing.frames.get(name)) is not None:
            return self._file(listing, name, file)
        if name in listing.folders:
            return self._folder(self._path(listing.folders[name]))
        if name in listing.sequences:
            return self._shared.stacks.of(self.place.path, listing, name, self._open_file)
        if name in listing.ambiguous:
            raise LookupError(f"{name!r} is the stem of several files; ask for one of {', '.join(listing.ambiguous[name])}")
        if name in listing.refused:
            raise Damaged(listing.refused[name])
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.listing().names)

    def __len__(self) -> int:
        return len(self.listing())

    def __contains__(self, name: object) -> bool:
        return name in self.listing()

    def listing(self) -> Listing:
        """The contents of the folder, listed again if it has changed.

        Inside `one_look` the folder is asked once. Raises OSError if it has gone or cannot be read.
        """
        return looked(self._look, self._listing)

    def _listing(self) -> Listing:
        if not self.is_current():
            self.listed = list_folder(self.place, self._shared.formats)
        return self.listed

    def files(self) -> Iterator[Path]:
        """The files and stores in the folder, as of its latest listing."""
        files = {**self.listed.files, **self.listed.frames}
        yield from (Path(self.place.path, files[name]) for name in sorted(files))
        below = (Path(self.place.path, file) for file in self.listed.folders.values())
        yield from (path for path in below if store_suffix(path))

    def is_current(self) -> bool:
        """Whether the latest listing is still valid, and the folder can still be read."""
        return self.listed.is_settled and self.listed.revision == folder_revision(self.place.path)

    def unavailable(self) -> Mapping[str, str]:
        """The entries that are no children, with the reason."""
        return {as_text(name): why for name, why in self.listing().refused.items()}

    def attributes(self) -> dict[str, Any]:
        """How many files have no adapter, by suffix, under our key; empty if there is none."""
        unknown = self.listing().unknown
        return {OURS: Ours({"unknown": {"files": sum(unknown.values()), "suffixes": dict(unknown)}})} if unknown else {}

    def group(self) -> Group:
        """The node of the folder.

        It has no revision: rewriting a file does not change its folder.
        """
        return Group(
            children=self,
            attributes=Late(self.attributes),
            unavailable=self.unavailable,
            blocking=True,
            kind="folder",
            outline=Outline(self.revision, lambda: [*self.listing().folders], self.sources),
            watched=(self.place.path,),
        )

    def revision(self) -> str | None:
        """A text that changes with the folder's entries; None if they have just changed.

        Another change could then leave the folder's modification time as it is.
        """
        listing = self.listing()
        return listing.revision if listing.is_settled else None

    def sources(self) -> list[tuple[Source, str]] | None:
        """The files as sources, each with the revision at which it was opened.

        Of a stack it is the file that shows what frames are. None if one of them has not been
        opened, or a sub-folder is a store.
        """
        listing = self.listing()
        if any(_folder_of(self._shared.folders.known(self._path(folder))) is None for folder in listing.folders.values()):
            return None
        files = [
            *listing.files.values(),
            *(file for name in listing.stacks if (file := self._shared.stacks.model(self.place.path, listing, name))),
        ]
        found = [source for file in files if (source := self._shared.files.source(self._path(file)))]
        return found if len(found) == len(listing.files) + len(listing.stacks) else None

    def _path(self, file: str) -> str:
        """The path of an entry."""
        return os.path.join(self.place.path, file)  # noqa: PTH118 - called on every request

    def _file(self, listing: Listing, name: str, file: str) -> Node:
        """The node of a file.

        If its library hangs, other threads start to open the other files of its kind.
        """
        path = self._path(file)
        if self._ahead.is_on and not self._shared.files.has(path, file_revision(path)):
            self._ahead.wait(name)
        began = monotonic()
        try:
            return self._looked(path)
        except TooSlow:
            self._look_ahead(listing, name, file, monotonic() - began)
            raise

    def _looked(self, path: str) -> Node:
        return self._shared.files.get(path, file_revision(path), self._open_file)

    def _look_ahead(self, listing: Listing, name: str, file: str, took: float) -> None:
        """Start to open the other files of the kind of one that hung.

        Those listed after it come first.
        """
        if took > SLOW:
            adapter = self._adapter(file)
            files = sorted(listing.files.items(), key=lambda item: (item[0] < name, item[0]))
            paths = {other: self._path(one) for other, one in files if other != name and self._adapter(one) is adapter}
            self._ahead.begin(paths, lambda other: self._looked(paths[other]), took)

    def _adapter(self, file: str) -> Adapter:
        return self._shared.formats.adapter(Path(self._path(file)))

    def _folder(self, path: str) -> Node:
        """The node of a sub-folder. Raises here what its listing raises: then it is no child."""
        known = self._shared.folders.known(path)
        below = _folder_of(known)
        if known is not None and below is not None and below.listing().is_plain:
            return known
        node = self._shared.folders.get(path, self._shared.stores.of(path), self._open_folder)
        below = _folder_of(node)
        if below is not None:
            below.listing()
        return node

    def _open_file(self, path: Path) -> Node:
        self.place.fence.check(path)
        return self._opened(self._shared.formats.adapter(path), path)

    def _open_folder(self, path: Path) -> Node:
        suffix = store_suffix(path)
        if suffix:
            return self._opened(DEFAULT.adapter(Path(f"store{suffix}")), path)
        return Folder(self.place.below(path.name), self._shared).group()

    def _opened(self, adapter: Adapter, path: Path) -> Node:
        with self.place.fence.in_force(), choices.in_force(self._shared.tables):
            return watched(adapter(path, self._shared.resources), path)


def _folder_of(node: Node | None) -> Folder | None:
    """The Folder behind a group; None for any other node."""
    return node.children if isinstance(node, Group) and isinstance(node.children, Folder) else None


def open_directory(  # noqa: PLR0913 - one folder, opened in one place
    path: Path,
    resources: Resources | None = None,
    *,
    on_file: Callable[[Path], None] | None = None,
    on_unknown: Callable[[str, int], None] = lambda *_: None,
    tables: TextChoice = NO_CHOICE,
    formats: Formats = DEFAULT,
) -> Node:
    """The group of a folder, or the node of the store that it is. Opens no file.

    With `on_file`, all folders are listed now. `on_file` is called with each file, and `on_unknown`
    for each folder and suffix with the number of files that have no adapter. `tables` says how text
    tables are written, `formats` which adapters open files and which files are one stack. Raises
    OSError if the folder itself cannot be read.
    """
    suffix = store_suffix(path)
    if suffix:
        return DEFAULT.adapter(Path(f"store{suffix}"))(path, resources)
    fence = Fence.of(path)
    abandoned = resources.abandoned if resources else ()
    files, frames, folders = (Nodes(most, abandoned) for most in (MOST_FILES, stacked.MOST_FRAMES, MOST_FOLDERS))
    shared = Shared(files, folders, Stacks(files, frames), StoreRevisions(MOST_FOLDERS), tables, formats, resources)
    folder = Folder(Place(str(path.absolute()), fence.folder, frozenset(), fence), shared)
    if on_file:
        for below in _walk(folder):
            for file in below.files():
                on_file(file)
            for suffix, count in below.listed.unknown.items():
                on_unknown(suffix, count)
    return folder.group()


def _walk(folder: Folder) -> Iterator[Folder]:
    """Yield a folder and all folders below it, except those that cannot be read.

    A folder to which several links lead is visited once: links in both directions can lead to it in
    more ways than can be counted.
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
    """A sub-folder; None if it cannot be read, has gone, or has become a store."""
    try:
        return _folder_of(folder[name])
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it must not keep the server from starting
        return None
