"""Zarr hierarchies of versions 2 and 3 in folders.

zarr-python opens them, and also reads every array whose chunks we cannot decode ourselves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from ...nodes import Array, Changed, Damaged, Group, Node, Revision, live
from ...resources import Resources, default
from ..common import fences
from ..common.bounds import LARGEST_DOCUMENT
from ..common.extras import require
from ..common.fences import Fence
from ..common.reopened import Nodes
from ..common.snapshot import is_for_users
from ..common.stores import DOCUMENTS, StoreRevisions, is_zarr, store_revision
from ..common.texts import as_text
from . import arrays, records
from .chunks import Chunks
from .folder import Folder
from .layout import V2, V3, layout

ZARRAY = ".zarray"
TRIES = 5
"""Attempts to open a node while its documents change.

An attempt takes milliseconds; an array that is being written may grow twenty times a second.
"""
MOST_MEMBERS = 10_240
"""Opened members of a group that are kept: all that a document opens at the usual bounds."""
BROKEN = "a link that cannot be followed"
LINK = "a link inside a Zarr group, which is not followed; store the array itself there"


class Members(Mapping[str, Node]):
    """The sub-folders that are Zarr nodes, as they are now.

    Links are not members, since they could lead back up.
    """

    def __init__(self, folder: Folder) -> None:
        self._opened_with = folder
        self._folder = folder.path
        self._fence = folder.fence
        resources = folder.resources or default()
        self._nodes = Nodes(abandoned=resources.abandoned, allowance=resources.nodes)
        self._revisions = StoreRevisions(MOST_MEMBERS)

    def __getitem__(self, name: str) -> Node:
        path = os.path.join(self._folder, name)  # noqa: PTH118 - asked with every request
        revision = self._revisions.known(path)
        if revision is None:
            if name not in self:
                raise KeyError(name)
            revision = self._revisions.of(path)
        return self._nodes.get(path, revision, self._open)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name not in {"", ".", ".."} and "/" not in name and self._is_member(self._folder / name)

    def __iter__(self) -> Iterator[str]:
        with os.scandir(self._folder) as entries:
            names = sorted(entry.name for entry in entries if _is_folder(entry))
        return (name for name in names if self._is_member(self._folder / name))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def links(self) -> dict[str, str]:
        """Links to Zarr nodes, and broken links, with the reason why each is not a member."""
        with os.scandir(self._folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_symlink())
        reasons = ((name, _reason(os.path.join(self._folder, name), self._fence)) for name in names)  # noqa: PTH118
        return {as_text(name): why for name, why in reasons if why}

    def _is_member(self, path: Path) -> bool:
        return is_zarr(path) and not path.is_symlink()

    def _open(self, path: Path) -> Node:
        return _opened(self._opened_with._replace(path=path))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """True if an entry is a folder and not a link to one; False if it cannot be examined."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _reason(link: str, fence: Fence) -> str | None:
    """Why a link is not a member, or None if nobody would expect it to be one.

    Says nothing about what lies outside the fence.
    """
    if not fence.holds(os.path.realpath(link)):
        return fences.OUTSIDE
    if is_zarr(link):
        return LINK
    return None if os.path.exists(link) else BROKEN  # noqa: PTH110


def open_zarr(path: Path, resources: Resources | None = None) -> Node:
    """The array or group in a folder.

    Raises Changed if its documents are being written, Damaged if one of them may not be opened.
    """
    return _opened(Folder(path, fences.around(path), resources))


def _opened(folder: Folder) -> Node:
    path = folder.path
    if not is_zarr(path):
        raise FileNotFoundError(f"{path.name!r} is no Zarr node: it holds none of {', '.join(DOCUMENTS)}")
    for _ in range(TRIES):
        before = store_revision(path)
        node = _node(folder, before)
        if store_revision(path) == before:
            return node
    raise Changed(f"{path.name!r} changed while it was being opened; ask again")


def _node(folder: Folder, revision: str) -> Node:
    """The node that the documents describe; `revision` is their revision."""
    zarr = require("zarr", "zarr")
    from .store import FencedStore

    path, fence, _ = folder
    try:
        record = records.refused(path, fence)
        source = zarr.open(store=FencedStore(path, fence, record and record[1]), mode="r")
        item = None if record is None else (record[0], partial(records.as_records, record[0]))
        if isinstance(source, zarr.Group):
            return _group(folder, source)
        return _array(folder, revision, source, item)
    except Exception as error:
        if is_for_users(error):
            raise
        arrays.check_codecs(_document(path, fence))
        raise Damaged(f"the metadata of {path.name!r} cannot be read as Zarr: {arrays.DAMAGED}") from error


def _document(path: Path, fence: Fence) -> Any:
    """The array's document that zarr-python has refused, or None if it is not JSON."""
    for name in (V3, V2):
        with suppress(OSError, ValueError, RecursionError):
            return json.loads(fence.read(path / name))
    return None


def _group(folder: Folder, source: Any) -> Group:
    """A group, without a revision: a document written below leaves its folder as it is."""
    members = Members(folder)
    # fail here if we may not list it, not in every document above it
    with os.scandir(folder.path):
        pass
    return Group(
        children=members,
        attributes=source.attrs.asdict(),
        unavailable=members.links,
        blocking=True,
        watched=_watched(folder),
    )


def _array(folder: Folder, revision: str, source: Any, item: arrays.Item | None) -> Array:
    """An array. Only its regions have revisions.

    There is no cheap way to know if one of its many chunk files has been written.
    """
    arrays.check_codecs(source.metadata.to_dict())
    item = item or arrays.item_of(source)
    shape, found = arrays.chunk_shape(source), layout(folder.path, folder.fence, item[0])
    chunks = None if found is None or shape is None else Chunks.of(found, folder, revision, shape, item[0])
    of_regions = Revision(live, None if chunks is None else chunks.revision)
    names = partial(_nczarr_names, folder.path, folder.fence)
    return arrays.node(source, source.store_path.store, chunks, item, other_names=names, revision=of_regions, watched=_watched(folder))


def _watched(folder: Folder) -> tuple[str, ...]:
    return (str(folder.path.absolute()),)


def _nczarr_names(path: Path, fence: Fence) -> list[str] | None:
    """The dimension names that the netCDF library records in a v2 document, without their paths.

    https://docs.unidata.ucar.edu/nug/current/nczarr_head.html
    """
    document = path / ZARRAY
    noted = json.loads(fence.read(document, LARGEST_DOCUMENT)).get("_NCZARR_ARRAY") if document.is_file() else None
    paths = noted.get("dimrefs") if isinstance(noted, dict) else None
    return [str(name).rpartition("/")[2] for name in paths] if isinstance(paths, list) else None
