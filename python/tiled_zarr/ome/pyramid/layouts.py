"""Where the tiles of a plane's levels lie in one flat array.

The levels follow each other, the finest first. A level is a sequence of rows of tiles, and each
tile lies in one piece.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from .shapes import Shape

Box = tuple[slice, slice]
"""Rows and columns."""


class Tile(NamedTuple):
    """The level of a tile, and its row and column in that level's grid of tiles."""

    level: int
    row: int
    column: int


class Layout(NamedTuple):
    """The levels that a kept plane holds.

    `first` is the number of the first level, and `shapes` are the rows and columns of that level
    and all coarser ones. `tile` is the edge of a tile in pixels, and `dtype` the type of a pixel.
    """

    first: int
    shapes: tuple[Shape, ...]
    tile: int
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Pixels in all levels together."""
        return sum(map(math.prod, self.shapes))

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels."""
        return self.size * self.dtype.itemsize

    @property
    def rows(self) -> Iterator[tuple[int, int]]:
        """The level and the number of each row of tiles, the finest level first."""
        for level in range(self.first, self.first + len(self.shapes)):
            yield from ((level, row) for row in range(self.grid(level)[0]))

    def shape(self, level: int) -> Shape:
        """Rows and columns of a level, in pixels."""
        return self.shapes[level - self.first]

    def grid(self, level: int) -> Shape:
        """Rows and columns of a level's grid of tiles."""
        return tuple(-(-size // self.tile) for size in self.shape(level))

    def row(self, level: int, row: int) -> Iterator[Tile]:
        """The tiles of a row."""
        return (Tile(level, row, column) for column in range(self.grid(level)[1]))

    def row_nbytes(self, level: int, row: int) -> int:
        """Bytes of the pixels of a row of tiles."""
        height, _ = self.tile_shape(Tile(level, row, 0))
        return height * self.shape(level)[1] * self.dtype.itemsize

    @property
    def draft_nbytes(self) -> int:
        """Bytes of a draft on disk: all pixels, and room to encode a row of tiles."""
        return self.nbytes + self.row_nbytes(*next(self.rows))

    def tiles(self) -> Iterator[Tile]:
        """All tiles, the finest level first."""
        return (tile for row in self.rows for tile in self.row(*row))

    def tile_shape(self, tile: Tile) -> Shape:
        """Rows and columns in pixels of the part of a tile that lies inside its level."""
        sizes = zip(self.shape(tile.level), (tile.row, tile.column), strict=True)
        return tuple(min(self.tile, size - place * self.tile) for size, place in sizes)

    def start(self, tile: Tile) -> int:
        """The number of pixels that lie before a tile.

        >>> layout = Layout(1, ((3, 5), (2, 3)), 2, np.dtype("u1"))
        >>> [layout.start(tile) for tile in layout.tiles()], layout.size
        ([0, 4, 8, 10, 12, 14, 15, 19], 21)
        """
        above = sum(map(math.prod, self.shapes[: tile.level - self.first]))
        rows, _ = self.tile_shape(tile)
        return above + tile.row * self.tile * self.shape(tile.level)[1] + tile.column * self.tile * rows

    def parts(self, level: int, top: int, left: int, shape: Shape) -> Iterator[tuple[Tile, Box, Box]]:
        """The tiles that a block at pixel (`top`, `left`) of a level covers.

        With each tile come the part of the tile that is covered, and the part of the block that
        covers it.
        """
        rows, columns = (list(_spans(start, size, self.tile)) for start, size in zip((top, left), shape, strict=True))
        for (row, of_tile, of_block), (column, across_tile, across_block) in product(rows, columns):
            yield Tile(level, row, column), (of_tile, across_tile), (of_block, across_block)


def _spans(start: int, size: int, tile: int) -> Iterator[tuple[int, slice, slice]]:
    """The tiles that a run of pixels covers: number, part of the tile, and part of the run."""
    for number in range(start // tile, -(-(start + size) // tile)):
        low, high = max(start, number * tile), min(start + size, (number + 1) * tile)
        yield number, slice(low - number * tile, high - number * tile), slice(low - start, high - start)
