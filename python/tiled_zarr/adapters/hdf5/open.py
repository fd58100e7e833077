"""Nodes of HDF5 files, made from the descriptions that helper processes send."""

from __future__ import annotations

import pickle
import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ... import records
from ...nodes import Array, Damaged, Dense, Group, Node, Region, Stored, Unavailable
from ...resources import Resources
from ..common.extras import check_installed
from ..common.flat import FlatArray
from ..common.ranged import Ranged
from ..common.snapshot import Elsewhere, Snapshot
from . import library, virtual
from .chunked import ChunkedArray
from .descriptions import ArrayDescription, Description, ExternalLink, GroupDescription, Wanted
from .filters import codec_of
from .growing import Growing, snapshot_of
from .index import stored_chunk
from .links import MOST_LINKS
from .members import Found, Members
from .rawfiles import RawArray


@dataclass(frozen=True, slots=True)
class Place:
    """An object's file, its path inside, and the groups above it, each by file and address."""

    snapshot: Snapshot
    where: str
    above: frozenset[tuple[str, int]] = frozenset()
    links: int = 0
    """Number of external links that we followed, one after the other, to get here."""


class Member(NamedTuple):
    """A node, the location of its object, and its description.

    The location is in another file if a link leads there.
    """

    node: Node
    place: Place
    found: GroupDescription | ArrayDescription

    def others(self, own: Snapshot) -> Iterator[Snapshot]:
        """The files behind the node, without its group's own file, which the group watches."""
        if self.place.snapshot != own:
            yield self.place.snapshot
        if isinstance(self.found, ArrayDescription):
            yield from (source.snapshot for source in self.found.files if source.path != own.path)

    def may_grow(self) -> bool:
        """True if it is a dataset that a writer may be extending now."""
        if isinstance(self.found, GroupDescription) or self.found.maxshape == self.found.shape:
            return False
        return isinstance(self.place.snapshot, Growing) or any(source.is_growing for source in self.found.files)


MOST_AHEAD = 64
"""Objects whose headers are read ahead from a store, at most: at most 16 MiB of blocks."""


def open_hdf5(path: Path | Elsewhere, resources: Resources | None = None) -> Node:
    """The root group of a file. Raises OSError if it is not an HDF5 file, or is truncated."""
    check_installed("h5py", "hdf5")
    there = path if isinstance(path, Elsewhere) else path.absolute()
    return _open(Place(snapshot_of(there, resources=resources), "/")).node


def _open(place: Place) -> Member:
    return _member(place, _described(place))


def _described(place: Place) -> Description:
    found: Description = library.header(place.snapshot, "describe_object", place.where)
    return found


def _member(place: Place, found: Description) -> Member:
    """The node of an object; links to other files are followed."""
    match found:
        case GroupDescription():
            return Member(_group(place, found), place, found)
        case ArrayDescription():
            array = _array(place, found)
            return Member(records.as_group(array, found.unavailable) if found.unavailable else array, place, found)
        case ExternalLink():
            if place.links == MOST_LINKS:
                raise Damaged(f"more than {MOST_LINKS} external links, one after the other; let the first one lead to data")
            target = virtual.linked(place.snapshot, found.file)
            return _open(Place(target, posixpath.join("/", found.where), place.above, place.links + 1))


def _renewed(place: Place, member: Member) -> Member:
    """A group's member as it is now; `place` is its location in the group's own file."""
    if not all(snapshot.is_current() for snapshot in member.others(place.snapshot)):
        return _open(place)
    if not member.may_grow():
        return member
    found = _described(member.place)
    return member if pickle.dumps(found) == pickle.dumps(member.found) else _member(member.place, found)


@dataclass(frozen=True, slots=True)
class Inside:
    """Describes, makes and renews the members of the group at a place."""

    place: Place
    below: frozenset[tuple[str, int]]
    """The groups above the members."""

    def at(self, name: str) -> Place:
        """The place of a member."""
        return Place(self.place.snapshot, posixpath.join(self.place.where, name), self.below)

    def describe(self, names: Sequence[str]) -> list[Found]:
        """The descriptions of the first names; of one alone if the file is being written.

        A dataset described ahead could have grown until it is used.
        """
        snapshot = self.place.snapshot
        if isinstance(snapshot, Growing):
            return [_described(self.at(names[0]))]
        ahead = names[:MOST_AHEAD] if isinstance(snapshot, Ranged) else names
        described: list[Found] = library.header(snapshot, "describe_members", self.place.where, ahead)
        return described

    def make(self, name: str, description: Description) -> Member:
        """The member with this description."""
        return _member(self.at(name), description)

    def renew(self, name: str, member: Member) -> Member:
        """The member as it is now."""
        return _renewed(self.at(name), member)

    def is_current(self) -> bool:
        """True if the file is being written: then its groups stay."""
        return isinstance(self.place.snapshot, Growing) and self.place.snapshot.is_current()


def _group(place: Place, found: GroupDescription) -> Group:
    own = (place.snapshot.path, found.address)
    if own in place.above:
        raise Unavailable("a cycle: a link back to a group above it")
    inside = Inside(place, place.above | {own})
    return Group(
        children=Members(found.names, inside, place.snapshot.resources.nodes),
        attributes=found.attributes,
        revision=place.snapshot.revision,
        blocking=True,
    )


def _array(place: Place, found: ArrayDescription) -> Array:
    raw = [part.file.read_with(place.snapshot.given) for part in found.raw]
    flat = _flat(place, found, raw)
    sources = [*(source.read_with(place.snapshot.given) for source in found.sources.files), *raw]
    return Array(
        shape=found.shape,
        dtype=found.dtype,
        source=Dense(
            flat.read if flat else _reader(place, found),
            flat.read_stepped if isinstance(flat, FlatArray) else None,
            _stored(place, found),
        ),
        chunks=found.chunks,
        dimension_names=found.dimension_names,
        attributes=found.attributes,
        revision=virtual.revision(place.snapshot, sources, found.sources.awaited),
        maxshape=found.maxshape,
    )


def _flat(place: Place, found: ArrayDescription, raw: Sequence[Snapshot]) -> FlatArray | RawArray | None:
    """An array whose bytes lie in one piece in its file, or in raw files, just as in memory.

    None for every other dataset.
    """
    if len(found.raw) == 1:
        return FlatArray(raw[0], found.raw[0].offset, found.shape, found.dtype)
    if found.raw:
        parts = [(file, part.offset, part.nbytes) for file, part in zip(raw, found.raw, strict=True)]
        return RawArray(parts, found.shape, found.dtype)
    if found.offset is None or isinstance(place.snapshot, Growing):
        return None
    return FlatArray(place.snapshot, found.offset, found.shape, found.dtype)


def _stored(place: Place, found: ArrayDescription) -> Stored | None:
    """The stored chunks if the filters are those of a codec and items lie there as in memory."""
    codec = None if found.chunked is None else codec_of(found.chunked.filters, found.dtype.itemsize)
    if codec is None:
        return None
    by_library = partial(_read_stored, place) if isinstance(place.snapshot, Growing) else None
    return Stored(codec, by_library or partial(stored_chunk, place.snapshot, place.where))


def _reader(place: Place, found: ArrayDescription) -> Callable[[Region], np.ndarray[Any, Any]]:
    """The function that reads regions, without the library if the server can decode the chunks.

    Raises Damaged if the library is needed, but lacks a filter.
    """
    if found.sources.files:
        return partial(_read_virtual, place, found)
    by_library = partial(_read, place, found)
    if isinstance(place.snapshot, Growing):
        _check_filters(found)
        return by_library
    chunked = ChunkedArray.of(place.snapshot, place.where, found, by_library)
    if chunked:
        return chunked.read
    _check_filters(found)
    return by_library


def _check_filters(found: ArrayDescription) -> None:
    """Raises Damaged if the library lacks a filter."""
    if found.lacking and found.lacking.needed:
        raise Damaged(found.lacking.reason)


def _read(place: Place, found: ArrayDescription, region: Region) -> np.ndarray[Any, Any]:
    """A region, read by the library. Raises Damaged if the library lacks a filter that it needs."""
    try:
        block: np.ndarray[Any, Any] = library.data(place.snapshot, "read", Wanted(place.where, found.is_text, region))
    except Damaged:
        if found.lacking:
            raise Damaged(found.lacking.reason) from None
        raise
    return block


def _read_stored(place: Place, index: tuple[int, ...]) -> bytes | None:
    """The stored bytes of a chunk, found by the library."""
    stored: bytes | None = library.data(place.snapshot, "read_stored", place.where, index)
    return stored


def _read_virtual(place: Place, found: ArrayDescription, region: Region) -> np.ndarray[Any, Any]:
    """A region that the library assembles from other files."""
    block: np.ndarray[Any, Any] = library.data(
        place.snapshot, "read_virtual", Wanted(place.where, found.is_text, region), found.sources.files
    )
    return block
