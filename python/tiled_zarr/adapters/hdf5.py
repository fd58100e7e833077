"""HDF5 files, NetCDF4 and NeXus among them: groups, datasets, attributes and links.

https://support.hdfgroup.org/documentation/hdf5/latest/
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..nodes import Array, Group, Node, Region, Stored, Unavailable
from . import _hdf5types as types
from . import _hdf5virtual as virtual
from ._extras import require
from ._flat import FlatArray
from ._hdf5chunks import filters, stored_chunk
from ._hdf5decoding import ChunkedArray
from ._hdf5files import FILES
from ._hdf5metadata import attributes, dimension_names, is_bare_dimension
from ._hdf5stored import spelling
from ._opening import Children
from ._snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class Place:
    """An object's file, its path inside, and the groups above it, each by file and address."""

    snapshot: Snapshot
    where: str
    above: frozenset[tuple[str, int]] = frozenset()

    @property
    def folder(self) -> Path:
        """The folder that external links and virtual datasets may lead into."""
        return Path(self.snapshot.path).parent


def open_hdf5(path: Path) -> Node:
    """The root group of a file. Raises OSError where it is no HDF5 file, or truncated."""
    require("h5py", "hdf5")
    return _open(Place(Snapshot.of(path), "/"))


def _open(place: Place) -> Node:
    with FILES.opened(place.snapshot) as file:
        try:
            item = file[place.where]
        except KeyError as error:
            raise OSError(f"{place.where!r} cannot be opened: {error.args[0]}") from error
        return _node(place, item)


def _node(place: Place, item: Any) -> Node:
    h5py = require("h5py", "hdf5")
    if item.file.filename != place.snapshot.path:
        raise Unavailable("a soft link that passes through an external link; link to the file itself")
    if isinstance(item, h5py.Group):
        return _group(place, item)
    if isinstance(item, h5py.Dataset):
        return _array(place, item)
    raise Unavailable("a named data type, which holds no data")


def _group(place: Place, group: Any) -> Group:
    own = (place.snapshot.path, _address(group))
    if own in place.above:
        raise Unavailable("a cycle: a link back to a group above it")
    below = place.above | {own}
    return Group(
        children=Children(group, lambda name: _child(Place(place.snapshot, posixpath.join(place.where, name), below))),
        attributes=attributes(group),
        revision=place.snapshot.revision,
        blocking=True,
    )


def _child(place: Place) -> Node:
    """What a link leads to: an object of the same file, or through an external link, of another one."""
    h5py = require("h5py", "hdf5")
    with FILES.opened(place.snapshot) as file:
        link = file.get(place.where, getlink=True)
    if not isinstance(link, h5py.ExternalLink):
        return _open(place)
    target = virtual.inside(place.folder, link.filename)
    return _open(Place(Snapshot.of(target), posixpath.join("/", link.path), place.above))


def _array(place: Place, dataset: Any) -> Array:
    if dataset.shape is None:
        raise Unavailable("an empty dataset, which has no shape")
    if is_bare_dimension(dataset):
        raise Unavailable("a NetCDF dimension without a variable, which holds no data")
    _check_storage(dataset)
    item = types.item_of(dataset)
    sources = virtual.sources(place.folder, dataset) if dataset.is_virtual else ()
    flat = _flat(place, dataset, item)
    return Array(
        shape=(*dataset.shape, *item.shape),
        dtype=item.dtype,
        read=flat.read if flat else _reader(place, dataset, item, sources),
        read_stepped=flat.read_stepped if flat else None,
        chunks=(*dataset.chunks, *item.shape) if dataset.chunks and not dataset.is_virtual else None,
        dimension_names=(*dimension_names(dataset), *[None] * len(item.shape)),
        attributes={**attributes(dataset), **item.attributes},
        revision=virtual.revision(place.snapshot, sources),
        stored=_stored(place, dataset, item),
    )


def _stored(place: Place, dataset: Any, item: types.Item) -> Stored | None:
    """The chunks of a dataset whose filters are a codec, and whose items are in the file as in memory."""
    is_plain = dataset.chunks and not dataset.is_virtual and not item.shape and item.dtype == dataset.dtype and types.are_raw(dataset)
    if not is_plain or not hasattr(dataset.id, "chunk_iter"):
        return None
    codec = spelling(filters(dataset), item.dtype.itemsize)
    return None if codec is None else Stored(codec, partial(stored_chunk, place.snapshot, place.where))


def _flat(place: Place, dataset: Any, item: types.Item) -> FlatArray | None:
    """A dataset that lies in the file in one piece, as it is in memory."""
    offset = None if dataset.is_virtual else dataset.id.get_offset()
    if offset is None or not types.are_raw(dataset):
        return None
    return FlatArray(place.snapshot, offset, (*dataset.shape, *item.shape), item.dtype)


def _reader(place: Place, dataset: Any, item: types.Item, sources: virtual.Sources) -> Callable[[Region], np.ndarray[Any, Any]]:
    """What reads regions of any other one: past the library where chunks can be decoded here."""
    if sources:
        return partial(virtual.read, sources, place.snapshot, place.where, item)
    by_library = partial(types.read, FILES, place.snapshot, place.where, item)
    if dataset.chunks and not dataset.is_virtual:
        chunked = ChunkedArray.of(place.snapshot, place.where, dataset, by_library)
        if chunked:
            return chunked.read
    _check_filters(dataset)
    return by_library


def _check_storage(dataset: Any) -> None:
    """Raises Unavailable for data in files of no format."""
    if dataset.external:
        raise Unavailable("its data lie in raw files outside of the HDF5 file, which are not read")


def _check_filters(dataset: Any) -> None:
    """Raises Unavailable for data behind a filter that is neither known here nor installed."""
    h5py = require("h5py", "hdf5")
    created = dataset.id.get_create_plist()
    for code, _, _, name in map(created.get_filter, range(created.get_nfilters())):
        if not h5py.h5z.filter_avail(code):
            raise Unavailable(f"the HDF5 filter {code} ({name.decode(errors='replace')}) is not installed; pip install 'tiled-zarr[hdf5]'")


def _address(item: Any) -> int:
    h5py = require("h5py", "hdf5")
    return int(h5py.h5o.get_info(item.id).addr)
