"""Descriptions of the objects in an open file. Runs in helper processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ...nodes import Damaged, Unavailable
from ..common.extras import require
from ..common.snapshot import Snapshot, check_end, is_for_users
from . import items as types
from . import virtual
from .attributes import attributes, dimension_names, is_bare_dimension, text
from .descriptions import (
    ArrayDescription,
    ChunkDescription,
    Description,
    ExternalLink,
    Filters,
    GroupDescription,
    Lacking,
    Raw,
    Source,
    Sources,
)
from .growing import Growing
from .links import DAMAGED, decoded


def describe(snapshot: Snapshot, name: str, item: Any) -> Description:
    """The description of an open object, found under `name`.

    Raises Unavailable if it has no form in Zarr, OSError if it is damaged.
    """
    h5py = require("h5py", "hdf5")
    if isinstance(item, ExternalLink):
        return item
    if isinstance(snapshot, Growing) and isinstance(item, h5py.Dataset):
        item.refresh()
    if isinstance(item, h5py.Group):
        return GroupDescription(int(h5py.h5o.get_info(item.id).addr), tuple(map(decoded, item.id)), attributes(item))
    return _array(snapshot, name, item)


def refusal(snapshot: Snapshot, name: str, error: Exception) -> Exception:
    """The error for an object that we could not describe.

    The library's own messages about damaged objects do not help users, so we replace them.
    """
    if is_for_users(error):
        return error
    return Damaged(f"{text(name)!r} in {Path(snapshot.path).name!r} {DAMAGED}")


def _array(snapshot: Snapshot, name: str, dataset: Any) -> ArrayDescription:
    # before we ask for the shape, since that may open the sources
    sources = virtual.sources(snapshot, dataset) if dataset.is_virtual else Sources()
    if dataset.shape is None:
        raise Unavailable("an empty dataset, which has no shape")
    if is_bare_dimension(dataset):
        raise Unavailable("a NetCDF dimension without a variable, which holds no data")
    item = types.item_of(dataset)
    is_chunked = bool(dataset.chunks) and not dataset.is_virtual
    is_raw = not dataset.is_virtual and item.dtype == dataset.dtype.base and types.are_raw(dataset)
    raw = _raw(snapshot, dataset) if dataset.external else ()
    if raw and not (is_raw and not item.shape):
        raise Unavailable("data in raw files of a type that would have to be converted; copy them into the HDF5 file")
    return ArrayDescription(
        shape=(*dataset.shape, *item.shape),
        maxshape=(*dataset.maxshape, *item.shape),
        dtype=item.dtype,
        item_axes=len(item.shape),
        is_text=item.is_text,
        chunks=(*dataset.chunks, *item.shape) if is_chunked else None,
        dimension_names=(*dimension_names(dataset, name), *[None] * len(item.shape)),
        attributes={**attributes(dataset), **item.attributes},
        offset=dataset.id.get_offset() if is_raw and not raw else None,
        chunked=_chunked(dataset) if is_chunked and is_raw and not item.shape else None,
        sources=sources,
        raw=raw,
        lacking=_lacking(dataset),
        unavailable=item.unavailable,
    )


def _chunked(dataset: Any) -> ChunkDescription | None:
    """The filters and the fill value, or None if this version of the library cannot list chunks."""
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


def _raw(snapshot: Snapshot, dataset: Any) -> tuple[Raw, ...]:
    """The parts of raw files that hold the bytes of a dataset.

    Their names are relative to the folder of the HDF5 file. Raises Damaged if one is missing, too
    short, or not served.
    """
    parts, left = [], dataset.id.get_space().get_simple_extent_npoints() * dataset.dtype.itemsize
    for name, offset, size in dataset.external:
        nbytes = min(left, size)
        file = virtual.beside(snapshot, name, "a link to raw data")
        with file.opened() as opened:
            check_end(file.path, os.fstat(opened.fileno()).st_size, offset + nbytes)
        parts.append(Raw(Source.of(file), offset, nbytes))
        left -= nbytes
    if left:
        raise Damaged(f"its raw files lack {left:,} bytes of its data; write it again")
    return tuple(parts)


def _lacking(dataset: Any) -> Lacking | None:
    """The first filter of a dataset that is not installed, or None.

    A writer may skip an optional filter, and records that in each chunk; we look at the first
    chunk.
    """
    h5py = require("h5py", "hdf5")
    created = dataset.id.get_create_plist()
    for place, (code, flags, _, name) in enumerate(map(created.get_filter, range(created.get_nfilters()))):
        if not h5py.h5z.filter_avail(code):
            named = f" ({name.decode(errors='replace')})" if name else ""
            reason = f"the HDF5 filter {code}{named} is not installed; {_cure()}"
            return Lacking(reason, not flags & h5py.h5z.FLAG_OPTIONAL or _went_through(dataset, place))
    return None


def _cure() -> str:
    if "hdf5plugin" in sys.modules:
        return "it is none of hdf5plugin's: put its plugin where HDF5_PLUGIN_PATH says, or write the file with another filter"
    return "pip install 'tiled-zarr[hdf5]'"


def _went_through(dataset: Any, place: int) -> bool:
    """True if the dataset's first chunk was encoded with the filter at `place` of the pipeline.

    False if it has no chunks.
    """
    is_written = dataset.id.get_num_chunks() > 0
    return is_written and not dataset.id.get_chunk_info(0).filter_mask >> place & 1
