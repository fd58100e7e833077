"""Folders that are one array or hierarchy: Zarr 2 and 3, and Blosc2's sparse frames."""

from __future__ import annotations

import os
import re
import stat
from types import MappingProxyType
from typing import NamedTuple

from ...caches.recent import Recent
from ...revisions import file_revision
from .folders import described, is_settled

ZARR = ".zarr"
B2ND = ".b2nd"
SUFFIXES = frozenset({ZARR, f".ome{ZARR}", B2ND})
"""Suffixes in the names of such folders; their content shows what they are."""
DOCUMENTS = ("zarr.json", ".zarray", ".zgroup")
ATTRIBUTES = ".zattrs"
ICECHUNK = ".icechunk"
REPOSITORY, SNAPSHOTS = "repo", "snapshots"
"""The file of a repository of icechunk (format 2) that each commit replaces, and a folder beside it."""
REFERENCES, CONSOLIDATED = ".kerchunk", ".zmetadata"
PARQUET = (".parq", ".parquet")
"""Suffixes of folders with references of kerchunk, whose only document is CONSOLIDATED."""
FRAME = "chunks.b2frame"
"""The file of a sparse frame that changes with every chunk."""
LEFTOVERS = MappingProxyType({ZARR: re.compile(r"c|[0-9.]+|\.zattrs|\.zmetadata"), B2ND: re.compile(r"[0-9A-Fa-f]{8}\.chunk")})
"""Names of the files in a store that has lost its document.

Served as a plain folder, its chunks would be 404, which readers take for chunks of zeros.
"""


def is_zarr(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder is a Zarr array or group, even if its document cannot be read."""
    return any(_is_there(folder, name) for name in DOCUMENTS)


def store_suffix(folder: str | os.PathLike[str]) -> str | None:
    """The suffix of the adapter for a folder.

    None for a plain folder, or one that cannot be examined.

    A store that has lost its document counts as a store; opening it fails.
    """
    if is_zarr(folder):
        return ZARR
    if _is_there(folder, FRAME):
        return B2ND
    if _is_there(folder, REPOSITORY) and os.path.isdir(os.path.join(folder, SNAPSHOTS)):  # noqa: PTH112, PTH118
        return ICECHUNK
    if os.fspath(folder).lower().endswith(PARQUET) and _is_there(folder, CONSOLIDATED):
        return REFERENCES
    return next((suffix for suffix, leftover in LEFTOVERS.items() if _is_bare(folder, suffix, leftover)), None)


def _is_bare(folder: str | os.PathLike[str], suffix: str, leftover: re.Pattern[str]) -> bool:
    """Whether a folder has the name of a store, and holds only chunks or nothing."""
    if not os.fspath(folder).lower().endswith(suffix):
        return False
    try:
        return all(map(leftover.fullmatch, os.listdir(folder)))  # noqa: PTH208 - names alone
    except OSError:
        return False


def store_revision(folder: str | os.PathLike[str]) -> str:
    """A text that changes whenever the files change that an opened store keeps in memory.

    These are Zarr's metadata and a frame's index. It is "" for a plain folder.
    """
    return "+".join(revision for _, revision in _documents(folder))


class Documents(NamedTuple):
    """The documents of an opened store at one moment: its folder and they, with their revisions.

    `revision` is that of `store_revision`.
    """

    folder: str
    status: str
    files: tuple[tuple[str, str], ...]
    revision: str

    def are_current(self) -> bool:
        """True if the folder is the same one, no document has come or gone, and none was written.

        One `lstat`, and one `stat` per document, in place of nine. A link to the folder, in the
        place of the folder, is another one.
        """
        try:
            is_same = described(os.lstat(self.folder)) == self.status
            return is_same and all(file_revision(path) == revision for path, revision in self.files)
        except OSError:
            return False


class StoreRevisions:
    """The revisions of the stores asked for last, each with what shows that it has not changed."""

    def __init__(self, most: int) -> None:
        self._kept: Recent[str, Documents] = Recent(most)

    def known(self, folder: str) -> str | None:
        """The revision of a store if it has not changed since `of` returned it, else None."""
        documents = self._kept.peek(folder)
        return documents.revision if documents is not None and documents.are_current() else None

    def of(self, folder: str) -> str:
        """The revision of a store, as `store_revision` gives it.

        It is remembered if the folder's times would show another document, that is if they are two
        seconds old; not for what is no store, or a link.
        """
        known = self.known(folder)
        if known is not None:
            return known
        try:
            status = os.lstat(folder)
        except OSError:
            return store_revision(folder)
        files = _documents(folder)
        revision = "+".join(found for _, found in files)
        if revision and stat.S_ISDIR(status.st_mode) and is_settled(status):
            self._kept.keep(folder, Documents(folder, described(status), files, revision))
        return revision


def _documents(folder: str | os.PathLike[str]) -> tuple[tuple[str, str], ...]:
    """The files that an opened store keeps in memory, each with its revision."""
    names = (*DOCUMENTS, ATTRIBUTES, FRAME, REPOSITORY, *[CONSOLIDATED] * os.fspath(folder).lower().endswith(PARQUET))
    paths = (os.path.join(folder, name) for name in names)  # noqa: PTH118 - called on every request
    return tuple((path, file_revision(path)) for path in paths if os.path.isfile(path))  # noqa: PTH113


def _is_there(folder: str | os.PathLike[str], name: str) -> bool:
    """Whether a folder has an entry of this name other than a folder.

    It may be a file, or a link, a FIFO and so on, which then cannot be opened as a file.
    """
    try:
        return not stat.S_ISDIR(os.lstat(os.path.join(folder, name)).st_mode)  # noqa: PTH118 - called for every folder listed
    except (OSError, ValueError):
        return False
