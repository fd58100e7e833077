"""Zarr hierarchies of versions 2 and 3 in folders.

zarr-python opens them, and also reads every array whose chunks we cannot decode ourselves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ... import budgets, marks
from ...nodes import Array, Changed, Damaged, Dense, Group, Node, Region, Revision, Stored, TooLarge, Unavailable, live
from ...resources import Resources, default
from ..common import fences
from ..common.bounds import LARGEST_DOCUMENT, LARGEST_TEXT
from ..common.extras import require
from ..common.fences import Fence
from ..common.reopened import Nodes
from ..common.snapshot import is_for_users
from ..common.stores import DOCUMENTS, StoreRevisions, is_zarr, store_revision
from ..common.texts import as_text
from . import records
from .chunks import Chunks
from .folder import Folder
from .layout import V2, V3, layout

Item: TypeAlias = "tuple[np.dtype[Any], Callable[[Any], np.ndarray[Any, Any]]]"
"""The type of items, and the function that converts what zarr-python reads into a block."""

DIMENSIONS = "_ARRAY_DIMENSIONS"
ZARRAY = ".zarray"
UNSAFE = "pickle"
DAMAGED = "they are truncated, damaged or of a kind that zarr-python does not read; write them again, or restore them from a copy"
MOST_FREE = 4 * 1024 * 1024
"""Bytes of memory for strings up to which a read needs no share of the budget for requests.

A served chunk of text mostly takes less than 1 MiB.
"""
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
        _check_codecs(_document(path, fence))
        raise Damaged(f"the metadata of {path.name!r} cannot be read as Zarr: {DAMAGED}") from error


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
    return Group(children=members, attributes=source.attrs.asdict(), unavailable=members.links, blocking=True)


def _array(folder: Folder, revision: str, source: Any, item: Item | None) -> Array:
    """An array. Only its regions have revisions.

    There is no cheap way to know if one of its many chunk files has been written. Any axis may
    grow: a Zarr array is extended by changing its document alone, and keeps its chunks.
    """
    _check_codecs(source.metadata.to_dict())
    dtype, convert = item or _item(source)
    attributes = source.attrs.asdict()
    noted = attributes.pop(DIMENSIONS, None)  # an empty list for a scalar
    names = noted or getattr(source.metadata, "dimension_names", None) or _nczarr_names(folder.path, folder.fence)
    attributes |= _mark(source, dtype, attributes, is_xarrays=noted is not None or names is not None)
    _check_grid(source)
    shape, found = _chunks(source), layout(folder.path, folder.fence, dtype)
    chunks = None if found is None or shape is None else Chunks.of(found, folder, revision, shape, dtype)
    known = _bounded(source)
    read = partial(_read_text, source) if dtype.hasobject else known.__getitem__
    codec = None if chunks is None else chunks.layout.codec
    return Array(
        shape=source.shape,
        dtype=dtype,
        source=Dense(partial(_read, read, convert, chunks), stored=None if chunks is None or codec is None else Stored(codec, chunks.read)),
        chunks=shape,
        dimension_names=tuple(names) if names and len(names) == source.ndim else None,
        attributes=attributes,
        revision=Revision(live, None if chunks is None else chunks.revision),
        maxshape=(None,) * source.ndim,
    )


def _nczarr_names(path: Path, fence: Fence) -> list[str] | None:
    """The dimension names that the netCDF library records in a v2 document, without their paths.

    https://docs.unidata.ucar.edu/nug/current/nczarr_head.html
    """
    document = path / ZARRAY
    noted = json.loads(fence.read(document, LARGEST_DOCUMENT)).get("_NCZARR_ARRAY") if document.is_file() else None
    paths = noted.get("dimrefs") if isinstance(noted, dict) else None
    return [str(name).rpartition("/")[2] for name in paths] if isinstance(paths, list) else None


def _mark(source: Any, dtype: np.dtype[Any], attributes: Mapping[str, Any], *, is_xarrays: bool) -> dict[str, Any]:
    """The attribute `_FillValue`, which marks missing values in netCDF.

    In v3 the array has it as an attribute, in xarray's encoding. In v2 it is the array's
    `fill_value`, if xarray would open the array: for xarray, that overrides an attribute
    `_FillValue`.
    """
    if source.metadata.zarr_format == 3:
        mark = marks.from_v3(attributes[marks.ATTRIBUTE], dtype, attributes) if marks.ATTRIBUTE in attributes else None
        return {} if mark is None else {marks.ATTRIBUTE: mark}
    fill = source.metadata.fill_value
    return {marks.ATTRIBUTE: fill} if is_xarrays and fill is not None else {}


def _item(source: Any) -> Item:
    """The type of items, and the function that makes a block from what zarr-python reads.

    Raises Unavailable for objects other than text.
    """
    zarr = require("zarr", "zarr")
    stored = getattr(source.metadata, "data_type", None) or source.metadata.dtype
    if isinstance(stored, zarr.dtype.VariableLengthUTF8):
        return np.dtype(object), _texts
    if source.dtype.hasobject:
        raise Unavailable(f"an array of objects other than text ({type(stored).__name__}), which Zarr readers disagree on")
    return source.dtype, np.asarray


def _texts(block: Any) -> np.ndarray[Any, Any]:
    """Strings as `str`; the null in chunks that were never written becomes an empty string."""
    stored = np.asarray(block)
    texts = np.empty(stored.shape, object)
    for place, text in np.ndenumerate(stored):
        texts[place] = text if isinstance(text, str) else ""
    return texts


def _bounded(source: Any, allowance: Any = None) -> Any:
    """zarr-python's array with bounded codecs. Raises Damaged for codecs without known bounds."""
    from .codecs import bounded

    return bounded(source, source.store_path.store, allowance)


def _read_text(source: Any, region: Region) -> Any:
    """Strings, whose sizes no document tells.

    We first read with MOST_FREE bytes; if that is too little, we reserve LARGEST_TEXT bytes of the
    budget for requests and read again.
    """
    from .codecs import Allowance

    try:
        return _bounded(source, Allowance(MOST_FREE))[region]
    except TooLarge:
        with budgets.hold(LARGEST_TEXT):
            return _bounded(source, Allowance(LARGEST_TEXT))[region]


def _read(
    read: Callable[[Region], Any], convert: Callable[[Any], np.ndarray[Any, Any]], chunks: Chunks | None, region: Region
) -> np.ndarray[Any, Any]:
    """A region, decoded without zarr-python if possible.

    Raises OSError if the array is gone; otherwise its chunks would look unwritten.
    """
    block = chunks.block(region) if chunks else None
    if block is not None:
        return block

    def decoded() -> np.ndarray[Any, Any]:
        try:
            return convert(read(region))
        except Exception as error:
            if is_for_users(error):
                raise
            raise Damaged(
                "a chunk cannot be decoded: it is truncated, damaged or of a kind that zarr-python does not read; restore it from a copy"
            ) from error

    return chunks.steadily(region, decoded) if chunks else decoded()


def _check_grid(source: Any) -> None:
    """Raises Damaged if a chunk has size 0 on an axis with data: zarr-python would divide by it."""
    try:
        chunks = tuple(source.chunks)
    except NotImplementedError:
        return
    if any(size and chunk < 1 for size, chunk in zip(source.shape, chunks, strict=False)):
        raise Damaged(f"its chunks of the shape {chunks} hold nothing of an array of the shape {source.shape}; write it again")


def _chunks(source: Any) -> tuple[int, ...] | None:
    """The shape of the regular chunks, in shards that of the inner chunks, or None."""
    try:
        chunks = tuple(source.chunks)
    except NotImplementedError:
        return None
    return chunks if all(isinstance(size, int) and size > 0 for size in chunks) else None


def _check_codecs(metadata: Any) -> None:
    """Raises Unavailable for codecs that execute code from the data."""
    if isinstance(metadata, Mapping):
        if UNSAFE in (metadata.get("id"), metadata.get("name")):
            raise Unavailable(f"its codec {UNSAFE!r} runs what the data say; store it as text or numbers")
        codecs = [metadata.get(field) for field in ("filters", "compressor", "codecs", "configuration")]
        _check_codecs([codec for codec in codecs if codec])
    elif isinstance(metadata, list | tuple):
        for part in metadata:
            _check_codecs(part)
