"""Attributes and dimension names of HDF5 objects.

https://support.hdfgroup.org/documentation/hdf5/latest/_h5_d_s__u_g.html (dimension scales)
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

import numpy as np

from ._extras import require

OF_AXES = {"DIMENSION_LIST", "DIMENSION_LABELS", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates"}
OF_SCALES = {"CLASS", "NAME"}
"""Attributes by which files hold datasets and their dimension scales together; dimension names say the same."""
UNNAMED = "This is a netCDF dimension but not a netCDF variable"


def attributes(item: Any) -> dict[str, Any]:
    """The attributes that can be read and are no references; an empty one is None."""
    return dict(_attributes(item))


def _attributes(item: Any) -> Iterator[tuple[str, Any]]:
    h5py = require("h5py", "hdf5")
    hidden = OF_AXES | OF_SCALES if isinstance(item, h5py.Dataset) and item.is_scale else OF_AXES
    for name in item.attrs:
        if name in hidden:
            continue
        try:
            value = None if _has_references(item.attrs.get_id(name).dtype) else item.attrs[name]
        except (OSError, TypeError, ValueError):  # a type that h5py does not know
            continue
        if value is not None:
            yield name, None if isinstance(value, h5py.Empty) else value


def _has_references(dtype: np.dtype[Any]) -> bool:
    h5py = require("h5py", "hdf5")
    if dtype.names is not None:
        return any(_has_references(dtype[name]) for name in dtype.names)
    inner = h5py.check_vlen_dtype(dtype)
    return h5py.check_ref_dtype(dtype) is not None or (isinstance(inner, np.dtype) and _has_references(inner))


def is_bare_dimension(dataset: Any) -> bool:
    """Whether NetCDF made a dataset only for the length of a dimension; it holds no data."""
    if not dataset.is_scale:
        return False
    name = dataset.attrs.get("NAME", "")
    return (name.decode(errors="replace") if isinstance(name, bytes) else str(name)).startswith(UNNAMED)


def dimension_names(dataset: Any) -> tuple[str | None, ...]:
    """For each axis the name of its dimension scale, else its label, else None; a scale of one axis names itself."""
    axes: int = dataset.ndim
    if axes == 1 and dataset.is_scale:
        return (posixpath.basename(dataset.name),)
    if "DIMENSION_LIST" not in dataset.attrs and "DIMENSION_LABELS" not in dataset.attrs:
        return (None,) * axes
    return tuple(_dimension_name(dimension) for dimension in dataset.dims)


def _dimension_name(dimension: Any) -> str | None:
    try:
        scale = dimension[0].name if len(dimension) else None
        return (posixpath.basename(scale) if scale else dimension.label) or None
    except (KeyError, RuntimeError, ValueError):  # the scale was deleted
        return None
