"""Datasets, data arrays and data trees of xarray, as `xarray.open_zarr` wants to find them.

Values are served decoded: times as times, scaled numbers as what they mean. Which variables are coordinates is told by the attribute
`coordinates` of the group. https://docs.xarray.dev/en/stable/user-guide/io.html#coordinates
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ...attributes import merged
from ...nodes import Array, Group, Node, Region, Unavailable, live
from ...revisions import launch_nonce, of_file
from ..common.blocks import settle
from ..common.children import Children
from ..common.recipes import column
from ..registry import adapt

Maker = Callable[[], Node]


def adapt_dataset(source: xr.Dataset) -> Group:
    """A group of the variables, coordinates among them; a variable that is not loaded stays so, and is read by regions.

    The dataset is taken not to change while it is served, except for what it reads from a file.
    """
    return _group(source, {})


def adapt_data_array(source: xr.DataArray) -> Group:
    """A group of the array, called `data` where it has no name, and its coordinates."""
    if source.name in source.coords:  # the coordinate itself
        return adapt_dataset(source.coords.to_dataset())
    return adapt_dataset(source.to_dataset(name="data" if source.name is None else source.name))


def adapt_tree(source: xr.DataTree) -> Group:
    """A group of the variables of a tree's own dataset, without inherited coordinates, and of its children."""
    return _group(source.to_dataset(inherit=False), {name: partial(adapt_tree, child) for name, child in source.children.items()})


def _group(source: xr.Dataset, groups: Mapping[str, Maker]) -> Group:
    variables = {str(name): partial(_variable, variable) for name, variable in source.variables.items()}
    makers: dict[str, Maker] = {**variables, **groups}
    attributes = {str(name): value for name, value in source.attrs.items()}
    others = [str(name) for name in source.coords if name not in source.dims]
    if others:
        attributes.setdefault("coordinates", " ".join(others))
    return Group(
        children=Children(makers, lambda name: makers[name]()),
        attributes=attributes,
        revision=launch_nonce,
        blocking=any(map(_is_converted, source.variables.values())),
        kind="source",
    )


def _variable(source: xr.Variable) -> Array:
    variable = source if _is_pandas(source) or not source.dtype.hasobject or _is_text(source) else _encoded(source)
    node = _node(variable)
    if not isinstance(node, Array):
        raise Unavailable(f"a variable of {type(variable.data).__name__}, which is no array; turn it into one of numpy's")
    attributes = {str(name): value for name, value in variable.attrs.items()}
    return replace(node, dimension_names=tuple(map(str, variable.dims)), attributes=merged(node.attributes, attributes))


def _node(variable: xr.Variable) -> Node:
    """The node of the values: those of pandas' own types (categories, nullable numbers, times of a zone) as a column has them."""
    if _is_pandas(variable):
        return column(pd.Series(variable.data), launch_nonce)
    return _unloaded(variable) if _is_unloaded(variable) else adapt(variable.data)


def _is_pandas(variable: xr.Variable) -> bool:
    """Whether the values are of a type that numpy has not."""
    return not isinstance(variable.dtype, np.dtype)


def _is_converted(variable: xr.Variable) -> bool:
    """Whether the values are looked at or converted when the variable is opened."""
    return _is_pandas(variable) or variable.dtype.hasobject


def _unloaded(variable: xr.Variable) -> Array:
    """A variable behind a file: its revision is the file's where it is one file, else nobody can tell."""
    path = Path(str(variable.encoding.get("source", "")))
    chunks = variable.encoding.get("chunksizes") or variable.encoding.get("chunks")
    return Array(
        shape=variable.shape,
        dtype=variable.dtype,
        read=partial(_read, variable),
        chunks=tuple(map(int, chunks)) if chunks and len(chunks) == variable.ndim else None,
        revision=of_file(path) if path.is_file() else live,
    )


def _read(variable: xr.Variable, region: Region) -> np.ndarray[Any, Any]:
    return settle(variable[region].to_numpy(), variable.dtype, region)


def _is_unloaded(variable: xr.Variable) -> bool:
    """Whether the values are still in a file: neither in memory, nor of another array package. xarray has no public way to ask."""
    return not (variable._in_memory or hasattr(variable._data, "__array_function__"))


def _is_text(variable: xr.Variable) -> bool:
    """Whether the items are `str`: all of those in memory, else the first one."""
    few = variable[tuple(slice(0, 1) for _ in variable.shape)] if _is_unloaded(variable) else variable
    return all(isinstance(item, str) for item in few.to_numpy().flat)


def _encoded(variable: xr.Variable) -> xr.Variable:
    """Objects as text, empty where it is missing, or as xarray itself would store them: times of other calendars as numbers."""
    values = variable.to_numpy()
    is_missing = pd.isna(values)
    if all(isinstance(item, str) for item in values[~is_missing]):
        return xr.Variable(variable.dims, np.where(is_missing, "", values), variable.attrs)
    try:
        encoded = xr.conventions.encode_cf_variable(variable)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise Unavailable(f"a variable of objects that xarray cannot store: {error}") from error
    if encoded.dtype.hasobject:
        raise Unavailable("a variable of objects that are not text; convert them to numbers or text")
    return encoded
