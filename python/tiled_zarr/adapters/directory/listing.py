"""The contents of a folder: which files and sub-folders are data, and their names as children."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from pathlib import Path
from types import MappingProxyType

from ...nodes import Unavailable
from ..common.fences import CIRCLE, KINDS, NOWHERE, OUTSIDE, Fence
from ..common.folders import described, is_settled
from ..common.naming import FILE, FOLDER, Data, Entries, Item, counted, data_of, names_of
from ..common.stores import DOCUMENTS, FRAME
from .formats import Chooser, Formats
from .sequences import NONE, Found, Sequence, sequences

STORE_FILES = frozenset({*DOCUMENTS, FRAME})
CYCLE = "a cycle: a link back to a folder above it"
BROKEN = MappingProxyType({errno.ENOENT: NOWHERE, errno.ENOTDIR: NOWHERE, errno.ELOOP: CIRCLE})
"""Reasons by the error of looking at a link's target."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in the tree.

    It has the path by which we reached the folder, its real path, the real paths of the folders
    above it, and the fence around what is served.
    """

    path: str
    real: str
    above: frozenset[str]
    fence: Fence

    def below(self, name: str) -> Place:
        """The place of a sub-folder."""
        path = os.path.join(self.path, name)  # noqa: PTH118 - strings throughout, for ten thousand files
        real = os.path.realpath(path) if os.path.islink(path) else os.path.join(self.real, name)  # noqa: PTH114, PTH118
        return Place(path, real, self.above | {self.real}, self.fence)

    def refusal(self, path: str) -> str | None:
        """The reason why a link in this folder is not followed, or None if it is."""
        real = os.path.realpath(path)
        if not self.fence.holds(real):
            return OUTSIDE
        try:
            os.stat(path)  # noqa: PTH116
        except OSError as error:
            return BROKEN.get(error.errno or 0, f"a link that cannot be followed: {error.strerror}")
        return CYCLE if real in self.above | {self.real} else None


@dataclass(frozen=True)
class Listing:
    """The contents of a folder at one moment.

    `files` and `folders` have file names by the names of children, in no order. `sequences` are the
    numbered files, by the names of their stacks; those of a stack that is listed are in `frames`
    instead of `files`, by the names that they would have. `ambiguous` has, by stem, the files that
    share it. `refused` has the reason why an entry is no child, by the name that it would have as
    one. `unknown` counts the files without an adapter by suffix. `is_plain` is true if no document
    makes the folder a store. `revision` is that of the folder; it is proof that nothing has changed
    only if `is_settled`, since a file that is written right after the listing may leave the
    folder's modification time as it is.
    """

    revision: str
    is_settled: bool
    is_plain: bool
    files: Mapping[str, str]
    folders: Mapping[str, str]
    sequences: Mapping[str, Sequence]
    frames: Mapping[str, str]
    ambiguous: Mapping[str, list[str]]
    refused: Mapping[str, str]
    unknown: Mapping[str, int]

    @cached_property
    def stacks(self) -> Mapping[str, Sequence]:
        """The sequences that are listed, by name."""
        return {name: sequence for name, sequence in self.sequences.items() if sequence.is_listed}

    @cached_property
    def names(self) -> list[str]:
        """The names of all children, sorted when somebody first asks: counting needs no order."""
        return sorted([*self.files, *self.folders, *self.stacks])

    def __contains__(self, name: object) -> bool:
        return name in self.files or name in self.folders or name in self.stacks

    def __len__(self) -> int:
        return len(self.files) + len(self.folders) + len(self.stacks)


def list_folder(place: Place, formats: Formats) -> Listing:
    """The children of a folder: its sub-folders, and its files of these formats. Opens no file.

    100,000 files cost at most about three times as much as `os.scandir`, and numbered ones four
    times: what is done for each of them is one loop in `data_of` (naming.py), and operations on whole sets. Raises
    OSError if the folder may not be read and searched, Damaged if it is no longer inside the fence.
    """
    with place.fence.listed(place.path) as descriptor:
        status = os.fstat(descriptor)
        with os.scandir(descriptor) as found:
            entries = _sorted_out(found, place)
    data = data_of(entries, formats.suffixes)
    failed: dict[str, str] = {}
    if formats.chosen is not None:
        data = _as_chosen(data, entries, place, formats.chosen, failed)
    names, ambiguous = names_of(data)
    sequenced = _sequences(data, entries, formats, names, ambiguous) if formats.sequences != "none" else NONE
    folders, refused = {}, failed
    if entries.others:
        odd = {name: (file, item) for name, file in names.items() if (item := entries.others.get(file)) and item != FILE}
        for name, (file, item) in sorted(odd.items()):
            del names[name]
            if item.refusal is not None:
                refused[name] = item.refusal
            else:
                folders[name] = file
    names, frames = _without_frames(names, sequenced)
    return Listing(
        revision=described(status),
        is_settled=is_settled(status),
        is_plain=STORE_FILES.isdisjoint(entries.files) and STORE_FILES.isdisjoint(entries.others),
        files=names,
        folders=folders,
        sequences=sequenced.by_name,
        frames=frames,
        ambiguous={**ambiguous, **sequenced.ambiguous},
        refused=refused,
        unknown=counted(data.unknown),
    )


def _sequences(data: Data, entries: Entries, formats: Formats, names: Mapping[str, str], ambiguous: Collection[str]) -> Found:
    """The sequences among the files that are data; a link that is not followed is in none."""
    files, stems = data.files, data.stems
    if entries.others:
        are_files = [entries.others.get(file, FILE) == FILE for file in files]
        files, stems = list(compress(files, are_files)), list(compress(stems, are_files))
    return sequences(files, stems, formats.sequences, names, ambiguous)


def _without_frames(names: dict[str, str], sequenced: Found) -> tuple[dict[str, str], dict[str, str]]:
    """File names by the names of children: first those that are listed, then the frames of stacks."""
    framed = {file for sequence in sequenced.by_name.values() if sequence.is_listed for file in sequence.found}
    if not framed or len(framed) == len(names):
        return ({}, names) if framed else (names, {})
    return {name: file for name, file in names.items() if file not in framed}, {
        name: file for name, file in names.items() if file in framed
    }


def _sorted_out(found: Iterable[os.DirEntry[str]], place: Place) -> Entries:
    """The regular files among the entries of a folder, which are most of them, and the others."""
    entries = Entries([], {})
    for entry in found:
        try:
            is_regular = entry.is_file(follow_symlinks=False)
        except OSError:
            is_regular = False
        if is_regular:
            entries.files.append(entry.name)
        else:
            entries.others[entry.name] = item_of(entry, place)
    return entries


def item_of(entry: os.DirEntry[str], place: Place) -> Item:
    """What an entry of a folder is. Opens nothing, and raises no OSError."""
    try:
        if entry.is_symlink():
            return _linked(os.path.join(place.path, entry.name), place)  # noqa: PTH118
        if entry.is_dir():
            return FOLDER
        return FILE if entry.is_file() else Item(False, _kind(entry.stat(follow_symlinks=False)))
    except OSError as error:
        return Item(None, f"its kind cannot be determined: {error.strerror}")


def _linked(path: str, place: Place) -> Item:
    """What the target of a link is."""
    refusal = place.refusal(path)
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return Item(None, refusal or NOWHERE)
    is_folder = stat.S_ISDIR(status.st_mode)
    is_data = is_folder or stat.S_ISREG(status.st_mode)
    return Item(is_folder, refusal if is_data else refusal or _kind(status))


def _kind(status: os.stat_result) -> str:
    return KINDS.get(stat.S_IFMT(status.st_mode), "no regular file")


def _as_chosen(data: Data, entries: Entries, place: Place, chosen: Chooser, failed: dict[str, str]) -> Data:
    """The data, after an operator's function has been asked about each file.

    It may make data of any file, and say that one is none. `failed` gets the reason why it failed,
    by file.
    """
    kept = Data([], [], [])
    stems = dict(zip(data.files, data.stems, strict=True))
    for file in [*data.files, *data.unknown]:
        try:
            is_chosen = entries.others.get(file, FILE) == FILE and chosen(Path(place.path, file)) is not None
        except Unavailable:
            kept.unknown.append(file)
            continue
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the function, the folder is served
            failed[file] = f"the function for mimetypes failed: {type(error).__name__}: {error}"
            continue
        if file in stems or is_chosen:
            kept.files.append(file)
            kept.stems.append(stems.get(file) or file.rpartition(".")[0] or file)
        else:
            kept.unknown.append(file)
    return kept
