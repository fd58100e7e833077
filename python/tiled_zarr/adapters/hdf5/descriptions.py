"""What helpers report to the server about the objects in a file: plain values, which pickle."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...nodes import MaxShape, Region
from ...resources import Resources
from ..common.fences import Fence
from ..common.ranged import Origin, Ranged
from ..common.snapshot import Snapshot
from .growing import Growing, restored

Filters: TypeAlias = tuple[tuple[int, tuple[int, ...]], ...]
"""The registered number and the parameters of each filter, in the order of application."""


class Source(NamedTuple):
    """A file, its revision, and the fence around it: how processes send each other a snapshot.

    An object has its `origin`, and `seconds` is how long it may be read in one call.
    """

    path: str
    taken: str
    fence: Fence
    origin: Origin | None = None
    seconds: float = math.inf

    @classmethod
    def of(cls, snapshot: Snapshot, seconds: float = math.inf) -> Source:
        """The file of a snapshot."""
        origin = snapshot.origin if isinstance(snapshot, Ranged) else None
        return cls(snapshot.path, snapshot.taken, snapshot.fence, origin, seconds)

    @property
    def snapshot(self) -> Snapshot:
        """Its snapshot in this process."""
        return self.read_with(None)

    def read_with(self, resources: Resources | None) -> Snapshot:
        """Its snapshot in the server, with the resources of its readers."""
        if self.origin is not None:
            return Ranged.at(self.origin, resources)
        return restored(self.path, self.taken, self.fence, resources)

    @property
    def is_growing(self) -> bool:
        """True if a SWMR writer has the file open."""
        return isinstance(self.snapshot, Growing)


class Sources(NamedTuple):
    """The files of a virtual dataset's sources, and the paths of sources that do not exist yet."""

    files: tuple[Source, ...] = ()
    awaited: tuple[str, ...] = ()


class Raw(NamedTuple):
    """Some of a dataset's bytes: `nbytes` at `offset` of a raw file."""

    file: Source
    offset: int
    nbytes: int


class GroupDescription(NamedTuple):
    """A group: its address in the file, and the names of its links.

    Bytes of a name that are not UTF-8 are surrogate escapes.
    """

    address: int
    names: tuple[str, ...]
    attributes: dict[str, Any]


class ExternalLink(NamedTuple):
    """A link to an object of another file; the file name and path are as the link spells them."""

    file: str
    where: str


class ChunkDescription(NamedTuple):
    """A chunked dataset whose items lie in the file just as numpy has them in memory.

    `fill` is the value of missing chunks, None if the file defines none.
    """

    filters: Filters
    fill: np.ndarray[Any, Any] | None


class Lacking(NamedTuple):
    """Why the library may be unable to read a dataset: a filter is not installed.

    `needed` is true if the first chunk was encoded with the filter; then it cannot.
    """

    reason: str
    needed: bool


class ArrayDescription(NamedTuple):
    """A dataset as the array of a node: the axes of its items follow those of the dataset.

    `maxshape` is the shape up to which it may grow, None for an unlimited axis. `item_axes` is the
    number of axes that belong to the items, the last ones. `is_text` is true for variable-length
    text. `offset` is the byte at which the data begin if they lie in one piece in the file just as
    numpy has them in memory, else None. `chunked` is set if the server may decode the chunks
    itself. `sources` are the sources of a virtual dataset. `raw` are the parts of raw files that
    hold the bytes, in order. `lacking` names a filter that the library lacks. `unavailable` has the
    fields of records that have no form in Zarr, with the reasons.
    """

    shape: tuple[int, ...]
    maxshape: MaxShape
    dtype: np.dtype[Any]
    item_axes: int
    is_text: bool
    chunks: tuple[int, ...] | None
    dimension_names: tuple[str | None, ...]
    attributes: dict[str, Any]
    offset: int | None
    chunked: ChunkDescription | None
    sources: Sources
    raw: tuple[Raw, ...]
    lacking: Lacking | None
    unavailable: Mapping[str, str]

    @property
    def files(self) -> Iterator[Source]:
        """The other files that hold its data."""
        yield from self.sources.files
        yield from (part.file for part in self.raw)


class Wanted(NamedTuple):
    """A region of the dataset at a path inside a file, in elements, the axes of items last."""

    where: str
    is_text: bool
    region: Region


Description: TypeAlias = GroupDescription | ArrayDescription | ExternalLink
