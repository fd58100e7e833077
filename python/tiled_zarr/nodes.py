"""The node types `Array` and `Group`: adapters make them, and all Zarr keys are answered from them.

A node is an `Array` or a `Group`: a frozen value with metadata and with functions that read.
Adapters are functions that make nodes. Nobody subclasses a node, and callers use only its fields.
`dataclasses.replace` makes a changed copy.

    Array   shape, dtype                shape in elements, type of an element
            source                      reads it: `Dense` regions or `Coordinates` of entries
            chunks, maxshape            chunk shape of the source, and how far the array may grow
            dimension_names             one name or None per axis
            attributes, mark            metadata as JSON, and the item that means "no value here"
            revision                    a text that changes whenever the data may have changed
            levels                      smaller copies that the source has stored
            options                     how to serve it
            watched                     paths of local files and folders whose changes may change it
    Group   children, unavailable       its nodes, and what cannot be shown, with the reasons
            kind                        what the children have in common: a folder, a file, a table
            attributes, revision        as for arrays; the revision covers names and nodes
            options, watched            what the nodes below inherit
            blocking, consolidated      what opening a child costs
            kin, outline                identifies it when children hang; what a folder tells

Who calls what, in which thread:
- The event loop reads fields and calls `revision`, which takes microseconds and never waits. It
  looks up children and reads regions only if `blocking` is False.
- Worker threads call everything else, several of them at once for the same node.
- A function that cannot do what it was asked for raises what its source raises. It never returns
  values that it made up, and raises KeyError only for a child that does not exist.

The constructor checks a node once, so for every node:
- Sizes are integers that numpy can represent. `chunks`, `maxshape`, names have one item per axis.
- Attributes are JSON of limited size; `Late` ones are made JSON each time a document needs them.
- If a name, a chunk shape or an attribute is not valid, the constructor drops it and records the
  reason in the attributes, under `tiled_zarr.mended` or `tiled_zarr.left_out`. If anything else is
  not valid, it raises ValueError or TypeError: then there is no node. So no document fails because
  of the fields of a node.
- The caller of a node's functions checks what they return, in one place each: children and
  revisions in `hierarchy/openings.py`, blocks in `encoding/encode.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeAlias, get_args

import numpy as np

from . import checks, marks
from .attributes import NOTHING, nothing, said
from .faults import Busy, Changed, Damaged, Forbidden, TooLarge, TooSlow, Unauthenticated, Unavailable, Unprocessable
from .marks import Mark
from .options import NO_OPTIONS, Options
from .outlines import Outline
from .stored import Prepared, Stored

__all__ = [
    "LIVE",
    "NO_OPTIONS",
    "Array",
    "Block",
    "Busy",
    "Changed",
    "Coordinates",
    "Damaged",
    "Dense",
    "Forbidden",
    "Group",
    "Kind",
    "Look",
    "MaxShape",
    "Node",
    "Options",
    "Pending",
    "Prepared",
    "Region",
    "Revision",
    "Source",
    "Sparse",
    "Stored",
    "Table",
    "TooLarge",
    "TooSlow",
    "Unauthenticated",
    "Unavailable",
    "Unprocessable",
    "live",
]

Block: TypeAlias = np.ndarray[Any, Any]
Region: TypeAlias = tuple[slice, ...]
"""A half-open box in elements, one `slice(start, stop)` per axis, always inside the array."""
MaxShape: TypeAlias = tuple[int | None, ...]
"""The shape up to which an array may grow, in elements; None for an axis without limit."""
Kind: TypeAlias = Literal["group", "folder", "source", "table", "image"]
"""What the children of a group have in common:
- `folder`: nothing. The children are separate sources: one may hang while others answer.
- `source`: they are parts of one source, such as a file.
- `table`: they are the columns of a data frame, 1-d arrays of one length, the index among them.
- `image`: they are the levels of an image.
- `group`: treated as a folder if looking up children cannot block, else as a source.
"""
KINDS: tuple[Kind, ...] = get_args(Kind)


def live() -> None:
    """Return None: the revision of a node whose data may change at any moment."""


class Look(NamedTuple):
    """Asks a store whether the data have changed, for a revision that only a request can tell.

    `is_fresh(region)` is True while the answer of the last request is trusted; it takes
    microseconds. `renew(region, is_read_next)` asks again, and blocks. If the region is read next,
    one request fetches the data too, and the read that follows gets them.
    """

    is_fresh: Callable[[Region], bool]
    renew: Callable[[Region, bool], None]


@dataclass(frozen=True, slots=True, eq=False)
class Revision:
    """The revision of an array: a text, or None if the source cannot say when the data change.

    `whole()` covers all data; `of(region)`, if the source has it, those of a region. Both take
    microseconds. A reader calls it before and after reading: the data are of it if both are equal.
    With a `look`, `of` repeats what the store answered last, so callers renew that first unless it
    is fresh.
    """

    whole: Callable[[], str | None]
    of: Callable[[Region], str | None] | None = None
    look: Look | None = None

    def __call__(self, region: Region | None = None) -> str | None:
        """The revision of a region, or of the whole array."""
        return self.whole() if region is None or self.of is None else self.of(region)


LIVE = Revision(live)


class Pending(Protocol):
    """A block that other processes compute, for which no thread of this one waits."""

    def when_done(self, call: Callable[[], None]) -> None:
        """Call `call()` when `block` need not wait any more: from any thread, or now."""

    def cancel(self) -> None:
        """Nobody waits any more: stop what can be stopped. May be called again."""

    def block(self) -> Block:
        """The block, moved here now. Blocks; raises what computing it has raised."""


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """A source that reads regions.

    `read(region)` returns a block of exactly the region's shape: a view if the data are in memory
    or in a mapped file, else a new array. `read_stepped(region, steps)`, if the source has it,
    returns every `steps[axis]`-th element of a region, beginning with its first. That costs about
    as much as reading that number of elements in one piece. `stored`, if given, has the chunks that
    are sent unchanged instead of being read.

    `blocking` says that reading touches disk or network, or computes; `recomputes`, that each read
    of a part of a chunk makes the whole chunk anew. To estimate memory, `unit` is the shape of the
    boxes decoded whole, if other than `Array.chunks`, and `itemsize` the bytes read for one item.
    `begin(region)`, if given, begins to compute a region in other processes; it may block too.
    `prepared`, if given, has chunks that were encoded in advance.
    `extremes()`, if given, has the first items and (least, greatest) of runs of a 1-d array, or None.
    """

    read: Callable[[Region], Block]
    read_stepped: Callable[[Region, tuple[int, ...]], Block] | None = None
    stored: Stored | None = None
    blocking: bool = True
    unit: tuple[int, ...] | None = None
    itemsize: int | None = None
    recomputes: bool = False
    begin: Callable[[Region], Pending] | None = None
    prepared: Prepared | None = None
    extremes: Callable[[], tuple[Block, Block] | None] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Coordinates:
    """A source of a sparse array, which is served dense.

    `entries()` returns `(coords, data)` of the whole array: integers of shape (ndim, nnz) in any
    order, and items of shape (nnz,). Entries with the same coordinates are added up. All other
    elements are `fill`, an item of the dtype (None means zero). `blocking` and `prepared` are as in
    `Dense`.
    """

    entries: Callable[[], tuple[Block, Block]]
    fill: Any = None
    blocking: bool = True
    prepared: Prepared | None = None
    read_stepped: ClassVar[None] = None
    stored: ClassVar[None] = None
    begin: ClassVar[None] = None
    unit: ClassVar[None] = None
    itemsize: ClassVar[None] = None


Source: TypeAlias = Dense | Coordinates


@dataclass(frozen=True, slots=True, init=False, eq=False, weakref_slot=True)
class Array:
    """An n-dimensional array. An object dtype means that every item is a `str`.

    `chunks` is the source's own regular chunk shape in elements, if any. `maxshape` is given for an
    array that may grow while it is served. Its chunk grid then depends on `maxshape` and `chunks`,
    never on the present shape, and the source keeps `chunks` at any length. `mark` is the item that
    means "missing value"; an attribute `_FillValue` becomes the mark. `levels` are coarser
    versions, finest first, each half as long on y and x as the one before.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    source: Source
    chunks: tuple[int, ...] | None
    maxshape: MaxShape | None
    dimension_names: tuple[str | None, ...] | None
    attributes: Mapping[str, Any]
    mark: Mark | None
    revision: Revision
    levels: tuple[Array, ...]
    options: Options
    watched: tuple[str, ...]

    def __init__(  # noqa: PLR0913 - one value, made in one place
        self,
        *,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        source: Source | None = None,
        read: Callable[[Region], Block] | None = None,
        blocking: bool | None = None,
        chunks: tuple[int, ...] | None = None,
        maxshape: MaxShape | None = None,
        dimension_names: tuple[str | None, ...] | None = None,
        attributes: Mapping[str, Any] = NOTHING,
        mark: Mark | None = None,
        revision: Callable[..., str | None] = LIVE,
        levels: tuple[Array, ...] = (),
        options: Options = NO_OPTIONS,
        watched: tuple[str, ...] = (),
    ) -> None:
        """`read` and `blocking` make a `Dense` source, or replace those of `source`.

        `revision` is a `Revision`, or a function without parameters that returns the revision of
        the whole array. Raises ValueError or TypeError if a field is not valid.
        """
        mended: dict[str, str] = {}
        sizes, kind = checks.shape(shape), np.dtype(dtype)
        if type(attributes) is dict and marks.ATTRIBUTE in attributes:
            mark, attributes = marks.taken(attributes, kind)
        put, ndim = object.__setattr__, len(sizes)
        put(self, "shape", sizes)
        put(self, "dtype", kind)
        put(self, "source", _source(source, read, blocking, ndim, mended))
        put(self, "chunks", None if chunks is None else checks.chunks("chunks", chunks, ndim, mended))
        put(self, "maxshape", None if maxshape is None else checks.maxshape(maxshape, sizes, mended))
        put(self, "dimension_names", None if dimension_names is None else checks.dimension_names(dimension_names, ndim, mended))
        put(self, "mark", mark if mark is None else _mark(mark, kind))
        put(self, "revision", revision if type(revision) is Revision else Revision(_called("revision", revision)))
        put(self, "levels", levels and tuple(checks.of_type(Array, "levels", level) for level in levels))
        put(self, "options", options if options is NO_OPTIONS else checks.of_type(Options, "options", options))
        put(self, "watched", watched)
        put(self, "attributes", said(attributes, mended))

    @property
    def blocking(self) -> bool:
        """True if reading touches disk or network, or computes: then not in the event loop."""
        return self.source.blocking

    @property
    def is_sparse(self) -> bool:
        """True if the source is `Coordinates`: entries instead of regions."""
        return isinstance(self.source, Coordinates)

    @property
    def dense(self) -> Dense:
        """The source of a dense array. Raises TypeError if the array is sparse."""
        if isinstance(self.source, Dense):
            return self.source
        raise TypeError("a sparse array has no regions to read, only entries")

    @property
    def read(self) -> Callable[[Region], Block]:
        """The function that reads a region. Raises TypeError if the array is sparse."""
        return self.dense.read


def Sparse(  # noqa: N802 - it makes a node, as `Array` and `Group` do
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    entries: Callable[[], tuple[Block, Block]],
    fill: Any = None,
    *,
    blocking: bool = True,
    **fields: Any,
) -> Array:
    """Make a sparse array with `Coordinates` as source; the other fields are those of `Array`."""
    return Array(shape=shape, dtype=dtype, source=Coordinates(entries, fill, blocking), **fields)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Group:
    """Named children.

    `children[name]` opens a child. It raises KeyError only if there is no such child, `Unavailable`
    if the child cannot be shown as Zarr, and any other error unchanged. Iterating yields the names
    without opening anything. `unavailable()` returns the names of what can never be a child (a
    ragged array), with the reasons.

    `revision()` changes whenever names, attributes or the nodes behind the names may have changed;
    the data below have revisions of their own. It is None if the source cannot say: then documents
    are rendered for each request, unless `outline` says it. `blocking` says that looking up or
    listing children touches disk or network. `consolidated` says that one document may contain the
    metadata of everything below, because that costs no more than opening it. Groups that a source
    makes anew at each lookup of the same thing share their `kin`: what hung in one hangs in the
    next. `outline` is that of a folder; a view that leaves out children gives none.
    """

    children: Mapping[str, Node] = field(kw_only=False)
    attributes: Mapping[str, Any] = field(default_factory=nothing)
    unavailable: Callable[[], Mapping[str, str]] = dict
    revision: Callable[[], str | None] = live
    blocking: bool = False
    options: Options = NO_OPTIONS
    kind: Kind = "group"
    consolidated: bool = True
    kin: object = None
    outline: Outline | None = None
    watched: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the fields. Raises ValueError or TypeError if one is not valid."""
        _called("revision", self.revision)
        _called("unavailable", self.unavailable)
        checks.of_type(Options, "options", self.options)
        if self.kind not in KINDS:
            raise ValueError(f"a group of the kind {self.kind!r}; use one of {', '.join(KINDS)}")
        attributes = said(self.attributes, {})
        if attributes is not self.attributes:
            _put(self, attributes=attributes)


def Table(children: Mapping[str, Node], **fields: Any) -> Group:  # noqa: N802 - as above
    """Make a group of the kind `table`; the other fields are those of `Group`."""
    return Group(children, kind="table", **fields)


Node: TypeAlias = Array | Group


def _source(
    source: Source | None, read: Callable[[Region], Block] | None, blocking: bool | None, ndim: int, mended: dict[str, str]
) -> Source:
    """The checked source of an array of `ndim` axes. Raises TypeError if `read` is no function."""
    if source is None:
        return Dense(_called("read", read), blocking=blocking is not False)
    changes: dict[str, Any] = {} if read is None else {"read": _called("read", read)}
    if blocking is not None and blocking is not source.blocking:
        changes["blocking"] = blocking
    if source.unit is not None and (unit := checks.chunks("unit", source.unit, ndim, mended)) is not source.unit:
        changes["unit"] = unit
    return replace(source, **changes) if changes else source


def _mark(given: Any, dtype: np.dtype[Any]) -> Mark | None:
    """The mark: an item or a text as given, else the item of `dtype` equal to it, or None."""
    return given if isinstance(given, np.generic | str) else marks.of(given, dtype)


def _called(name: str, given: Any) -> Any:
    """The given function. Raises TypeError if it cannot be called."""
    if not callable(given):
        raise TypeError(f"{name} is a {type(given).__name__}, which cannot be called; give a function")
    return given


def _put(value: object, **fields: Any) -> None:
    """Set fields of a frozen value while it is being made."""
    for name, given in fields.items():
        object.__setattr__(value, name, given)
