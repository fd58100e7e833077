"""The names of children of a folder or a prefix: which entries are data, and what each is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from .stores import SUFFIXES as STORE_SUFFIXES
from .texts import as_text

MOST_SUFFIXES = 100
"""Suffixes of unknown files that are counted by themselves; the others are counted together."""
LONGEST_SUFFIX = 30
"""Characters of a suffix that are kept."""


class Item(NamedTuple):
    """What a folder's entry is.

    `is_folder` is None if that is unknown; `refusal` is the reason why the entry is no child, or
    None.
    """

    is_folder: bool | None
    refusal: str | None


FOLDER = Item(is_folder=True, refusal=None)
FILE = Item(is_folder=False, refusal=None)


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


def data_of(entries: Entries, suffixes: frozenset[str]) -> Data:
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
            length = lengths[ending] = suffix_length(ending, suffixes)
        if not first:
            continue
        if length:
            files.append(name)
            stems.append(first if length > len(ending) else name[:-length])
        else:
            unknown.append(name)
    for name, item in entries.others.items():
        length = suffix_length(name.partition(".")[2], STORE_SUFFIXES if item.is_folder else suffixes)
        if name.startswith("."):
            continue
        if length or item.is_folder is not False:
            files.append(name)
            stems.append(name[:-length] if length else name)
        elif item == FILE:
            unknown.append(name)
    return data


def suffix_length(ending: str, known: frozenset[str]) -> int:
    """The length of the longest known suffix, with its dot, of a name that ends so; 0 if none.

    `ending` is what follows the first dot of the name.

    >>> suffix_length("1.OME.tif", frozenset({".tif", ".ome.tif"})), suffix_length("", frozenset({".tif"}))
    (8, 0)
    """
    parts = ending.split(".")
    endings = (".".join(["", *parts[i:]]) for i in range(len(parts)))
    return next((len(suffix) for suffix in endings if suffix.lower() in known), 0)


def names_of(data: Data) -> tuple[dict[str, str], dict[str, list[str]]]:
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


def counted(names: Iterable[str]) -> dict[str, int]:
    """How many files there are of each suffix, in lower case.

    Suffixes after the MOST_SUFFIXES most frequent are counted together under "*".
    """
    counts = Counter(as_text(name.rpartition(".")[2].lower() if "." in name else "")[:LONGEST_SUFFIX] for name in names)
    common = counts.most_common(MOST_SUFFIXES)
    rest = counts.total() - sum(count for _, count in common)
    return dict(sorted(common)) | ({"*": rest} if rest else {})
