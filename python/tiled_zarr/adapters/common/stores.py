"""Folders that are one array or hierarchy: Zarr 2 and 3, and Blosc2's sparse frames."""

from __future__ import annotations

import os
import re
import stat
from types import MappingProxyType

from ...revisions import file_revision

ZARR = ".zarr"
B2ND = ".b2nd"
SUFFIXES = frozenset({ZARR, f".ome{ZARR}", B2ND})
"""Suffixes in the names of such folders; their content shows what they are."""
DOCUMENTS = ("zarr.json", ".zarray", ".zgroup")
ATTRIBUTES = ".zattrs"
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
    paths = (os.path.join(folder, name) for name in (*DOCUMENTS, ATTRIBUTES, FRAME))  # noqa: PTH118 - called on every request
    return "+".join(file_revision(path) for path in paths if os.path.isfile(path))  # noqa: PTH113


def _is_there(folder: str | os.PathLike[str], name: str) -> bool:
    """Whether a folder has an entry of this name other than a folder.

    It may be a file, or a link, a FIFO and so on, which then cannot be opened as a file.
    """
    try:
        return not stat.S_ISDIR(os.lstat(os.path.join(folder, name)).st_mode)  # noqa: PTH118 - called for every folder listed
    except (OSError, ValueError):
        return False
