"""Numbered files of a folder that are the frames of one stack, found by their names alone.

`scan_0001.tif`, `scan_0002.tif`, ... are the stack `scan_`, as in Tiled: TIFF, JPEG, PNG and NPY
files whose names end in digits belong together if they agree in what comes before the digits and
in their format. Names alone do not say that frames fit together; each frame is checked when it is
read (stacks.py).

A folder lists a stack in place of its frames, but a frame can still be asked for by its own name,
and a lone numbered file by that of the stack that it may become: an address does not change when a
scan writes its second frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

Rule: TypeAlias = Literal["numbers", "tiled", "none"]
"""Which numbered files are listed as a stack, and in which order:
- `numbers`: two or more, in the order of their numbers: `scan_9` before `scan_10`.
- `tiled`: one as well, in the order of their names, exactly as Tiled's walker has them.
- `none`: none. Each file is a node by itself.
"""
LEAST = MappingProxyType({"numbers": 2, "tiled": 1})
"""Files of a stack that is listed, at least, by rule."""
FORMATS = MappingProxyType({".tif": ".tif", ".tiff": ".tif", ".jpg": ".jpg", ".jpeg": ".jpg", ".png": ".png", ".npy": ".npy"})
"""The formats of frames, each by the suffix that stands for it."""
DIGITS = "0123456789"
UNNAMED = "_unnamed"
"""The name of a stack whose files have nothing before their numbers; the same as in Tiled."""
Key: TypeAlias = tuple[str, str]
"""What the files of a stack share: the text before their numbers, and their format."""


@dataclass(frozen=True)
class Sequence:
    """Files that differ in their numbers alone; `found` has them in no order."""

    found: list[str]
    start: int
    """Characters before the numbers."""
    rule: Rule
    is_listed: bool = field(default=True, kw_only=True)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The files in the order of the frames: found out when the stack is opened."""
        digits = self._digits()
        are_padded = len({*map(len, digits)}) == 1
        if self.rule == "tiled" or are_padded:
            return tuple(sorted(self.found))
        numbered = sorted((int(number), file) for number, file in zip(digits, self.found, strict=True))
        return tuple(file for _, file in numbered)

    @property
    def missing(self) -> int:
        """How many numbers between the least and the largest no file has."""
        numbers = {*map(int, self._digits())}
        return max(numbers) - min(numbers) + 1 - len(numbers)

    def _digits(self) -> list[str]:
        """The number of each file in `found`, as it is written."""
        return [file[self.start : file.rindex(".")] for file in self.found]


class Found(NamedTuple):
    """The sequences of a folder by name, and the names that several of them would have.

    Those in `ambiguous` have the names by which to ask instead.
    """

    by_name: Mapping[str, Sequence]
    ambiguous: Mapping[str, list[str]]


NONE = Found(MappingProxyType({}), MappingProxyType({}))


def sequences(files: Iterable[str], stems: Iterable[str], rule: Rule, names: Mapping[str, str], ambiguous: Collection[str]) -> Found:
    """The sequences among files with these stems.

    `names` has all entries of the folder by the names that they have as children, and `ambiguous`
    the stems that several share. A sequence is named by what comes before the numbers. If that is
    taken, or if several formats share it, the suffix is added, as it is to the names of files. A
    sequence without a free name is none, so its files are listed.
    """
    groups = {} if rule == "none" else _grouped(files, stems)
    if not groups:
        return NONE
    least = LEAST[rule]
    wanted = Counter(prefix for (prefix, _), found in groups.items() if len(found) >= least)
    by_name: dict[str, Sequence] = {}
    shared: dict[str, list[str]] = {}
    for (prefix, suffix), found in sorted(groups.items(), key=lambda item: (len(item[1]) < least, item[0])):
        is_listed = len(found) >= least
        short, full = prefix or UNNAMED, f"{prefix or UNNAMED}{suffix}"
        is_shared = is_listed and wanted[prefix] > 1
        free = {short: short not in names and short not in ambiguous, full: full not in names and names.get(short) != full}
        name = next((name for name in ([full] if is_shared else [short, full]) if free[name] and name not in by_name), None)
        if name is not None:
            by_name[name] = Sequence(found, len(prefix), rule, is_listed=is_listed)
            if is_shared and free[short]:
                shared.setdefault(short, []).append(name)
    return Found(by_name, shared)


def _grouped(files: Iterable[str], stems: Iterable[str]) -> dict[Key, list[str]]:
    """The numbered files by what they share. Most files of a folder share it with the one before."""
    groups: dict[Key, list[str]] = {}
    last_prefix = last_ending = None
    append = list[str]().append
    for file, stem in zip(files, stems, strict=True):
        prefix = stem.rstrip(DIGITS)
        if len(prefix) == len(stem):
            continue
        ending = file[len(stem) :]
        if prefix != last_prefix or ending != last_ending:
            suffix = FORMATS.get(ending.lower())
            if suffix is None:
                continue
            last_prefix, last_ending = prefix, ending
            append = groups.setdefault((prefix, suffix), []).append
        append(file)
    return groups
