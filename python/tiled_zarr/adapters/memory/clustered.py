"""Arrays and partitions of dask that a cluster computes: blocks stay on its workers, parts come."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import partial
from itertools import accumulate, product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from dask.array import Array as DaskArray

from ...clusters.cluster import Cluster, Part, Piece
from ...nodes import Block, Dense, Region
from ..common.blocks import settle

if TYPE_CHECKING:
    import pandas as pd


class Cut(NamedTuple):
    """A part of a region that lies in one block: where it lies in the region, and in the block."""

    place: tuple[int, ...]
    target: Region
    inside: Region


class ClusteredArray:
    """Reads an array on a cluster; masked items become `fill` as in `settle`."""

    def __init__(self, cluster: Cluster, source: DaskArray, fill: Any) -> None:
        self.cluster = cluster
        self.source = source
        self.fill = fill
        self.bounds = tuple(tuple(accumulate(map(int, sizes), initial=0)) for sizes in source.chunks)

    @property
    def dense(self) -> Dense:
        """The source of a node. Only what is asked for comes here, so that is all that it decodes."""
        return Dense(self.read, unit=(1,) * self.source.ndim, begin=self.begin)

    def read(self, region: Region) -> Block:
        """The block of a region. Blocks; raises what the tasks raise, and Busy."""
        return self.begin(region).waited()

    def begin(self, region: Region) -> Part:
        """Begin to compute a region."""
        cuts = list(self.cuts(region))
        return self.cluster.begin([self.piece(cut) for cut in cuts], partial(self.joined, region, cuts))

    def cuts(self, region: Region) -> Iterator[Cut]:
        """The parts of a region, one for each block that it touches."""
        spans = [touched(bounds, part) for bounds, part in zip(self.bounds, region, strict=True)]
        for index in product(*spans):
            low = [max(bounds[i], part.start) for bounds, i, part in zip(self.bounds, index, region, strict=True)]
            high = [min(bounds[i + 1], part.stop) for bounds, i, part in zip(self.bounds, index, region, strict=True)]
            if all(start < stop for start, stop in zip(low, high, strict=True)):
                starts = [bounds[i] for bounds, i in zip(self.bounds, index, strict=True)]
                yield Cut(index, box(low, high, [part.start for part in region]), box(low, high, starts))

    def piece(self, cut: Cut) -> Piece:
        """What the cluster computes and cuts for one part of a region."""
        sizes = [bounds[i + 1] - bounds[i] for bounds, i in zip(self.bounds, cut.place, strict=True)]
        nbytes = None if self.source.dtype.hasobject else math.prod(sizes) * self.source.dtype.itemsize
        return Piece(
            (self.source.name, cut.place), partial(self.block, cut.place), (*cut.inside, ...), nbytes
        )  # without "...", an item of no axes is no array

    def block(self, index: tuple[int, ...]) -> DaskArray:
        """One block, as an array of its own."""
        return self.source.blocks[index] if index else self.source

    def joined(self, region: Region, cuts: list[Cut], values: list[Any]) -> Block:
        """The block of a region, out of the parts of `cuts`. Raises ValueError as `settle` does."""
        blocks = [settle(value, self.source.dtype, cut.target, self.fill) for cut, value in zip(cuts, values, strict=True)]
        if len(blocks) == 1:
            return blocks[0]
        whole = np.empty([part.stop - part.start for part in region], self.source.dtype)
        for cut, block in zip(cuts, blocks, strict=True):
            whole[cut.target] = block
        return whole


def touched(bounds: tuple[int, ...], part: slice) -> range:
    """The numbers of the blocks between `bounds` that a part of an axis touches.

    >>> touched((0, 4, 8, 10), slice(3, 8))
    range(0, 2)
    """
    return range(bisect_right(bounds, part.start) - 1, bisect_left(bounds, part.stop))


def box(low: list[int], high: list[int], origin: list[int]) -> Region:
    """A box in elements from `origin` on."""
    return tuple(slice(start - first, stop - first) for start, stop, first in zip(low, high, origin, strict=True))


def partition(cluster: Cluster, source: Any, number: int, labels: list[Any] | None) -> pd.DataFrame:
    """A partition of a data frame: its index and the columns with these labels (None: all)."""
    piece = Piece((source._name, number), lambda: source.partitions[number], slice(None) if labels is None else labels)
    frame: Any = cluster.read([piece], first)
    return frame


def first(values: list[Any]) -> Any:
    """The only value."""
    return values[0]
