"""The narrow waist: every source is turned into these four frozen values, and every Zarr key is answered from them.

A node is data plus one function that reads. Adapters build nodes; nobody subclasses one. What a node says of itself is made JSON, text and
bounded here, once: attributes (attributes.py), sizes and names of axes (checks.py). After that no document of it can fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from . import checks, codecs, marks
from .attributes import nothing, said
from .marks import Mark

Region: TypeAlias = tuple[slice, ...]
"""A half-open box in elements, one `slice(start, stop)` an axis, always inside the array."""

MaxShape: TypeAlias = tuple[int | None, ...]
"""The shape up to which an array may grow, in elements; None on an axis without end."""


def live() -> None:
    """Revision of a node whose data may change at any moment: there is none."""


class Unavailable(Exception):
    """A child that cannot be shown as Zarr; its text is the reason, given to users in the group's attributes."""


class Damaged(OSError):
    """A source is there and cannot be read; its text is the reason, given to users as it is. It is a 5xx, never a 404."""


class TooLarge(Exception):
    """One request would take more memory than the server may use; its text says how much, and what to do. It is a 413."""


class TooSlow(TimeoutError):
    """A source did not answer within the time that it has; its text says so. It is a 503: asking again later may help."""


class Busy(TimeoutError):
    """The server had no thread or memory to spare for a request; its text says so. It is a 503: asking again later helps."""


class Changed(OSError):
    """A source changed under its reader: the node is out of date, and resolving its key again helps."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Options:
    """How arrays are served; a None is inherited from the group above, at last from the server's settings.

    `codec` is spelled as in `tiled_zarr.codecs.parse`; `chunk_shape` is in elements and applies to arrays of as many axes;
    `tile_budget` is how many bytes of an image may be read for one tile of a smaller level of it.
    """

    codec: str | None = None
    chunk_shape: tuple[int, ...] | None = None
    tile_budget: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a codec that is spelled wrongly and for chunks that no array has."""
        if self.codec is not None:
            codecs.parse(self.codec)
        if self.chunk_shape is not None:
            checks.shape(self.chunk_shape)


NO_OPTIONS = Options()
"""Of a node that leaves everything to the group above."""


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Chunks of a source as they lie there: in its own grid, little endian, packed, in C order, and compressed by `codec`.

    `codec` is spelled as in `tiled_zarr.codecs.parse`, and may name what only sources hold. `read(index)` returns the stored bytes of the
    chunk at a place of the source's grid, or None where that chunk is not stored, or not like the others; they are what was asked for only
    if the revision is still the same afterwards. It may be called from several threads, blocks, and raises what the source raises.
    """

    codec: str
    read: Callable[[tuple[int, ...]], bytes | None]

    def __post_init__(self) -> None:
        """Raises ValueError for a codec that is spelled wrongly."""
        codecs.parse(self.codec, stored=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Array:
    """An n-dimensional array.

    `read(region)` returns a block of exactly the region's shape: a view where the data are in memory or in a mapped file, else a fresh
        array. A view of a file holds what was asked for only if the revision is still the same after it was used. `read` may be called
    from several threads at once, and it raises when the source fails, never returns made-up values.
        An object dtype means that every item is a `str`.

    `chunks` is the source's own regular chunk shape in elements, if any; `unit` is the shape of the boxes that the source has to decode
    whole, if it is another than `chunks`: they count as memory that reading takes; `dimension_names` has one name or None an axis;
    `revision()` is cheap and changes whenever the data may have changed, or is None where nobody can tell;
    `blocking` says that `read` touches disk or network, or computes: it then never runs in the event loop.
    `read_stepped(region, steps)`, where the source has it, returns every `steps[axis]`-th element of a region, from its first on, for
    about the price of as many elements in one piece. `levels` are coarser versions that the source has stored, finest first, each
    half as long on y and x as the one before. `verbatim` says that chunks and dimension names are served exactly as they stand here.
    `stored`, where there is one, is the chunks of the grid `chunks` as the source holds them, to be sent untouched.
    `region_revision(region)`, where the source has it, stands in for `revision` in all that is read from that region; it too is cheap.
    `maxshape` is given for an array that may grow while it is served: its chunk grid comes from `maxshape` and `chunks`, never from the
    present shape, and `chunks` are then those of the source at any length.
    `mark` is the item that stands for a missing value, if there is one; an attribute `_FillValue` becomes it.
    `read_itemsize` is how many bytes the source reads for one item, if they are more than the item has, as for a field of a record.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[Region], np.ndarray[Any, Any]]
    chunks: tuple[int, ...] | None = None
    dimension_names: tuple[str | None, ...] | None = None
    attributes: Mapping[str, Any] = field(default_factory=nothing)
    revision: Callable[[], str | None] = live
    blocking: bool = True
    options: Options = NO_OPTIONS
    read_stepped: Callable[[Region, tuple[int, ...]], np.ndarray[Any, Any]] | None = None
    levels: tuple[Array, ...] = ()
    verbatim: bool = False
    stored: Stored | None = None
    region_revision: Callable[[Region], str | None] | None = None
    unit: tuple[int, ...] | None = None
    maxshape: MaxShape | None = None
    mark: Mark | None = None
    read_itemsize: int | None = None

    def __post_init__(self) -> None:
        """Check what it says of itself. Raises ValueError or TypeError where it has no shape or type."""
        mended: dict[str, str] = {}
        if type(self.attributes) is dict and marks.ATTRIBUTE in self.attributes:
            mark, others = marks.taken(self.attributes, np.dtype(self.dtype))
            _mend(self, mark=mark, attributes=others)
        if self.unit is not None:
            _mend(self, unit=checks.chunks("unit", self.unit, len(checks.shape(self.shape)), mended))
        _check_array(self, mended)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Sparse:
    """A sparse array, served dense.

    `entries()` returns `(coords, data)` of the whole array: coords are integers of shape (ndim, nnz) in any order, data has shape
    (nnz,). Entries at the same place add up. Every other place holds `fill`, an item of the dtype (None means zero).
    The other fields mean what they mean in `Array`.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    entries: Callable[[], tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]
    fill: Any = None
    chunks: tuple[int, ...] | None = None
    dimension_names: tuple[str | None, ...] | None = None
    attributes: Mapping[str, Any] = field(default_factory=nothing)
    revision: Callable[[], str | None] = live
    blocking: bool = True
    options: Options = NO_OPTIONS
    maxshape: MaxShape | None = None

    def __post_init__(self) -> None:
        """Check what it says of itself. Raises ValueError or TypeError where it has no shape or type."""
        _check_array(self, {})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Group:
    """Named children.

    `children[name]` opens a child when it is asked for; it raises KeyError only where there is no such child, `Unavailable` for what
    cannot be shown as Zarr, and whatever else went wrong (OSError, ...) as it is. Iterating gives the names without opening anything.
    `unavailable()` names what is known from the start to be no child at all (a ragged array), with the reason.
    `revision()` changes whenever names, attributes or the nodes behind the names may have changed (what lies in those tells for itself),
    or is None where nobody can tell: then documents are rendered each time.
    `blocking` says that looking up or listing children touches disk or network.
    `consolidated` says that the metadata of all that lies below may be put into one document: it costs no more than opening it.
    `assembled` says that the children are sources of their own, as the files of a folder are: one may hang while others answer. None
    means that they are where looking them up cannot block.
    `kin` is the same object in all groups that a source makes anew at each look for the same thing: what hung in one hangs in the next.
    """

    children: Mapping[str, Node]
    attributes: Mapping[str, Any] = field(default_factory=nothing)
    unavailable: Callable[[], Mapping[str, str]] = dict
    revision: Callable[[], str | None] = live
    blocking: bool = False
    options: Options = NO_OPTIONS
    consolidated: bool = True
    assembled: bool | None = None
    kin: object = None

    def __post_init__(self) -> None:
        """Check what it says of itself."""
        _mend(self, attributes=said(self.attributes, {}))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Table:
    """A data frame: a group of columns, 1-d arrays of one length; the index is a column too. `kin` as in Group."""

    children: Mapping[str, Node]
    attributes: Mapping[str, Any] = field(default_factory=nothing)
    unavailable: Callable[[], Mapping[str, str]] = dict
    revision: Callable[[], str | None] = live
    blocking: bool = False
    options: Options = NO_OPTIONS
    kin: object = None

    def __post_init__(self) -> None:
        """Check what it says of itself."""
        _mend(self, attributes=said(self.attributes, {}))


Node: TypeAlias = Array | Sparse | Group | Table


def _check_array(node: Array | Sparse, mended: dict[str, str]) -> None:
    """Check what all arrays say; the usual case, in which all of it is right, is a matter of a microsecond."""
    shape = checks.shape(node.shape)
    if node.maxshape is not None:
        _mend(node, maxshape=checks.maxshape(node.maxshape, shape, mended))
    chunks = checks.chunks("chunks", node.chunks, len(shape), mended)
    dimension_names = checks.dimension_names(node.dimension_names, len(shape), mended)
    attributes = said(node.attributes, mended)
    if shape is not node.shape or not isinstance(node.dtype, np.dtype):
        _mend(node, shape=shape, dtype=np.dtype(node.dtype))
    if chunks is not node.chunks or dimension_names is not node.dimension_names or attributes is not node.attributes:
        _mend(node, chunks=chunks, dimension_names=dimension_names, attributes=attributes)


def _mend(node: Node, **fields: Any) -> None:
    """Set fields of a node that is being made to what they are after checking."""
    for name, value in fields.items():
        object.__setattr__(node, name, value)
