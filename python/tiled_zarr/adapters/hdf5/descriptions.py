"""What helpers tell the server of the objects in a file: plain values, which can be pickled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...nodes import MaxShape, Region
from ...resources import Resources
from ..common.fences import Fence
from ..common.snapshot import Snapshot
from .growing import Growing, restored

Filters: TypeAlias = tuple[tuple[int, tuple[int, ...]], ...]
"""The registered number and the parameters of each filter, in the order in which they were applied."""


class Source(NamedTuple):
    """A file, the revision that it had, and the fence around it: what a snapshot is between processes."""

    path: str
    taken: str
    fence: Fence

    @classmethod
    def of(cls, snapshot: Snapshot) -> Source:
        """The file of a snapshot."""
        return cls(snapshot.path, snapshot.taken, snapshot.fence)

    @property
    def snapshot(self) -> Snapshot:
        """Its snapshot in this process."""
        return restored(self.path, self.taken, self.fence)

    def read_with(self, resources: Resources | None) -> Snapshot:
        """Its snapshot in the server, with the resources of its readers."""
        return restored(self.path, self.taken, self.fence, resources)

    @property
    def is_growing(self) -> bool:
        """Whether a SWMR writer has the file open."""
        return isinstance(self.snapshot, Growing)


class Sources(NamedTuple):
    """The files that a virtual dataset is put together from, and the paths of those that are still to come."""

    files: tuple[Source, ...] = ()
    awaited: tuple[str, ...] = ()


class Raw(NamedTuple):
    """A part of a dataset's bytes in a raw file."""

    file: Source
    offset: int
    nbytes: int


class GroupDescription(NamedTuple):
    """A group: its address in the file and the names of its links, those that are no UTF-8 with surrogate escapes."""

    address: int
    names: tuple[str, ...]
    attributes: dict[str, Any]


class ExternalLink(NamedTuple):
    """A link to an object of another file, both as the link spells them."""

    file: str
    where: str


class ChunkDescription(NamedTuple):
    """A chunked dataset whose items are in the file as in memory; `fill` is what missing chunks hold if that is defined."""

    filters: Filters
    fill: np.ndarray[Any, Any] | None


class Lacking(NamedTuple):
    """Why the library may not read a dataset: a filter is not installed. It surely cannot if the first chunk `needed` it."""

    reason: str
    needed: bool


class ArrayDescription(NamedTuple):
    """A dataset as a node has it, so that the axes of its items are axes of the array.

    `maxshape` is the shape up to which it may grow, None on an axis without end. `item_axes` is how many of the axes those of the items
    are, `is_text` says that items are texts of any length. `offset` is where a dataset lies that is in one piece in the file, as it is in
    memory. `chunked` is given if the server may decode chunks. `sources` are those of a virtual dataset, `raw` the parts of other files
    that are its bytes, one after the other. `lacking` is why the library cannot read it either, if it cannot. `unavailable` are fields of
    its records that have no form in Zarr, with the reasons.
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
        """The other files in which its data lie."""
        yield from self.sources.files
        yield from (part.file for part in self.raw)


class Wanted(NamedTuple):
    """A region of the dataset at a path inside a file, in elements, the axes of its items last."""

    where: str
    is_text: bool
    region: Region


Description: TypeAlias = GroupDescription | ArrayDescription | ExternalLink
