"""Numpy arrays, numpy and Python scalars, lists of numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...nodes import Array, Block, Region, Revision, Unavailable
from ...resources import Resources
from ...revisions import launch_nonce
from ..common.blocks import fill_of, filled, is_masked
from ..common.filemaps import FileMap, part, whole_map
from ..common.snapshot import Snapshot

LAUNCH = Revision(launch_nonce)
"""The revision of all arrays in memory, shared: a large tree has 100,000 of them."""


def adapt_array(source: np.ndarray[Any, Any]) -> Array:
    """Views of an array, which must not change while it is served, or of the file that it maps.

    Raises Unavailable for objects other than `str`.
    """
    array = np.asarray(source)
    if array.base is not None and array.size and (whole := whole_map(array)) is not None:
        return _mapped(array, whole)
    read: Callable[[Region], Block]
    if array.dtype.kind == "T":
        read, dtype = partial(_read_variable_strings, array), np.dtype(object)
    elif array.dtype.hasobject and not (array.dtype.kind == "O" and _all_str(array)):
        raise Unavailable(f"an array of {array.dtype} that holds other objects than text; convert it to numbers or str")
    else:
        # a method of the array: a partial is two objects more for the garbage collector
        read, dtype = array.__getitem__ if array.ndim else partial(part, array), array.dtype
    return Array(shape=array.shape, dtype=dtype, read=read, revision=LAUNCH, blocking=False)


def adapt_memmap(source: np.memmap[Any, Any], resources: Resources | None = None) -> Array:
    """Views of a mapped file, whose revision is the node's.

    A map of an open file without a name, and one whose changes are its own (mode "c"), are read as
    they are.
    """
    whole = whole_map(source)
    if whole is None:
        return Array(shape=source.shape, dtype=source.dtype, read=partial(part, np.asarray(source)), revision=launch_nonce)
    return _mapped(source, whole, resources)


def _mapped(source: np.ndarray[Any, Any], whole: np.memmap[Any, Any], resources: Resources | None = None) -> Array:
    found = FileMap(source, whole, Snapshot.of(Path(str(whole.filename)), resources))
    return Array(shape=source.shape, dtype=source.dtype, read=found.read, revision=found.revision)


def adapt_masked(source: np.ma.MaskedArray[Any, Any]) -> Array:
    """A masked array with its masked items filled.

    The fill value is NaN or NaT if the type has one, else the array's own; the attributes name it.
    """
    node = adapt_array(source.data)
    if not is_masked(np.ma.getmaskarray(source)):
        return node
    fill = fill_of(source)
    return Array(
        shape=node.shape,
        dtype=node.dtype,
        read=lambda region: filled(np.ma.asarray(part(source, region)), fill),
        attributes={"tiled_zarr": {"masked": fill}},
        revision=launch_nonce,
    )


def adapt_value(source: object) -> Array:
    """A number, a text, or a list of them, as numpy converts it.

    Raises Unavailable if numpy cannot, or if the result holds objects other than `str`.
    """
    try:
        array = np.asarray(source)
    except ValueError as error:
        raise Unavailable(f"a {type(source).__name__} that is no array: {error}") from error
    return adapt_array(array)


def _read_variable_strings(array: np.ndarray[Any, Any], region: Region) -> np.ndarray[Any, Any]:
    block = part(array, region).astype(object)
    for place in np.ndindex(block.shape):
        if not isinstance(block[place], str):  # the dtype's own object for a missing text
            block[place] = ""
    return block


def _all_str(array: np.ndarray[Any, Any]) -> bool:
    return all(isinstance(item, str) for item in array.flat)
