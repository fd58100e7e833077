"""What a metadata document says about a node, before it is spelled in a format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from .. import codecs, dtypes, grid, marks
from ..attributes import OURS, Json, Said, now
from ..nodes import Array, Node, Options

STRING_BYTES = 16
"""What one item of a string array counts for in choosing chunks."""
WIDEST_TYPESIZE = 255
"""Blosc's typesize is one byte; it takes wider items as single bytes."""


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """An array on the wire: shapes in elements, the wire type, the codec with its shuffle decided, JSON attributes.

    `struct` is how Zarr v3 spells structured types; `separator` stands between the parts of a chunk key; `mark` is the item that stands
    for a missing value.
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
    """A group on the wire."""

    attributes: dict[str, Json]


Header: TypeAlias = ArrayHeader | GroupHeader
Members: TypeAlias = dict[str, Header]
"""Every node below a group by its path from there."""


def itemsize(dtype: dtypes.Dtype) -> int:
    """Bytes that one item of a wire type counts for in choosing chunks."""
    return STRING_BYTES if dtypes.is_string(dtype) else dtype.itemsize


def typesize(dtype: dtypes.Dtype) -> int:
    """Bytes of the units that a codec shuffles in chunks of a wire type."""
    return 1 if dtypes.is_string(dtype) or dtype.itemsize > WIDEST_TYPESIZE else dtype.itemsize


def read_itemsize(node: Array) -> int:
    """Bytes that the source of an array reads for one item."""
    return max(itemsize(dtypes.wire(node.dtype)), node.source.itemsize or 0)


def chunk_grid(node: Array, options: Options) -> grid.Grid:
    """The grid in which an array is served."""
    if options.verbatim and node.chunks is not None:
        return grid.Grid(node.shape, node.chunks)
    own, wanted, nbytes = node.chunks, options.chunk_shape, read_itemsize(node)
    if node.maxshape is not None:
        return grid.Grid(node.shape, grid.choose_growing(node.maxshape, nbytes, own=own, wanted=wanted))
    return grid.Grid(node.shape, grid.choose(node.shape, nbytes, own=own, wanted=wanted))


def codec(node: Array, chosen: str) -> codecs.Codec:
    """The codec that was chosen for an array, its shuffle decided."""
    return codecs.parse(chosen).suited(typesize(dtypes.wire(node.dtype)), sparse=node.is_sparse)


def stored_codec(node: Array, served: grid.Grid) -> codecs.Codec | None:
    """The codec of chunks that the source has stored as they would be served in a grid, or None."""
    stored = node.source.stored
    if stored is None or served.chunk_shape != node.chunks or dtypes.layout(node.dtype) is not None:
        return None
    return stored.codec


def own_attributes(node: Node, **ours: Any) -> dict[str, Json]:
    """The node's attributes, with what is said of it under our key, unless that is empty.

    Raises what attributes raise that are made late.
    """
    attributes = now(node.attributes)
    said = {name: value for name, value in ours.items() if value}
    return Said({**attributes, OURS: {**attributes.get(OURS, {}), **said}}) if said else attributes
