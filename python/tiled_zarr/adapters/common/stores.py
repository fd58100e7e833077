"""Folders that are one array or hierarchy in a format of their own: Zarr 2 and 3, and Blosc2's sparse frames."""

from __future__ import annotations

import os
import re
import stat

from ...revisions import file_revision

ZARR = ".zarr"
B2ND = ".b2nd"
SUFFIXES = frozenset({ZARR, f".ome{ZARR}", B2ND})
"""Suffixes by which such folders are named; what they are, their content tells."""
DOCUMENTS = ("zarr.json", ".zarray", ".zgroup")
ATTRIBUTES = ".zattrs"
FRAME = "chunks.b2frame"
"""The file of a sparse frame that changes with every chunk."""
LEFTOVERS = {ZARR: re.compile(r"c|[0-9.]+|\.zattrs|\.zmetadata"), B2ND: re.compile(r"[0-9A-Fa-f]{8}\.chunk")}
"""Names in a store that has lost its document: served as a plain folder, its chunks would be 404, which readers take for zeros."""


def is_zarr(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder is a Zarr array or group, also one whose document cannot be read."""
    return any(_is_there(folder, name) for name in DOCUMENTS)


def store_suffix(folder: str | os.PathLike[str]) -> str | None:
    """The suffix of the adapter for a folder, or None for a plain one, or for one that cannot be looked at.

    A store that has lost its document is one, which fails to open.
    """
    if is_zarr(folder):
        return ZARR
    if _is_there(folder, FRAME):
        return B2ND
    return next((suffix for suffix, leftover in LEFTOVERS.items() if _is_bare(folder, suffix, leftover)), None)


def _is_bare(folder: str | os.PathLike[str], suffix: str, leftover: re.Pattern[str]) -> bool:
    """Whether a folder has the name of a store and holds nothing but its chunks, or nothing at all."""
    if not os.fspath(folder).lower().endswith(suffix):
        return False
    try:
        return all(map(leftover.fullmatch, os.listdir(folder)))  # noqa: PTH208 - names alone
    except OSError:
        return False


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
