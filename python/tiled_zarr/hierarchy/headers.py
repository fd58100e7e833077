"""Headers: the content of a node's metadata document, before Zarr v2 or v3 spells it as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from .. import codecs, dtypes, grid, marks
from ..attributes import OURS, Json, Said, now
from ..nodes import Array, Node, Options

STRING_BYTES = 16
"""Bytes that we assume for one item of a string array when choosing chunks."""
WIDEST_TYPESIZE = 255
"""Bytes. Blosc stores the typesize in one byte; it treats wider items as single bytes."""
MOST_SUITED = 1024
"""Codecs with their shuffle decided that are remembered, at most: one per spelling and type."""


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """An array as clients see it: shapes in elements, attributes as JSON.

    `dtype` is the type on the wire. The shuffle of `codec` is decided. `separator` is between the
    parts of a chunk key, `mark` is the item that means "missing value", and `struct` is how Zarr v3
    spells structured types.
    """

    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    dtype: dtypes.Dtype
    codec: codecs.Codec
    dimension_names: tuple[str, ...]
    attributes: dict[str, Json]
    separator: str
    mark: marks.Mark | None = None
    struct: dtypes.StructName = "structured"


@dataclass(frozen=True, slots=True)
class GroupHeader:
    """A group as clients see it."""

    attributes: dict[str, Json]


Header: TypeAlias = ArrayHeader | GroupHeader
Members: TypeAlias = dict[str, Header]
"""The headers of all nodes below a group, by path relative to the group."""


def itemsize(dtype: dtypes.Dtype) -> int:
    """Bytes of one item of a wire type, as counted when choosing chunks."""
    return STRING_BYTES if dtypes.is_string(dtype) else dtype.itemsize


def typesize(dtype: dtypes.Dtype) -> int:
    """Bytes of the units that a codec shuffles, for a wire type."""
    return 1 if dtypes.is_string(dtype) or dtype.itemsize > WIDEST_TYPESIZE else dtype.itemsize


def read_itemsize(node: Array) -> int:
    """Bytes that the source of an array reads for one item, at least those of the item."""
    return max(itemsize(dtypes.wire(node.dtype)), node.source.itemsize or 0)


def chunk_grid(node: Array, options: Options) -> grid.Grid:
    """The chunk grid in which an array is served."""
    if options.verbatim and node.chunks is not None:
        return grid.Grid(node.shape, node.chunks)
    own, wanted, nbytes = node.chunks, options.chunk_shape, read_itemsize(node)
    if node.maxshape is not None:
        return grid.Grid(node.shape, grid.choose_growing(node.maxshape, nbytes, own=own, wanted=wanted))
    return grid.Grid(node.shape, grid.choose(node.shape, nbytes, own=own, wanted=wanted))


def codec(node: Array, chosen: str) -> codecs.Codec:
    """The codec that `chosen` spells, with the shuffle that suits the array."""
    return _suited(chosen, node.dtype, node.is_sparse)


@lru_cache(MOST_SUITED)
def _suited(chosen: str, dtype: dtypes.Dtype, is_sparse: bool) -> codecs.Codec:
    return codecs.parse(chosen).suited(typesize(dtypes.wire(dtype)), sparse=is_sparse)


def stored_codec(node: Array, served: grid.Grid) -> codecs.Codec | None:
    """The codec of the source's stored chunks if they fit the served grid and type, else None."""
    stored = node.source.stored
    if stored is None or served.chunk_shape != node.chunks or dtypes.layout(node.dtype) is not None:
        return None
    return stored.codec


def own_attributes(node: Node, **ours: Any) -> dict[str, Json]:
    """The node's attributes, with the non-empty items of `ours` added under our key.

    Raises what `Late` attributes raise when they are made.
    """
    attributes = now(node.attributes)
    said = {name: value for name, value in ours.items() if value}
    return Said({**attributes, OURS: {**attributes.get(OURS, {}), **said}}) if said else attributes
