"""Numpy arrays, numpy and Python scalars, lists of numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...nodes import Array, Block, Region, Revision, Unavailable
from ...revisions import launch_nonce, of_file
from ..common.blocks import fill_of, filled, is_masked

LAUNCH = Revision(launch_nonce)
"""The revision of all arrays in memory, shared: a large tree has 100,000 of them."""


def adapt_array(source: np.ndarray[Any, Any]) -> Array:
    """Views of an array, which must not change while it is served.

    Raises Unavailable for objects other than `str`.
    """
    array = np.asarray(source)
    read: Callable[[Region], Block]
    if array.dtype.kind == "T":
        read, dtype = partial(_read_variable_strings, array), np.dtype(object)
    elif array.dtype.hasobject and not (array.dtype.kind == "O" and _all_str(array)):
        raise Unavailable(f"an array of {array.dtype} that holds other objects than text; convert it to numbers or str")
    else:
        # a method of the array: a partial is two objects more for the garbage collector
        read, dtype = array.__getitem__ if array.ndim else partial(read_view, array), array.dtype
    return Array(shape=array.shape, dtype=dtype, read=read, revision=LAUNCH, blocking=False)


def adapt_memmap(source: np.memmap[Any, Any]) -> Array:
    """Views of a mapped file; the revision is the file's."""
    array = np.asarray(source)
    revision = launch_nonce if source.filename is None else of_file(source.filename)
    return Array(shape=array.shape, dtype=array.dtype, read=partial(read_view, array), revision=revision)


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
        read=lambda region: filled(np.ma.asarray(read_view(source, region)), fill),
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


def read_view(array: np.ndarray[Any, Any], region: Region) -> np.ndarray[Any, Any]:
    """The region as a view, which is an array even if it has no axes."""
    index: Any = (*region, ...)
    view: np.ndarray[Any, Any] = array[index]
    return view


def _read_variable_strings(array: np.ndarray[Any, Any], region: Region) -> np.ndarray[Any, Any]:
    block = read_view(array, region).astype(object)
    for place in np.ndindex(block.shape):
        if not isinstance(block[place], str):  # the dtype's own object for a missing text
            block[place] = ""
    return block


def _all_str(array: np.ndarray[Any, Any]) -> bool:
    return all(isinstance(item, str) for item in array.flat)
