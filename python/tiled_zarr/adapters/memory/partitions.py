"""Tables that are read partition by partition, each as a data frame of pandas."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ...nodes import Array, Changed, Dense, Node, Region, Unavailable
from ..common.blocks import settle
from ..common.chunk_sizes import Chunking, lasting, regrown, regular
from ..common.recipes import Recipe, Values, columns, recipe

ReadPartition: TypeAlias = Callable[[int, list[Any] | None], pd.DataFrame]
"""A partition by its number, with its index and the columns of these labels (None: all)."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column in partitions: its place among the index levels and columns, the labels to ask for, and how it becomes numpy.

    `starts` has the first row of each partition, and the number of rows at its end.
    """

    place: int
    labels: list[Any]
    recipe: Recipe
    starts: tuple[int, ...]

    def values(self, frame: pd.DataFrame) -> Values:
        """The column, of a frame that has only the labels asked for."""
        levels = frame.index.nlevels
        return frame.index.get_level_values(self.place) if self.place < levels else frame.iloc[:, -1]


class Partitions(Mapping[str, Array]):
    """The columns of a table in partitions.

    All of it is read once, for the number of rows and the types. Data are read again whenever they are asked for, only from the
    partitions that hold them; where they no longer fit, the table is looked at anew and Changed tells the reader to ask again.
    `count` is the number of partitions. A table may get more rows: its columns keep the chunks that they had first, or that those of a
    `former` table had, from which this one has grown.
    """

    def __init__(self, read: ReadPartition, count: int, former: Mapping[str, Node] | None = None) -> None:
        self._read_partition = read
        self.count = count
        self._columns: dict[str, Array] = {}
        self._chunking = {name: Chunking.of(column) for name, column in (former or {}).items()}
        self._reasons: dict[str, str] = {}
        self._look()

    def __getitem__(self, name: str) -> Array:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def unavailable(self) -> Mapping[str, str]:
        """The columns that Zarr cannot show, with the reason."""
        return self._reasons

    def _look(self) -> None:
        """Read everything, and note how many rows there are and what they hold."""
        frames = [self._read_partition(i, None) for i in range(self.count)]
        whole = frames[0] if len(frames) == 1 else pd.concat(frames)
        starts = tuple(accumulate(map(len, frames), initial=0))
        found: dict[str, Array] = {}
        reasons: dict[str, str] = {}
        for place, (name, values) in enumerate(columns(whole).items()):
            first = max(place - whole.index.nlevels, 0)
            try:
                node = self._node(_Column(place, [*whole.columns[first : first + 1]], recipe(values), starts))
                found[name] = regrown(node, self._chunking.get(name))
            except Unavailable as reason:
                reasons[name] = str(reason)
        self._columns, self._reasons = found, reasons
        self._chunking |= {name: Chunking.of(column) for name, column in found.items()}

    def _node(self, column: _Column) -> Array:
        sizes = [stop - start for start, stop in pairwise(column.starts)]
        chunks = regular((sizes,))
        return Array(
            shape=(column.starts[-1],),
            dtype=column.recipe.dtype,
            source=Dense(partial(self._read, column), unit=chunks),
            chunks=lasting(chunks, (sizes,)),
            attributes=column.recipe.attributes,
            maxshape=(None,),
        )

    def _read(self, column: _Column, region: Region) -> np.ndarray[Any, Any]:
        (rows,) = region
        if rows.start == rows.stop:
            return np.empty(0, column.recipe.dtype)
        first, after = bisect_right(column.starts, rows.start) - 1, bisect_left(column.starts, rows.stop)
        frames = [self._read_partition(i, column.labels) for i in range(first, after)]
        try:
            blocks = [self._block(column, first + i, frame) for i, frame in enumerate(frames)]
        except ValueError as error:
            self._look()
            raise Changed(f"the table changed while it was served ({error}); ask for its metadata again") from error
        whole = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        return whole[rows.start - column.starts[first] : rows.stop - column.starts[first]]

    def _block(self, column: _Column, number: int, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        """A column of a partition. Raises ValueError where it is not as long, or not of the type, as when the table was looked at."""
        size = column.starts[number + 1] - column.starts[number]
        return settle(column.recipe.convert(column.values(frame)), column.recipe.dtype, (slice(0, size),))
