"""Descriptions of the objects in an open file. Runs in helper processes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...nodes import Unavailable
from .. import _hdf5types as types
from .. import _hdf5virtual as virtual
from .._extras import require
from .._hdf5metadata import attributes, dimension_names, is_bare_dimension
from .._snapshots import Snapshot
from .descriptions import ArrayDescription, ChunkDescription, Description, ExternalLink, Filters, GroupDescription
from .links import decoded


def describe(snapshot: Snapshot, name: str, item: Any) -> Description:
    """What an object is that was found by a name. Raises Unavailable if it has no form in Zarr, OSError if it is damaged."""
    h5py = require("h5py", "hdf5")
    if isinstance(item, ExternalLink):
        return item
    if isinstance(item, h5py.Group):
        return GroupDescription(int(h5py.h5o.get_info(item.id).addr), tuple(map(decoded, item.id)), attributes(item))
    return _array(snapshot, name, item)


def _array(snapshot: Snapshot, name: str, dataset: Any) -> ArrayDescription:
    _check_storage(dataset)
    sources = virtual.sources(snapshot, dataset) if dataset.is_virtual else ()  # first: asking for the shape may open them
    if dataset.shape is None:
        raise Unavailable("an empty dataset, which has no shape")
    if is_bare_dimension(dataset):
        raise Unavailable("a NetCDF dimension without a variable, which holds no data")
    item = types.item_of(dataset)
    is_chunked = bool(dataset.chunks) and not dataset.is_virtual
    is_raw = not dataset.is_virtual and types.are_raw(dataset)
    return ArrayDescription(
        shape=(*dataset.shape, *item.shape),
        dtype=item.dtype,
        item_axes=len(item.shape),
        is_text=item.is_text,
        chunks=(*dataset.chunks, *item.shape) if is_chunked else None,
        dimension_names=(*dimension_names(dataset, name), *[None] * len(item.shape)),
        attributes={**attributes(dataset), **item.attributes},
        offset=dataset.id.get_offset() if is_raw else None,
        chunked=_chunked(dataset) if is_chunked and is_raw and not item.shape else None,
        sources=sources,
        lacking=_lacking(dataset),
        unavailable=item.unavailable,
    )


def _chunked(dataset: Any) -> ChunkDescription | None:
    """None where the library cannot list chunks."""
    return ChunkDescription(filters(dataset), _fill(dataset)) if hasattr(dataset.id, "chunk_iter") else None


def filters(dataset: Any) -> Filters:
    """The filter pipeline of an open dataset."""
    created = dataset.id.get_create_plist()
    every = map(created.get_filter, range(created.get_nfilters()))
    return tuple((int(code), tuple(int(value) for value in values)) for code, _, values, _ in every)


def _fill(dataset: Any) -> np.ndarray[Any, Any] | None:
    h5py = require("h5py", "hdf5")
    created = dataset.id.get_create_plist()
    is_said = created.get_fill_time() != h5py.h5d.FILL_TIME_NEVER and created.fill_value_defined() != h5py.h5d.FILL_VALUE_UNDEFINED
    return np.array(dataset.fillvalue, dataset.dtype) if is_said else None


def _check_storage(dataset: Any) -> None:
    """Raises Unavailable for data in files of no format."""
    if dataset.external:
        raise Unavailable("its data lie in raw files outside of the HDF5 file, which are not read")


def _lacking(dataset: Any) -> str | None:
    """Which filter is not installed that the library would need."""
    h5py = require("h5py", "hdf5")
    created = dataset.id.get_create_plist()
    for code, _, _, name in map(created.get_filter, range(created.get_nfilters())):
        if not h5py.h5z.filter_avail(code):
            return f"the HDF5 filter {code} ({name.decode(errors='replace')}) is not installed; pip install 'tiled-zarr[hdf5]'"
    return None
