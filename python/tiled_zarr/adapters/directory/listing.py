"""The contents of a folder: which files and sub-folders are data, and their names as children."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from ..common.fences import CIRCLE, KINDS, NOWHERE, OUTSIDE, Fence
from ..common.folders import described, is_settled
from ..common.stores import DOCUMENTS, FRAME
from ..common.stores import SUFFIXES as STORE_SUFFIXES
from ..common.texts import as_text

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


@dataclass(frozen=True, slots=True)
class Listing:
    """The contents of a folder at one moment.

    `files` and `folders` have file names by the names of children. `ambiguous` has, by stem, the
    files that share it. `refused` has the reason why an entry is no child, by the name that it
    would have as one. `unknown` counts the files without an adapter by suffix. `is_plain` is true
    if no document makes the folder a store. `revision` is that of the folder; it is proof that
    nothing has changed only if `is_settled`, since a file that is written right after the listing
    may leave the folder's modification time as it is.
    """

    revision: str
    is_settled: bool
    is_plain: bool
    files: Mapping[str, str]
    folders: Mapping[str, str]
    ambiguous: Mapping[str, list[str]]
    refused: Mapping[str, str]
    unknown: Mapping[str, int]


def list_folder(place: Place, suffixes: frozenset[str]) -> Listing:
    """The children of a folder: its sub-folders, and its files with these suffixes. Opens no file.

    Raises OSError if the folder may not be read and searched, Damaged if it is no longer inside the
    fence.
    """
    with place.fence.listed(place.path) as descriptor:
        status = os.fstat(descriptor)
        with os.scandir(descriptor) as entries:
            items = {entry.name: item_of(entry, place) for entry in entries}
    stems = {name: stem for name, item in items.items() if (stem := _stem(name, item, suffixes)) is not None}
    names = _names(stems)
    children = {name: file for name, file in names.items() if items[file].refusal is None}
    refused = {name: why for name, file in names.items() if (why := items[file].refusal) is not None}
    shared = {stem: sorted(file for file in stems if stems[file] == stem) for stem, count in Counter(stems.values()).items() if count > 1}
    return Listing(
        revision=described(status),
        is_settled=is_settled(status),
        is_plain=STORE_FILES.isdisjoint(items),
        files={name: file for name, file in children.items() if not items[file].is_folder},
        folders={name: file for name, file in children.items() if items[file].is_folder},
        ambiguous={stem: files for stem, files in shared.items() if stem not in names},
        refused=refused,
        unknown=_unknown(name for name, item in items.items() if item == FILE and name not in stems),
    )


def _unknown(names: Iterable[str]) -> dict[str, int]:
    """How many files there are of each suffix, in lower case.

    Suffixes after the MOST_SUFFIXES most frequent are counted together under "*". Hidden files are
    not counted.
    """
    counts = Counter(as_text(name.rpartition(".")[2].lower() if "." in name else "")[:LONGEST_SUFFIX] for name in names if name[0] != ".")
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


def _stem(name: str, item: Item, suffixes: frozenset[str]) -> str | None:
    """The name of a child for an entry, or None if it is no data.

    It is a file's name without its longest known suffix, or a folder's without the suffix of a
    store.
    """
    if name.startswith("."):
        return None
    known = STORE_SUFFIXES if item.is_folder else suffixes
    parts = name.split(".")
    for i in range(1, len(parts)):
        if "." + ".".join(parts[i:]).lower() in known:
            return ".".join(parts[:i])
    return None if item.is_folder is False else name


def _names(stems: Mapping[str, str]) -> dict[str, str]:
    """File names by the names of children, in order of these.

    A child is named by its stem, or by its file name if another entry has the same stem or name.
    """
    counts = Counter(stems.values())
    is_short = {file: counts[stem] == 1 and (stem == file or stem not in stems) for file, stem in stems.items()}
    return dict(sorted((stem if is_short[file] else file, file) for file, stem in stems.items()))
