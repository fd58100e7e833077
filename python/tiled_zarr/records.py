"""Record arrays, whose items have fields: serves some of them as groups of their fields.

A record array stays an array if each field is one value of a type that Zarr has. If a field holds
arrays, records or texts of any length, the array becomes a group, in v2 and v3: zarr-python 3
refuses a whole consolidated v2 hierarchy because of one such array, and Zarr v3 has no type for
some of them. In that group each field is an array, whose last axes are those of its items. A record
inside a record is a group again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from . import dtypes
from .attributes import OURS, joined
from .dtypes import Dtype
from .nodes import Array, Dense, Group, Look, Node, Options, Region, Revision, Unavailable

NO_REASONS: Mapping[str, str] = MappingProxyType({})
MOST_TYPES = 1024
"""Record types for which the result of `is_flat` is cached, at most."""


class Shown:
    """Converts nodes to what is served; returns the same group for a record while it is in use."""

    def __init__(self) -> None:
        self._groups: WeakValueDictionary[int, Group] = WeakValueDictionary()
        """Groups by the `id` of their arrays. The group keeps the array alive, and so its `id`."""

    def of(self, node: Node) -> Node:
        """The group of a record array's fields if Zarr cannot have it as an array, else the node.

        Raises Unavailable if none of the fields can be shown.
        """
        if not isinstance(node, Array) or not node.dtype.names or node.is_sparse or is_flat(node.dtype):
            return node
        group = self._groups.get(id(node))
        if group is None:
            group = self._groups[id(node)] = as_group(node)
        return group


@lru_cache(MOST_TYPES)
def is_flat(dtype: Dtype) -> bool:
    """True if each field of a record is one value of a type that Zarr has.

    >>> is_flat(np.dtype("u1,f8")), is_flat(np.dtype("u1,(3,)f8"))
    (True, False)
    """
    try:
        wire = dtypes.wire(dtype)
    except Unavailable:
        return False
    kinds = [wire[name] for name in wire.names or ()]
    return not any(kind.names or kind.subdtype or dtypes.is_string(kind) for kind in kinds)


def as_group(array: Array, unavailable: Mapping[str, str] = NO_REASONS) -> Group:
    """The group of an array's fields; `unavailable` has reasons for what else cannot be shown.

    Raises Unavailable if the group would be empty.
    """
    return replace(_group(Field(array), array.dtype, unavailable), attributes=_attributes(array))


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record array, or of records inside it.

    `path` are the field names that lead to it, `shape` is the shape of its items.
    """

    array: Array
    path: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()

    def below(self, name: str, kind: Dtype) -> Field:
        """A field of the records in this field."""
        return Field(self.array, (*self.path, name), (*self.shape, *kind.shape))

    def read(self, region: Region) -> np.ndarray[Any, Any]:
        """The block of a region, the axes of the items last. Reads whole items of the array."""
        outer = len(self.array.shape)
        return self._of(self.array.read(region[:outer]), region[outer:])

    def read_stepped(self, region: Region, steps: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Every `steps[axis]`-th element of a region; only if the array has `read_stepped`."""
        outer = len(self.array.shape)
        stepped = self.array.dense.read_stepped
        assert stepped is not None
        inner = zip(region[outer:], steps[outer:], strict=True)
        return self._of(
            stepped(region[:outer], steps[:outer]),
            tuple(slice(part.start, part.stop, step) for part, step in inner),
        )

    def revision(self, region: Region) -> str | None:
        """The revision of the items that a region is read from."""
        return self.array.revision(region[: len(self.array.shape)])

    def look(self) -> Look | None:
        """What renews the revision of the items, if it has to be renewed."""
        look, outer = self.array.revision.look, len(self.array.shape)
        if look is None:
            return None
        is_fresh, renew = look
        return Look(lambda region: is_fresh(region[:outer]), lambda region, is_read_next: renew(region[:outer], is_read_next))

    def axes(self, sizes: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """Sizes along the array's axes, followed by the shape of the items.

        None if there are none, or not one per axis of the array.
        """
        return (*sizes, *self.shape) if sizes and len(sizes) == len(self.array.shape) else None

    def _of(self, read: Any, inner: tuple[slice, ...]) -> np.ndarray[Any, Any]:
        block = np.asarray(read)  # an array without axes may return a scalar
        for name in self.path:
            block = block[name]
        index: Any = (..., *inner)
        field: np.ndarray[Any, Any] = block[index]
        return field


def _group(field: Field, dtype: Dtype, unavailable: Mapping[str, str] = NO_REASONS) -> Group:
    """The group of the fields of the records in a field.

    Raises Unavailable if none can be shown.
    """
    children: dict[str, Node] = {}
    reasons = dict(unavailable)
    for name in dtype.names or ():
        try:
            children[name] = _node(field.below(name, dtype[name]), dtype[name].base)
        except Unavailable as why:
            reasons[name] = str(why)
    if not children:
        raise Unavailable("; ".join(f"{name}: {why}" for name, why in reasons.items()))
    return Group(
        children=children,
        attributes={OURS: {"record": list(dtype.names or ())}},
        unavailable=lambda: reasons,
        revision=field.array.revision,
        kind="source",
    )


def _node(field: Field, dtype: Dtype) -> Node:
    """The array or group of a field. Raises Unavailable if Zarr has no type for it."""
    if dtype.names:
        return _group(field, dtype)
    dtypes.wire(dtype)
    array = field.array
    return Array(
        shape=(*array.shape, *field.shape),
        dtype=dtype,
        source=Dense(
            field.read,
            field.read_stepped if array.source.read_stepped else None,
            blocking=array.blocking,
            unit=field.axes(array.source.unit),
            itemsize=-(-array.dtype.itemsize // max(1, math.prod(field.shape))) if array.blocking else None,
        ),
        chunks=field.axes(array.chunks),
        dimension_names=(*array.dimension_names, *[None] * len(field.shape)) if array.dimension_names else None,
        revision=Revision(array.revision, field.revision, field.look()),
        options=_options(field),
        maxshape=(*array.maxshape, *field.shape) if array.maxshape else None,
    )


def _options(field: Field) -> Options:
    """The array's options, with the shape of the items appended to the chunk shape."""
    options = field.array.options
    return replace(options, chunk_shape=field.axes(options.chunk_shape)) if options.chunk_shape else options


def _attributes(array: Array) -> Mapping[str, Any]:
    """The array's attributes, with the order of its fields under our key."""
    return joined(array.attributes, {OURS: {"record": list(array.dtype.names or ())}})
