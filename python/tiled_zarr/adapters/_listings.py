"""What a folder holds: which files and sub-folders are data, and by which names."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ..revisions import file_revision
from ._stores import SUFFIXES as STORE_SUFFIXES

COARSEST_CLOCK = 2_000_000_000
"""Nanoseconds within which some file systems give two writes the same time."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder: its path as it was reached, its real path, those of the folders above it, and that of the folder that is served."""

    path: str
    real: str
    above: frozenset[str]
    root: str

    def below(self, name: str) -> Place:
        """The place of a sub-folder."""
        path = os.path.join(self.path, name)  # noqa: PTH118 - texts all the way, for ten thousand files
        return Place(path, os.path.realpath(path), self.above | {self.real}, self.root)

    def refusal(self, path: str) -> str | None:
        """Why a link in this folder is not followed, or None."""
        real = os.path.realpath(path)
        if os.path.commonpath([real, self.root]) != self.root:
            return "a link out of the folder that is served, which is not followed"
        if not os.path.exists(real):  # noqa: PTH110
            return "a link that leads nowhere"
        return "a cycle: a link back to a folder above it" if real in self.above | {self.real} else None


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder at one moment: file names by the children's names, stems that several files share, and what is no child and why.

    `revision` is that of the folder; it can be trusted later only if `is_settled`: another file written right after the listing may
    not have changed it.
    """

    revision: str
    is_settled: bool
    files: Mapping[str, str]
    folders: Mapping[str, str]
    ambiguous: Mapping[str, list[str]]
    unavailable: Mapping[str, str]


def list_folder(place: Place, suffixes: frozenset[str]) -> Listing:
    """The children of a folder: sub-folders, and files of these suffixes. Opens nothing. Raises OSError."""
    is_settled = time.time_ns() - os.stat(place.path).st_mtime_ns > COARSEST_CLOCK  # noqa: PTH116
    revision = file_revision(place.path)
    stems: dict[str, str] = {}
    folders: set[str] = set()
    unavailable: dict[str, str] = {}
    with os.scandir(place.path) as entries:
        for entry in entries:
            is_folder = entry.is_dir()
            stem = _stem(entry.name, is_folder, suffixes)
            if stem is None:
                continue
            if entry.is_symlink() and (refusal := place.refusal(entry.path)):
                unavailable[entry.name] = refusal
            elif is_folder or entry.is_file():
                stems[entry.name] = stem
                folders |= {entry.name} if is_folder else set()
    names = _names(stems)
    shared = {stem: sorted(file for file in stems if stems[file] == stem) for stem, count in Counter(stems.values()).items() if count > 1}
    return Listing(
        revision=revision,
        is_settled=is_settled,
        files={name: file for name, file in names.items() if file not in folders},
        folders={name: file for name, file in names.items() if file in folders},
        ambiguous={stem: files for stem, files in shared.items() if stem not in names},
        unavailable=unavailable,
    )


def _stem(name: str, is_folder: bool, suffixes: frozenset[str]) -> str | None:
    """A file's name without the longest known suffix, a folder's without that of a store; None for what is no data."""
    if name.startswith("."):
        return None
    known = suffixes & STORE_SUFFIXES if is_folder else suffixes
    parts = name.split(".")
    for i in range(1, len(parts)):
        if "." + ".".join(parts[i:]).lower() in known:
            return ".".join(parts[:i])
    return name if is_folder else None


def _names(stems: Mapping[str, str]) -> dict[str, str]:
    """File names by children's names, in their order: the stem, or the file name where the stem would not be the only one of its kind."""
    counts = Counter(stems.values())
    is_short = {file: counts[stem] == 1 and (stem == file or stem not in stems) for file, stem in stems.items()}
    return dict(sorted((stem if is_short[file] else file, file) for file, stem in stems.items()))
