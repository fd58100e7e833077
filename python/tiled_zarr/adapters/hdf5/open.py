"""Nodes of HDF5 files, made of what helper processes describe."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ... import records
from ...nodes import Array, Damaged, Group, Node, Region, Stored, Unavailable
from .. import _hdf5virtual as virtual
from .._extras import check_installed
from .._flat import FlatArray
from .._hdf5chunks import stored_chunk
from .._hdf5decoding import ChunkedArray
from .._hdf5stored import spelling
from .._snapshots import Snapshot
from .descriptions import ArrayDescription, Description, ExternalLink, GroupDescription, Wanted
from .library import LIBRARY
from .members import Found, Members


@dataclass(frozen=True, slots=True)
class Place:
    """An object's file, its path inside, and the groups above it, each by file and address."""

    snapshot: Snapshot
    where: str
    above: frozenset[tuple[str, int]] = frozenset()


def open_hdf5(path: Path) -> Node:
    """The root group of a file. Raises OSError where it is no HDF5 file, or truncated."""
    check_installed("h5py", "hdf5")
    return _open(Place(Snapshot.of(path), "/"))


def _open(place: Place) -> Node:
    return _node(place, LIBRARY.header("describe_object", place.snapshot, place.where))


def _node(place: Place, found: Description) -> Node:
    match found:
        case GroupDescription():
            return _group(place, found)
        case ArrayDescription():
            array = _array(place, found)
            return records.as_group(array, found.unavailable) if found.unavailable else array
        case ExternalLink():
            return _open(Place(virtual.beside(place.snapshot, found.file), posixpath.join("/", found.where), place.above))


def _group(place: Place, found: GroupDescription) -> Group:
    own = (place.snapshot.path, found.address)
    if own in place.above:
        raise Unavailable("a cycle: a link back to a group above it")
    below = place.above | {own}

    def describe(names: Sequence[str]) -> list[Found]:
        described: list[Found] = LIBRARY.header("describe_members", place.snapshot, place.where, names)
        return described

    def make(name: str, description: Description) -> Node:
        return _node(Place(place.snapshot, posixpath.join(place.where, name), below), description)

    return Group(
        children=Members(found.names, describe, make), attributes=found.attributes, revision=place.snapshot.revision, blocking=True
    )


def _array(place: Place, found: ArrayDescription) -> Array:
    flat = None if found.offset is None else FlatArray(place.snapshot, found.offset, found.shape, found.dtype)
    return Array(
        shape=found.shape,
        dtype=found.dtype,
        read=flat.read if flat else _reader(place, found),
        read_stepped=flat.read_stepped if flat else None,
        chunks=found.chunks,
        dimension_names=found.dimension_names,
        attributes=found.attributes,
        revision=virtual.revision(place.snapshot, [source.snapshot for source in found.sources]),
        stored=_stored(place, found),
    )


def _stored(place: Place, found: ArrayDescription) -> Stored | None:
    """The chunks of a dataset whose filters are a codec, and whose items are in the file as in memory."""
    codec = None if found.chunked is None else spelling(found.chunked.filters, found.dtype.itemsize)
    return None if codec is None else Stored(codec, partial(stored_chunk, place.snapshot, place.where))


def _reader(place: Place, found: ArrayDescription) -> Callable[[Region], np.ndarray[Any, Any]]:
    """What reads regions: past the library where chunks can be decoded here. Raises Damaged if the library lacks a filter."""
    if found.sources:
        return partial(_read_virtual, place, found)
    by_library = partial(_read, place, found)
    chunked = ChunkedArray.of(place.snapshot, place.where, found, by_library)
    if chunked:
        return chunked.read
    if found.lacking:
        raise Damaged(found.lacking)
    return by_library


def _read(place: Place, found: ArrayDescription, region: Region) -> np.ndarray[Any, Any]:
    """A region that the library reads."""
    block: np.ndarray[Any, Any] = LIBRARY.data("read", place.snapshot, Wanted(place.where, found.is_text, region))
    return block


def _read_virtual(place: Place, found: ArrayDescription, region: Region) -> np.ndarray[Any, Any]:
    """A region that the library puts together from other files."""
    block: np.ndarray[Any, Any] = LIBRARY.data("read_virtual", place.snapshot, Wanted(place.where, found.is_text, region), found.sources)
    return block
