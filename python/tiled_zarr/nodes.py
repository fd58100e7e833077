"""The waist: adapters turn each source into nodes, and each Zarr key is answered from nodes alone.

A node is an `Array` or a `Group`: a frozen value that holds what it says of itself and functions
that read. Adapters are functions that make nodes; nobody subclasses one, and nobody asks a node for
more than its fields. `dataclasses.replace` makes a changed copy.

    Array   shape, dtype                what it is, in elements
            source                      what reads it: `Dense` regions or `Coordinates` of entries
            chunks, maxshape            how its source cuts it, and how far it may grow
            dimension_names             one name or None an axis
            attributes, mark            metadata as JSON, and the item that means "no value here"
            revision                    a text that changes whenever the data may have changed
            levels                      smaller copies that the source has stored
            options                     how it is to be served
    Group   children, unavailable       what is in it, and what cannot be shown, with the reasons
            kind                        what holds the children together: a folder, a file, a table
            attributes, revision        as for arrays; the revision is of names and nodes
            options                     what the arrays below inherit
            blocking, consolidated      what opening a child costs
            kin                         what stands for it in the memory of children that hang

Who calls what, in which thread:
- The event loop reads fields and calls `revision`, which takes microseconds and never waits. It
  looks up children and reads regions only if `blocking` is false.
- Worker threads call everything else, several of them at once for the same node.
- A function that cannot do what it was asked for raises what its source raises. It never returns
  values that it made up, and raises KeyError only for a child that does not exist.

What holds for every node, since its constructor checked it once:
- Sizes are integers that numpy has, and `chunks`, `maxshape` and names have one item an axis.
- Attributes are bounded JSON; those that are `Late` are made JSON whenever a document asks for
  them.
- What could be given up (a name, a chunk shape, an attribute) has been, and the reason stands in
  the attributes under `tiled_zarr.mended` or `tiled_zarr.left_out`. For the rest the constructor
  raises ValueError or TypeError: then there is no node. So no document of a node fails for what it
  says.
- What functions return is checked where it is asked for, once: children and revisions in
  `hierarchy/openings.py`, blocks in `encoding/encode.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np

from . import checks, codecs, marks
from .attributes import NOTHING, nothing, said
from .codecs import Codec
from .faults import Busy, Changed, Damaged, TooLarge, TooSlow, Unavailable
from .marks import Mark

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
    "Group",
    "Kind",
    "MaxShape",
    "Node",
    "Options",
    "Region",
    "Revision",
    "Source",
    "Sparse",
    "Stored",
    "Table",
    "TooLarge",
    "TooSlow",
    "Unavailable",
    "live",
]

Block: TypeAlias = np.ndarray[Any, Any]
Region: TypeAlias = tuple[slice, ...]
"""A half-open box in elements, one `slice(start, stop)` an axis, always inside the array."""
MaxShape: TypeAlias = tuple[int | None, ...]
"""The shape up to which an array may grow, in elements; None on an axis without end."""
Kind: TypeAlias = Literal["group", "folder", "source", "table", "image"]
"""What holds the children of a group together.

- `folder`: nothing. Its children are sources of their own: one may hang while others answer.
- `source`: one source, such as a file, of which they are parts.
- `table`: they are the columns of a data frame, 1-d arrays of one length, the index among them.
- `image`: they are the levels of an image.
- `group`: a folder if looking up children cannot block, else a source.
"""
KINDS: tuple[Kind, ...] = get_args(Kind)


def live() -> None:
    """Revision of a node whose data may change at any moment: there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Revision:
    """The revision of an array, as a text, or None if nobody can tell when the data change.

    `whole()` stands for all data; `of(region)`, if the source has it, for those of a region. Both
    are cheap. What reads data asks before and afterwards: the data were those only if it is the
    same.
    """

    whole: Callable[[], str | None]
    of: Callable[[Region], str | None] | None = None

    def __call__(self, region: Region | None = None) -> str | None:
        """The revision of a region, or of the whole array."""
        return self.whole() if region is None or self.of is None else self.of(region)


LIVE = Revision(live)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Options:
    """How arrays are served; a None is inherited from the group above, at last from the settings.

    `codec` is spelled as in `tiled_zarr.codecs.parse`. `chunk_shape` is in elements and applies to
    arrays of as many axes. `tile_budget` is how many bytes of an image may be read for one tile of
    a smaller level of it. `verbatim` serves an array's own chunks and dimension names as they are,
    whatever suits clients or siblings.
    """

    codec: str | None = None
    chunk_shape: tuple[int, ...] | None = None
    tile_budget: int | None = None
    verbatim: bool | None = None

    def __post_init__(self) -> None:
        """Raises ValueError or TypeError for a codec or for sizes that there cannot be."""
        if self.codec is not None:
            codecs.parse(self.codec)
        if self.chunk_shape is not None:
            _put(self, chunk_shape=checks.shape(self.chunk_shape))
        if self.tile_budget is not None:
            _put(self, tile_budget=checks.size(self.tile_budget))

    def over(self, others: Options) -> Options:
        """These options, with what they leave open taken from others."""
        if self is NO_OPTIONS:
            return others
        return Options(
            codec=self.codec or others.codec,
            chunk_shape=self.chunk_shape or others.chunk_shape,
            tile_budget=self.tile_budget or others.tile_budget,
            verbatim=others.verbatim if self.verbatim is None else self.verbatim,
        )


NO_OPTIONS = Options()
"""Of a node that leaves everything to the group above."""


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """The chunks of a source as stored: little endian, packed, in C order, `codec` applied.

    `read(index)` returns the stored bytes of the chunk at a place of the source's grid
    (`Array.chunks`), or None if that chunk is not stored, or not like the others. It blocks.
    """

    codec: Codec
    read: Callable[[tuple[int, ...]], bytes | None]

    def __post_init__(self) -> None:
        """A spelling becomes the codec that it names. Raises ValueError if there is none."""
        given: Any = self.codec
        if not isinstance(given, Codec):
            _put(self, codec=codecs.parse(given, stored=True))


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """A source that reads regions.

    `read(region)` returns a block of exactly the region's shape: a view if the data are in memory
    or in a mapped file, else a fresh array. `read_stepped(region, steps)`, if the source has it,
    returns every `steps[axis]`-th element of a region from its first on, for about the price of as
    many elements in one piece. `stored`, if there is one, is sent untouched instead of what would
    be read.

    `blocking` says that reading touches disk or network, or computes. `unit` is the shape of the
    boxes that the source decodes whole if that is not `Array.chunks`, and `itemsize` the bytes that
    it reads for one item if they are more than the item has, like a field of a record: both count
    as memory.
    """

    read: Callable[[Region], Block]
    read_stepped: Callable[[Region, tuple[int, ...]], Block] | None = None
    stored: Stored | None = None
    blocking: bool = True
    unit: tuple[int, ...] | None = None
    itemsize: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Coordinates:
    """A source of a sparse array, which is served dense.

    `entries()` returns `(coords, data)` of the whole array: integers of shape (ndim, nnz) in any
    order, and items of shape (nnz,). Entries at the same place add up. Every other place holds
    `fill`, an item of the dtype (None means zero). `blocking` as in `Dense`.
    """

    entries: Callable[[], tuple[Block, Block]]
    fill: Any = None
    blocking: bool = True
    read_stepped: ClassVar[None] = None
    stored: ClassVar[None] = None
    unit: ClassVar[None] = None
    itemsize: ClassVar[None] = None


Source: TypeAlias = Dense | Coordinates


@dataclass(frozen=True, slots=True, init=False, eq=False, weakref_slot=True)
class Array:
    """An n-dimensional array. An object dtype means that every item is a `str`.

    `chunks` is the source's own regular chunk shape in elements, if any. `maxshape` is given for an
    array that may grow while it is served: its chunk grid then comes from `maxshape` and `chunks`,
    never from the present shape, and `chunks` are those of the source at any length. `mark` is the
    item that stands for a missing value; an attribute `_FillValue` becomes it. `levels` are coarser
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
    ) -> None:
        """`read` and `blocking` are short for a `Dense` source, or change the source that is given.

        `revision` is a `Revision`, or a function without parameters that tells that of the whole
        array. Raises ValueError or TypeError if there can be no such array.
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
        put(self, "options", checks.of_type(Options, "options", options))
        put(self, "attributes", said(attributes, mended))

    @property
    def blocking(self) -> bool:
        """Whether reading it touches disk or network, or computes: then never in the event loop."""
        return self.source.blocking

    @property
    def is_sparse(self) -> bool:
        """Whether its source has entries instead of regions."""
        return isinstance(self.source, Coordinates)

    @property
    def dense(self) -> Dense:
        """The source of an array that is known to be dense. Raises TypeError if it is sparse."""
        if isinstance(self.source, Dense):
            return self.source
        raise TypeError("a sparse array has no regions to read, only entries")

    @property
    def read(self) -> Callable[[Region], Block]:
        """What reads a region of a dense array."""
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
    """A sparse array of `Coordinates`; the other fields are those of `Array`."""
    return Array(shape=shape, dtype=dtype, source=Coordinates(entries, fill, blocking), **fields)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Group:
    """Named children.

    `children[name]` opens a child when it is asked for; it raises KeyError only if there is no such
    child, `Unavailable` for what cannot be shown as Zarr, and whatever else went wrong as it is.
    Iterating gives the names without opening anything. `unavailable()` names what is known from the
    start to be no child at all (a ragged array), with the reason.

    `revision()` changes whenever names, attributes or the nodes behind the names may have changed
    (the data below tell for themselves), or is None if nobody can tell: then documents are rendered
    each time. `blocking` says that looking up or listing children touches disk or network.
    `consolidated` says that one document may hold the metadata of all that lies below: it costs no
    more than opening it. `kin` is the same object in all groups that a source makes anew at each
    look for the same thing: a child that hung in one hangs in the next.
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

    def __post_init__(self) -> None:
        """Check what it says. Raises ValueError or TypeError if there can be no such group."""
        _called("revision", self.revision)
        _called("unavailable", self.unavailable)
        checks.of_type(Options, "options", self.options)
        if self.kind not in KINDS:
            raise ValueError(f"a group of the kind {self.kind!r}; use one of {', '.join(KINDS)}")
        attributes = said(self.attributes, {})
        if attributes is not self.attributes:
            _put(self, attributes=attributes)


def Table(children: Mapping[str, Node], **fields: Any) -> Group:  # noqa: N802 - as above
    """A group of the kind `table`; the other fields are those of `Group`."""
    return Group(children, kind="table", **fields)


Node: TypeAlias = Array | Group


def _source(
    source: Source | None, read: Callable[[Region], Block] | None, blocking: bool | None, ndim: int, mended: dict[str, str]
) -> Source:
    """The source of an array of as many axes. Raises TypeError if nothing reads it."""
    if source is None:
        return Dense(_called("read", read), blocking=blocking is not False)
    changes: dict[str, Any] = {} if read is None else {"read": _called("read", read)}
    if blocking is not None and blocking is not source.blocking:
        changes["blocking"] = blocking
    if source.unit is not None and (unit := checks.chunks("unit", source.unit, ndim, mended)) is not source.unit:
        changes["unit"] = unit
    return replace(source, **changes) if changes else source


def _mark(given: Any, dtype: np.dtype[Any]) -> Mark | None:
    """A mark; of anything but an item or a text the item that equals it, if there is one."""
    return given if isinstance(given, np.generic | str) else marks.of(given, dtype)


def _called(name: str, given: Any) -> Any:
    """A field that is a function. Raises TypeError if it cannot be called."""
    if not callable(given):
        raise TypeError(f"{name} is a {type(given).__name__}, which cannot be called; give a function")
    return given


def _put(value: object, **fields: Any) -> None:
    """Set fields of a value that is being made to what they are after checking."""
    for name, given in fields.items():
        object.__setattr__(value, name, given)
