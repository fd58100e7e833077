"""Datasets, data arrays and data trees of xarray, in the form that `xarray.open_zarr` expects.

Values are served decoded: times as times, scaled numbers as what they mean. The group's attribute
`coordinates` lists the variables that are coordinates.
https://docs.xarray.dev/en/stable/user-guide/io.html#coordinates
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ...attributes import merged
from ...nodes import Array, Block, Group, Node, Region, Unavailable, live
from ...resources import Resources
from ...revisions import launch_nonce, of_file
from ..common.blocks import settle
from ..common.children import Children
from ..common.lengths import Length
from ..common.recipes import column
from ..registry import adapt

Maker = Callable[[], Node]
Lengths = Mapping[str, Length]


def adapt_dataset(source: xr.Dataset, resources: Resources | None = None) -> Group:
    """A group of the variables, including the coordinates.

    A variable that is not loaded stays so, and is read by regions. The dataset must not change
    while it is served, except for what it reads from a file. A file that becomes shorter meanwhile
    is Damaged.
    """
    return _group(source, {}, _lengths([source]), resources)


def adapt_data_array(source: xr.DataArray, resources: Resources | None = None) -> Group:
    """A group of the array, named `data` if it has no name, and its coordinates."""
    if source.name in source.coords:  # the coordinate itself
        return adapt_dataset(source.coords.to_dataset(), resources)
    return adapt_dataset(source.to_dataset(name="data" if source.name is None else source.name), resources)


def adapt_tree(source: xr.DataTree, resources: Resources | None = None) -> Group:
    """A group of the variables of a tree's own dataset, and of the groups of its children.

    Inherited coordinates are left out.
    """
    return _tree(source, _lengths(source.subtree), resources)


def _tree(source: xr.DataTree, lengths: Lengths, resources: Resources | None) -> Group:
    groups = {name: partial(_tree, child, lengths, resources) for name, child in source.children.items()}
    return _group(source.to_dataset(inherit=False), groups, lengths, resources)


def _group(source: xr.Dataset, groups: Mapping[str, Maker], lengths: Lengths, resources: Resources | None) -> Group:
    own = lengths.get(_path(source))  # not every backend names the file of each variable
    variables = {str(name): partial(_variable, variable, lengths.get(_path(variable), own)) for name, variable in source.variables.items()}
    makers: dict[str, Maker] = {**variables, **groups}
    attributes = {str(name): value for name, value in source.attrs.items()}
    others = [str(name) for name in source.coords if name not in source.dims]
    if others:
        attributes.setdefault("coordinates", " ".join(others))
    return Group(
        children=Children(makers, lambda name: makers[name](), resources),
        attributes=attributes,
        revision=launch_nonce,
        blocking=any(map(_is_converted, source.variables.values())),
        kind="source",
    )


def _lengths(sources: Iterable[xr.Dataset | xr.DataTree]) -> Lengths:
    """The lengths of the files that datasets and their variables were opened from, now."""
    paths = {_path(part) for source in sources for part in (source, *source.variables.values())}
    return {path: Length.of(path) for path in paths if path and Path(path).is_file()}


def _path(opened: xr.Dataset | xr.DataTree | xr.Variable) -> str:
    """Where a dataset or variable was opened, empty if nobody says so."""
    return str(opened.encoding.get("source", ""))


def _variable(source: xr.Variable, length: Length | None) -> Array:
    variable = source if _is_pandas(source) or not source.dtype.hasobject or _is_text(source) else _encoded(source)
    node = _node(variable, length)
    if not isinstance(node, Array):
        raise Unavailable(f"a variable of {type(variable.data).__name__}, which is no array; turn it into one of numpy's")
    attributes = {str(name): value for name, value in variable.attrs.items()}
    return replace(node, dimension_names=tuple(map(str, variable.dims)), attributes=merged(node.attributes, attributes))


def _node(variable: xr.Variable, length: Length | None) -> Node:
    """The node of the values.

    Those of pandas' own types (categories, nullable numbers, times with a zone) become what a table
    column of them becomes.
    """
    if _is_pandas(variable):
        return column(pd.Series(variable.data), launch_nonce)
    node = _unloaded(variable) if _is_unloaded(variable) else adapt(variable.data)
    if length is None or not (isinstance(node, Array) and node.blocking) or node.is_sparse:
        return node
    return replace(node, source=replace(node.dense, read=partial(_checked, length, node.read)))


def _checked(length: Length, read: Callable[[Region], Block], region: Region) -> Block:
    length.check()
    return read(region)


def _is_pandas(variable: xr.Variable) -> bool:
    """True if the values are of a type that numpy does not have."""
    return not isinstance(variable.dtype, np.dtype)


def _is_converted(variable: xr.Variable) -> bool:
    """True if opening the variable reads or converts its values."""
    return _is_pandas(variable) or variable.dtype.hasobject


def _unloaded(variable: xr.Variable) -> Array:
    """A variable that reads from a file; its revision is the file's.

    If it reads from several files, it has no revision.
    """
    path = Path(_path(variable))
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
    """True if the values are still in a file.

    They are then neither in memory, nor in an array of another package. xarray has no public way to
    ask.
    """
    return not (variable._in_memory or hasattr(variable._data, "__array_function__"))


def _is_text(variable: xr.Variable) -> bool:
    """True if the items are `str`; of values in a file, we look only at the first one."""
    few = variable[tuple(slice(0, 1) for _ in variable.shape)] if _is_unloaded(variable) else variable
    return all(isinstance(item, str) for item in few.to_numpy().flat)


def _encoded(variable: xr.Variable) -> xr.Variable:
    """Objects as text, with missing ones empty, or else as xarray would store them.

    For example, it stores times of other calendars as numbers.
    """
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
