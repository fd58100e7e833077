"""Items of HDF5 datasets as items of nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..nodes import Region, Unavailable
from ._extras import require
from ._hdf5files import Files
from ._snapshots import Snapshot

Block = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """What a dataset's items are in a node: their type, the axes that each one adds, how a block read is made of it."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...] = ()
    convert: Callable[[Block], Block] = np.asarray
    attributes: Mapping[str, Any] = field(default_factory=dict)


def item_of(dataset: Any) -> Item:
    """The items of a dataset. Raises Unavailable for types that numpy or Zarr have no equivalent of."""
    try:
        dtype = dataset.dtype
    except TypeError as error:
        raise Unavailable(f"a type that numpy has no equivalent of: {error}") from error
    return item(dtype)


def item(dtype: np.dtype[Any]) -> Item:
    """The items of a dataset of h5py's `dtype`. Raises Unavailable for references and for items of various lengths but text."""
    h5py = require("h5py", "hdf5")
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        inner = item(base)
        return Item(inner.dtype, (*shape, *inner.shape), inner.convert, inner.attributes)
    text = h5py.check_string_dtype(dtype)
    if text is not None and text.length is None:
        return Item(np.dtype(object), convert=_decode)
    if h5py.check_ref_dtype(dtype) is not None:
        raise Unavailable("references to other objects, which Zarr has no type for")
    if h5py.check_vlen_dtype(dtype) is not None:
        raise Unavailable("a ragged array: its items are arrays of various lengths")
    if dtype.hasobject:
        raise Unavailable(f"structured items with a field that has no fixed size: {', '.join(_loose_fields(dtype))}")
    names = h5py.check_enum_dtype(dtype)
    return Item(dtype, attributes={"tiled_zarr": {"enum": dict(names)}} if names else {})


def are_raw(dataset: Any) -> bool:
    """Whether items lie in the file just as numpy has them in memory, so that nothing has to be converted."""
    h5py = require("h5py", "hdf5")
    if dataset.dtype.hasobject or dataset.dtype.itemsize == 0:
        return False
    return bool(h5py.h5t.py_create(dataset.dtype, logical=True).equal(dataset.id.get_type()))


def read(files: Files, snapshot: Snapshot, where: str, item: Item, region: Region) -> Block:
    """A region of a dataset; the library reads the chunks that it touches."""
    with files.dataset(snapshot, where) as dataset:
        return read_open(dataset, item, region)


def read_open(dataset: Any, item: Item, region: Region) -> Block:
    """A region of an open dataset."""
    outer, inner = region[: dataset.ndim], region[dataset.ndim :]
    block = item.convert(dataset[outer or ...])
    index: Any = (..., *inner)
    part: Block = block[index]
    return part


def _decode(block: Block) -> Block:
    """Bytes as text. HDF5 says ASCII or UTF-8; writers often say the first and mean the second. Raises UnicodeDecodeError."""
    texts = np.empty(block.shape, object)
    for place, text in np.ndenumerate(block):
        texts[place] = text.decode("utf-8")
    return texts


def _loose_fields(dtype: np.dtype[Any]) -> list[str]:
    fields: Mapping[str, Any] = dtype.fields or {}
    return [repr(name) for name, (kind, *_) in fields.items() if kind.hasobject]
