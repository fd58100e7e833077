"""Descriptions of the objects in an open file. Runs in helper processes."""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

import numpy as np

from ...extras import command
from ...nodes import Damaged, Unavailable
from ..common.extras import require
from ..common.snapshot import Snapshot, check_end, is_for_users
from . import items as types
from . import virtual
from .attributes import Names, attributes, dimension_names, is_bare_dimension, names_of, text
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


class Dataset(NamedTuple):
    """An open dataset, and what we ask the library about it, each once.

    Each answer opens an identifier, which takes 4 to 15 us, and a group may have 10,000 datasets.
    `created` is its creation property list, `names` are those of its attributes.
    """

    item: Any
    created: Any
    names: Names
    is_scale: bool
    is_virtual: bool

    @classmethod
    def of(cls, item: Any) -> Dataset:
        """What we ask about an open dataset."""
        h5py = require("h5py", "hdf5")
        created = item.id.get_create_plist()
        is_virtual = created.get_layout() == h5py.h5d.VIRTUAL
        return cls(item, created, names_of(item), bool(h5py.h5ds.is_scale(item.id)), is_virtual)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Its chunk shape, None if it has no chunks."""
        is_chunked = self.created.get_layout() == require("h5py", "hdf5").h5d.CHUNKED
        return self.created.get_chunk() or None if is_chunked else None


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
        return GroupDescription(int(h5py.h5o.get_info(item.id).addr), tuple(map(decoded, item.id)), attributes(item, names_of(item)))
    return _array(snapshot, name, item)


def refusal(snapshot: Snapshot, name: str, error: Exception) -> Exception:
    """The error for an object that we could not describe.

    The library's own messages about damaged objects do not help users, so we replace them.
    """
    if is_for_users(error):
        return error
    return Damaged(f"{text(name)!r} in {snapshot.name!r} {DAMAGED}")


def _array(snapshot: Snapshot, name: str, item: Any) -> ArrayDescription:
    h5py = require("h5py", "hdf5")
    dataset = Dataset.of(item)
    # before we ask for the shape, since that may open the sources
    sources = virtual.sources(snapshot, item) if dataset.is_virtual else Sources()
    space = item.id.get_space()
    if space.get_simple_extent_type() == h5py.h5s.NULL:
        raise Unavailable("an empty dataset, which has no shape")
    if dataset.is_scale and is_bare_dimension(item):
        raise Unavailable("a NetCDF dimension without a variable, which holds no data")
    found = types.item_of(item)
    shape, inner, chunks = space.get_simple_extent_dims(), found.shape, dataset.chunks
    is_raw = not dataset.is_virtual and found.dtype == item.dtype.base and types.are_raw(item)
    raw = _raw(snapshot, dataset) if dataset.created.get_external_count() > 0 else ()
    if raw and not (is_raw and not inner):
        raise Unavailable("data in raw files of a type that would have to be converted; copy them into the HDF5 file")
    return ArrayDescription(
        shape=(*shape, *inner),
        maxshape=(*(None if size == h5py.h5s.UNLIMITED else size for size in space.get_simple_extent_dims(True)), *inner),
        dtype=found.dtype,
        item_axes=len(inner),
        is_text=found.is_text,
        chunks=(*chunks, *inner) if chunks else None,
        dimension_names=(*dimension_names(item, name, dataset.names, len(shape), is_scale=dataset.is_scale), *[None] * len(inner)),
        attributes={**attributes(item, dataset.names, is_scale=dataset.is_scale), **found.attributes},
        offset=item.id.get_offset() if is_raw and not raw else None,
        chunked=_chunked(dataset) if chunks and is_raw and not inner else None,
        sources=sources,
        raw=raw,
        lacking=_lacking(dataset),
        unavailable=found.unavailable,
    )


def _chunked(dataset: Dataset) -> ChunkDescription | None:
    """The filters and the fill value, or None if this version of the library cannot list chunks."""
    return ChunkDescription(filters(dataset.created), _fill(dataset)) if hasattr(dataset.item.id, "chunk_iter") else None


def filters(created: Any) -> Filters:
    """The filter pipeline in a dataset's creation property list."""
    every = map(created.get_filter, range(created.get_nfilters()))
    return tuple((int(code), tuple(int(value) for value in values)) for code, _, values, _ in every)


def _fill(dataset: Dataset) -> np.ndarray[Any, Any] | None:
    h5py = require("h5py", "hdf5")
    created, dtype = dataset.created, dataset.item.dtype
    is_said = created.get_fill_time() != h5py.h5d.FILL_TIME_NEVER and created.fill_value_defined() != h5py.h5d.FILL_VALUE_UNDEFINED
    return np.array(dataset.item.fillvalue, dtype) if is_said else None


def _raw(snapshot: Snapshot, dataset: Dataset) -> tuple[Raw, ...]:
    """The parts of raw files that hold the bytes of a dataset.

    Their names are relative to the folder of the HDF5 file. Raises Damaged if one is missing, too
    short, or not served.
    """
    parts, left = [], dataset.item.id.get_space().get_simple_extent_npoints() * dataset.item.dtype.itemsize
    for name, offset, size in dataset.item.external:
        nbytes = min(left, size)
        file = virtual.beside(snapshot, name, "a link to raw data")
        with file.opened() as opened:
            check_end(file.path, os.fstat(opened.fileno()).st_size, offset + nbytes)
        parts.append(Raw(Source.of(file), offset, nbytes))
        left -= nbytes
    if left:
        raise Damaged(f"its raw files lack {left:,} bytes of its data; write it again")
    return tuple(parts)


def _lacking(dataset: Dataset) -> Lacking | None:
    """The first filter of a dataset that is not installed, or None.

    A writer may skip an optional filter, and records that in each chunk; we look at the first
    chunk.
    """
    h5py = require("h5py", "hdf5")
    created = dataset.created
    for place, (code, flags, _, name) in enumerate(map(created.get_filter, range(created.get_nfilters()))):
        if not h5py.h5z.filter_avail(code):
            named = f" ({name.decode(errors='replace')})" if name else ""
            reason = f"the HDF5 filter {code}{named} is not installed; {_cure()}"
            return Lacking(reason, not flags & h5py.h5z.FLAG_OPTIONAL or _went_through(dataset.item, place))
    return None


def _cure() -> str:
    if "hdf5plugin" in sys.modules:
        return "it is none of hdf5plugin's: put its plugin where HDF5_PLUGIN_PATH says, or write the file with another filter"
    return command("hdf5")


def _went_through(dataset: Any, place: int) -> bool:
    """True if the dataset's first chunk was encoded with the filter at `place` of the pipeline.

    False if it has no chunks.
    """
    is_written = dataset.id.get_num_chunks() > 0
    return is_written and not dataset.id.get_chunk_info(0).filter_mask >> place & 1
