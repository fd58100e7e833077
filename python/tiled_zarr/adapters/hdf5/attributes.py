"""Attributes and dimension names of HDF5 objects. Runs in helper processes.

https://support.hdfgroup.org/documentation/hdf5/latest/_h5_d_s__u_g.html (dimension scales)
"""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...attributes import LeftOut
from ..common.extras import require
from .items import as_text

LIST, LABELS = "DIMENSION_LIST", "DIMENSION_LABELS"
OF_AXES = frozenset({b"DIMENSION_LIST", b"DIMENSION_LABELS", b"REFERENCE_LIST", b"_Netcdf4Dimid", b"_Netcdf4Coordinates"})
OF_SCALES = frozenset({b"CLASS", b"NAME"})
"""Attributes by which files hold datasets and their dimension scales together; dimension names say the same."""
UNNAMED = "This is a netCDF dimension but not a netCDF variable"
MOST_BYTES = 16 * 1024 * 1024
"""Of the attributes of one object; those that come after it are left out."""
LONGEST_REASON = 200
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


class Untold(Exception):
    """An attribute that cannot be told; its text is the reason."""


def attributes(item: Any) -> dict[str, Any]:
    """The attributes; an empty one is None, and one that cannot be told is LeftOut."""
    found: dict[str, Any] = {}
    nbytes = 0
    attrs = item.attrs  # making it takes as long as reading an attribute
    try:
        names = list(_names(item))
    except Exception as error:  # noqa: BLE001 - of a damaged list
        return {"*": LeftOut(_reason(error))}
    for name in names:
        try:
            value = _value(attrs, name, MOST_BYTES - nbytes)
            nbytes += getattr(value, "nbytes", 0)
            found[text(name)] = value
        except Exception as error:  # noqa: BLE001 - one bad attribute does not take its object along
            found[text(name)] = LeftOut(_reason(error))
    return found


def text(name: bytes | str | None) -> str:
    r"""A name out of a file, the bytes in it that are no UTF-8 written as escapes.

    >>> text("Höhe".encode()), text(b"H\xf6he"), text(None)
    ('Höhe', 'H\\xf6he', '')
    """
    return name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name or ""


def _names(item: Any) -> Iterator[bytes]:
    h5py = require("h5py", "hdf5")
    hidden = OF_AXES | OF_SCALES if isinstance(item, h5py.Dataset) and item.is_scale else OF_AXES
    for name in item.attrs:  # bytes if it is no UTF-8
        spelled = name if isinstance(name, bytes) else name.encode()
        if spelled not in hidden:
            yield spelled


def _value(attrs: Any, name: bytes, room: int) -> Any:
    """The value of an attribute. Raises Untold for references, and what the library raises."""
    h5py = require("h5py", "hdf5")
    attribute = attrs.get_id(name)
    if _has_references(attribute.dtype):
        raise Untold("references to other objects, which JSON has no form for")
    if math.prod(attribute.shape or ()) * attribute.dtype.itemsize > room:
        raise Untold(f"too large: {MOST_BYTES} bytes of attributes are told of one object")
    value = attrs[name]
    if attribute.dtype.hasobject and not all(isinstance(part, str | bytes | np.ndarray) for part in np.ravel(value)):
        raise Untold("items of no fixed size in a record, which JSON has no form for")
    if isinstance(value, h5py.Empty):
        return None
    return _plain(value[0] if attribute.shape == (1,) else value)  # netCDF has no scalar attributes, and its readers expect scalars


def _plain(value: Any) -> Any:
    """The value with numbers of at most 64 bits in their parts, as there are no others in JSON, nor on every platform; bytes as text."""
    if isinstance(value, str | bytes):
        return _text(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "SO":
        texts = [_text(part) for part in value.flat]
        return np.array([*texts, None], object)[:-1].reshape(value.shape) if texts != value.ravel().tolist() else value
    if isinstance(value, np.ndarray | np.generic):
        dtype = _narrow(value.dtype)
        if dtype != value.dtype:
            with np.errstate(all="ignore"):
                return np.asarray(value).astype(dtype)[()]
    return value


def _text(value: Any) -> Any:
    """Text that is no UTF-8 in Latin-1, unless it has characters that stand in no text; all else as it is."""
    spelled = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return value if not isinstance(spelled, bytes) or CONTROL.search(spelled) else as_text(spelled)


def _narrow(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.names is not None:
        narrow = {name: _narrow(dtype[name]) for name in dtype.names}
        is_same = all(narrow[name] == dtype[name] for name in dtype.names)
        return dtype if is_same else np.dtype(list(narrow.items()))
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.dtype((_narrow(base), shape))
    if dtype.char == "g":
        return np.dtype("f8")
    return np.dtype("c16") if dtype.char == "G" else dtype


def _has_references(dtype: np.dtype[Any]) -> bool:
    h5py = require("h5py", "hdf5")
    if dtype.names is not None:
        return any(_has_references(dtype[name]) for name in dtype.names)
    if dtype.subdtype is not None:
        return _has_references(dtype.subdtype[0])
    inner = h5py.check_vlen_dtype(dtype)
    return h5py.check_ref_dtype(dtype) is not None or (isinstance(inner, np.dtype) and _has_references(inner))


def _reason(error: Exception) -> str:
    return f"{error}"[:LONGEST_REASON] if isinstance(error, Untold) else "it is damaged, or of a type that h5py does not read"


def is_bare_dimension(dataset: Any) -> bool:
    """Whether NetCDF made a dataset only for the length of a dimension; it holds no data."""
    if not dataset.is_scale:
        return False
    try:
        name = dataset.attrs.get("NAME", "")
    except Exception:  # noqa: BLE001 - it cannot be read, so NetCDF has not written it
        return False
    return (name.decode(errors="replace") if isinstance(name, bytes) else str(name)).startswith(UNNAMED)


def dimension_names(dataset: Any, own: str) -> tuple[str | None, ...]:
    """For each axis the name of its dimension scale, else its label, else None; a scale of one axis has its `own` name there."""
    axes: int = dataset.ndim
    if axes == 1 and dataset.is_scale:
        return (text(own.encode("utf-8", "surrogateescape")) or None,)
    try:
        lists = [name for name in (LIST, LABELS) if name in dataset.attrs]
        if not lists or not all(dataset.attrs.get_id(name).shape == (axes,) for name in lists):
            return (None,) * axes  # the library crashes on a list of another shape
        if any(not _is_of_axes(name, dataset.attrs.get_id(name).dtype) for name in lists):
            return (None,) * axes  # and on one of another type
        return tuple(_dimension_name(dimension) for dimension in dataset.dims)
    except Exception:  # noqa: BLE001 - names that cannot be read
        return (None,) * axes


def _is_of_axes(name: str, dtype: np.dtype[Any]) -> bool:
    """Whether an attribute has the type that the library takes it for: lists of references, or texts of any length."""
    h5py = require("h5py", "hdf5")
    if name == LABELS:
        text = h5py.check_string_dtype(dtype)
        return text is not None and text.length is None
    inner = h5py.check_vlen_dtype(dtype)
    return isinstance(inner, np.dtype) and h5py.check_ref_dtype(inner) is h5py.Reference


def _dimension_name(dimension: Any) -> str | None:
    try:
        scale = text(dimension[0].name) if len(dimension) else ""
        return posixpath.basename(scale) or text(dimension.label) or None
    except Exception:  # noqa: BLE001 - the scale was deleted, or its reference is damaged
        return None
