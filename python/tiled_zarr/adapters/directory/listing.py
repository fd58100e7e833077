"""The contents of a folder: which files and sub-folders are data, and their names as children."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ...nodes import Unavailable
from ..common.fences import CIRCLE, KINDS, NOWHERE, OUTSIDE, Fence
from ..common.folders import described, is_settled
from ..common.stores import DOCUMENTS, FRAME
from ..common.stores import SUFFIXES as STORE_SUFFIXES
from ..common.texts import as_text
from .formats import Chooser, Formats
from .sequences import NONE, Found, Sequence, sequences

STORE_FILES = frozenset({*DOCUMENTS, FRAME})
MOST_SUFFIXES = 100
"""Suffixes of unknown files that are counted by themselves; the others are counted together."""
LONGEST_SUFFIX = 30
"""Characters of a suffix that are kept."""
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


class Item(NamedTuple):
    """What a folder's entry is.

    `is_folder` is None if that is unknown; `refusal` is the reason why the entry is no child, or
    None.
    """

    is_folder: bool | None
    refusal: str | None


FOLDER = Item(is_folder=True, refusal=None)
FILE = Item(is_folder=False, refusal=None)


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


class Entries(NamedTuple):
    """The entries of a folder: the names of regular files, and what each other entry is."""

    files: list[str]
    others: dict[str, Item]


class Data(NamedTuple):
    """The entries that are data: their file names, and the `stems` that would name them, in order.

    `unknown` are the names of the files without an adapter.
    """

    files: list[str]
    stems: list[str]
    unknown: list[str]


def list_folder(place: Place, formats: Formats) -> Listing:
    """The children of a folder: its sub-folders, and its files of these formats. Opens no file.

    100,000 files cost at most about three times as much as `os.scandir`, and numbered ones four
    times: what is done for each of them is one loop in `_data`, and operations on whole sets. Raises
    OSError if the folder may not be read and searched, Damaged if it is no longer inside the fence.
    """
    with place.fence.listed(place.path) as descriptor:
        status = os.fstat(descriptor)
        with os.scandir(descriptor) as found:
            entries = _sorted_out(found, place)
    data = _data(entries, formats.suffixes)
    failed: dict[str, str] = {}
    if formats.chosen is not None:
        data = _as_chosen(data, entries, place, formats.chosen, failed)
    names, ambiguous = _names(data)
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
        unknown=_unknown(data.unknown),
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


def _unknown(names: Iterable[str]) -> dict[str, int]:
    """How many files there are of each suffix, in lower case.

    Suffixes after the MOST_SUFFIXES most frequent are counted together under "*".
    """
    counts = Counter(as_text(name.rpartition(".")[2].lower() if "." in name else "")[:LONGEST_SUFFIX] for name in names)
    common = counts.most_common(MOST_SUFFIXES)
    rest = counts.total() - sum(count for _, count in common)
    return dict(sorted(common)) | ({"*": rest} if rest else {})


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


def _data(entries: Entries, suffixes: frozenset[str]) -> Data:
    """The entries that are data; hidden ones are not.

    A stem is a file's name without its longest known suffix, or a folder's without the suffix of a
    store. What follows the first dot decides, and most files of a folder have the same there.
    """
    data = Data([], [], [])
    files, stems, unknown = data
    lengths: dict[str, int] = {}
    for name in entries.files:
        first, _, ending = name.partition(".")
        length = lengths.get(ending)
        if length is None:
            length = lengths[ending] = _suffix_length(ending, suffixes)
        if not first:
            continue
        if length:
            files.append(name)
            stems.append(first if length > len(ending) else name[:-length])
        else:
            unknown.append(name)
    for name, item in entries.others.items():
        length = _suffix_length(name.partition(".")[2], STORE_SUFFIXES if item.is_folder else suffixes)
        if name.startswith("."):
            continue
        if length or item.is_folder is not False:
            files.append(name)
            stems.append(name[:-length] if length else name)
        elif item == FILE:
            unknown.append(name)
    return data


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


def _suffix_length(ending: str, known: frozenset[str]) -> int:
    """The length of the longest known suffix, with its dot, of a name that ends so; 0 if none.

    `ending` is what follows the first dot of the name.

    >>> _suffix_length("1.OME.tif", frozenset({".tif", ".ome.tif"})), _suffix_length("", frozenset({".tif"}))
    (8, 0)
    """
    parts = ending.split(".")
    endings = (".".join(["", *parts[i:]]) for i in range(len(parts)))
    return next((len(suffix) for suffix in endings if suffix.lower() in known), 0)


def _names(data: Data) -> tuple[dict[str, str], dict[str, list[str]]]:
    """File names by the names of children, and files that share a stem, by stem.

    A child is named by its stem, or by its file name if another entry has the same stem or name.
    """
    files, stems, _ = data
    names = dict(zip(stems, files, strict=True))
    is_unique = len(names) == len(files)
    if is_unique and (names.keys().isdisjoint(files) or all(names[name] == name for name in names.keys() & {*files})):
        return names, {}
    sharing: dict[str, list[str]] = {}
    for file, stem in zip(files, stems, strict=True):
        sharing.setdefault(stem, []).append(file)
    taken = {*files}
    short = [len(sharing[stem]) == 1 and (stem == file or stem not in taken) for file, stem in zip(files, stems, strict=True)]
    names = {stem if is_short else file: file for file, stem, is_short in zip(files, stems, short, strict=True)}
    return names, {stem: sorted(files) for stem, files in sharing.items() if len(files) > 1 and stem not in names}
