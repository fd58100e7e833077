"""Attributes and dimension names of HDF5 objects. Runs in helper processes.

https://support.hdfgroup.org/documentation/hdf5/latest/_h5_d_s__u_g.html (dimension scales)
"""

from __future__ import annotations

import math
import posixpath
import re
from typing import Any, TypeAlias

import numpy as np

from ...attributes import LeftOut
from ..common.extras import require
from .items import as_text

LIST, LABELS = "DIMENSION_LIST", "DIMENSION_LABELS"
OF_AXES = frozenset({b"DIMENSION_LIST", b"DIMENSION_LABELS", b"REFERENCE_LIST", b"_Netcdf4Dimid", b"_Netcdf4Coordinates"})
OF_SCALES = frozenset({b"CLASS", b"NAME"})
"""Attributes that link datasets and their dimension scales.

We leave them out, since the dimension names say the same.
"""
UNNAMED = "This is a netCDF dimension but not a netCDF variable"
MOST_BYTES = 16 * 1024 * 1024
"""Bytes of attributes that we read of one object; attributes beyond that are left out."""
LONGEST_REASON = 200
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


class Unsayable(Exception):
    """An attribute that cannot be represented in JSON; its text is the reason."""


Names: TypeAlias = "tuple[bytes, ...] | LeftOut"
"""The names of all attributes of an object as the file spells them, or why they cannot be told."""


def names_of(item: Any) -> Names:
    """The names of all attributes of an open object."""
    h5py = require("h5py", "hdf5")
    try:
        if not h5py.h5a.get_num_attrs(item.id):
            return ()  # listing none takes four times as long as counting them
        # a name is bytes if it is not UTF-8
        return tuple(name if isinstance(name, bytes) else name.encode() for name in item.attrs)
    except Exception as error:  # noqa: BLE001 - the list is damaged
        return LeftOut(_reason(error))


def attributes(item: Any, names: Names, *, is_scale: bool = False) -> dict[str, Any]:
    """The attributes by name; an empty one is None, one that we cannot represent is LeftOut."""
    if isinstance(names, LeftOut):
        return {"*": names}
    if not names:
        return {}
    found: dict[str, Any] = {}
    nbytes = 0
    # once: making it takes as long as reading an attribute
    attrs = item.attrs
    hidden = OF_AXES | OF_SCALES if is_scale else OF_AXES
    for name in names:
        if name in hidden:
            continue
        try:
            value = _value(attrs, name, MOST_BYTES - nbytes)
            nbytes += getattr(value, "nbytes", 0)
            found[text(name)] = value
        except Exception as error:  # noqa: BLE001 - one bad attribute does not hide its object
            found[text(name)] = LeftOut(_reason(error))
    return found


def text(name: bytes | str | None) -> str:
    r"""A name from a file as text; bytes that are not UTF-8 become escapes.

    >>> text("Höhe".encode()), text(b"H\xf6he"), text(None)
    ('Höhe', 'H\\xf6he', '')
    """
    return name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name or ""


def _value(attrs: Any, name: bytes, room: int) -> Any:
    """The value of an attribute.

    Raises Unsayable for references, for items of no fixed size inside records and if the value has
    more than `room` bytes, and whatever the library raises.
    """
    attribute = attrs.get_id(name)
    dtype, shape = attribute.dtype, attribute.shape
    if _has_references(dtype):
        raise Unsayable("references to other objects, which JSON has no form for")
    if math.prod(shape or ()) * dtype.itemsize > room:
        raise Unsayable(f"too large: {MOST_BYTES} bytes of attributes are shown of one object")
    if shape is None:
        return None
    value = _numbers(attribute, dtype, shape) if dtype.kind in "iuf" and dtype.metadata is None else attrs[name]
    if dtype.hasobject and not all(isinstance(part, str | bytes | np.ndarray) for part in np.ravel(value)):
        raise Unsayable("items of no fixed size in a record, which JSON has no form for")
    # netCDF writes scalar attributes as lists of one, and its readers expect scalars
    return _plain(value[0] if shape == (1,) else value)


def _numbers(attribute: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    """What h5py returns for an attribute of plain numbers; its own way opens the attribute once more."""
    values = np.empty(shape, dtype)
    attribute.read(values)
    return values[()]


def _plain(value: Any) -> Any:
    """The value with bytes decoded to text and numbers narrowed to at most 64 bits each.

    JSON has no wider numbers, and not every platform has them.
    """
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
    """Text that is not UTF-8 decoded as Latin-1; binary data and everything else unchanged.

    We take a value for binary if it contains control characters other than whitespace.
    """
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
    return f"{error}"[:LONGEST_REASON] if isinstance(error, Unsayable) else "it is damaged, or of a type that h5py does not read"


def is_bare_dimension(dataset: Any) -> bool:
    """True if NetCDF made a scale only to record the length of a dimension; it holds no data."""
    try:
        name = dataset.attrs.get("NAME", "")
    except Exception:  # noqa: BLE001 - it cannot be read, so NetCDF has not written it
        return False
    return (name.decode(errors="replace") if isinstance(name, bytes) else str(name)).startswith(UNNAMED)


def dimension_names(dataset: Any, own: str, names: Names, axes: int, *, is_scale: bool) -> tuple[str | None, ...]:
    """For each axis the name of its dimension scale, else its label, else None.

    A one-dimensional scale names its axis by its `own` name. `names` are those of its attributes.
    """
    if axes == 1 and is_scale:
        return (text(own.encode("utf-8", "surrogateescape")) or None,)
    if not names:
        return (None,) * axes
    try:
        known = dataset.attrs if isinstance(names, LeftOut) else names
        lists = [name for name in (LIST, LABELS) if name.encode() in known]
        if not lists or not all(dataset.attrs.get_id(name).shape == (axes,) for name in lists):
            return (None,) * axes  # the library crashes on a list of another shape
        if any(not _is_of_axes(name, dataset.attrs.get_id(name).dtype) for name in lists):
            return (None,) * axes  # it crashes on one of another type too
        return tuple(_dimension_name(dimension) for dimension in dataset.dims)
    except Exception:  # noqa: BLE001 - the names cannot be read
        return (None,) * axes


def _is_of_axes(name: str, dtype: np.dtype[Any]) -> bool:
    """True if an attribute has the type that the library assumes without checking.

    That is a list of object references for DIMENSION_LIST, variable-length text for
    DIMENSION_LABELS.
    """
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
