"""Folders that are one array or hierarchy in a format of their own: Zarr 2 and 3, and Blosc2's sparse frames."""

from __future__ import annotations

import os
import stat

from ..revisions import file_revision

ZARR = ".zarr"
B2ND = ".b2nd"
SUFFIXES = frozenset({ZARR, B2ND})
"""Suffixes by which such folders are named; what they are, their content tells."""
DOCUMENTS = ("zarr.json", ".zarray", ".zgroup")
ATTRIBUTES = ".zattrs"
FRAME = "chunks.b2frame"
"""The file of a sparse frame that changes with every chunk."""


def is_zarr(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder is a Zarr array or group, also one whose document cannot be read."""
    return any(_is_there(folder, name) for name in DOCUMENTS)


def store_suffix(folder: str | os.PathLike[str]) -> str | None:
    """The suffix of the adapter for a folder, or None for a plain one, or for one that cannot be looked at."""
    if is_zarr(folder):
        return ZARR
    return B2ND if _is_there(folder, FRAME) else None


def store_revision(folder: str | os.PathLike[str]) -> str:
    """Changes whenever what an opened store keeps is written anew: Zarr's metadata, a frame's index; "" for a plain folder."""
    paths = (os.path.join(folder, name) for name in (*DOCUMENTS, ATTRIBUTES, FRAME))  # noqa: PTH118 - asked with every request
    return "+".join(file_revision(path) for path in paths if os.path.isfile(path))  # noqa: PTH113


def _is_there(folder: str | os.PathLike[str], name: str) -> bool:
    """Whether a folder has a file of a name, or a link, FIFO, ... in its place, which then fails to open as a file."""
    try:
        return not stat.S_ISDIR(os.lstat(os.path.join(folder, name)).st_mode)  # noqa: PTH118 - asked for every folder listed
    except (OSError, ValueError):
        return False
