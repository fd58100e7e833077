"""Spots: round things on the plane, at most one per lattice cell and completely inside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .noise import hashed
from .view import Floats, Plane, View

MARGIN = 0.32
"""Distance of a spot's centre from the edge of its cell at least, in cells.

A spot may have this radius, so no pixel needs to look at neighbouring cells.
"""

LARGE = 1000
"""Pixels per cell above which spots are drawn one by one.

Drawing one spot costs about as much as this many pixels.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """The pixels that one spot touches in a view, or those that many spots touch.

    `down` and `aside` are the distances of these pixels from the centre of their spot, in its
    radii; `luck` is a random number of that spot, from `least` to 1.
    """

    box: tuple[slice, slice] | tuple[npt.NDArray[np.intp], ...]
    down: Plane
    aside: Plane
    luck: Floats

    @property
    def squared(self) -> Plane:
        """The squared distance from the centre, in radii."""
        return self.down * self.down + self.aside * self.aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """Random spots over the plane, with `frequency` cells per unit.

    Radii, in cells, grow with luck from `smallest` to `largest`; a cell whose luck is below `least`
    is empty. A spot is visible up to `reach` radii from its centre.
    """

    seed: int
    frequency: float
    smallest: float
    largest: float
    least: float
    reach: float = 1.0

    def __post_init__(self) -> None:
        if self.largest * self.reach > MARGIN:
            raise ValueError(f"spots of {self.largest * self.reach} cells leave their cell: at most {MARGIN} is allowed")

    def within(self, view: View) -> Iterator[Spot]:
        """The spots that touch a view, whose rows must ascend.

        If the spots are small and many, all of them are returned as one.
        """
        y, x = view.v * self.frequency, view.u * self.frequency
        cells = (np.floor(y[-1]) - np.floor(y[0]) + 1) * (np.floor(x[-1]) - np.floor(x[0]) + 1)
        return self._singly(y, x) if cells * LARGE <= y.size * x.size else self._together(y, x)

    def _singly(self, y: Floats, x: Floats) -> Iterator[Spot]:
        """Yield each spot with the box of pixels around it."""
        rows, columns = np.arange(np.floor(y[0]), np.floor(y[-1]) + 1), np.arange(np.floor(x[0]), np.floor(x[-1]) + 1)
        luck, size, middle_y, middle_x, full = self._spots(rows, columns)
        luck, size, middle_y, middle_x = luck[full], size[full], middle_y[full], middle_x[full]
        top, bottom = np.searchsorted(y, (middle_y - self.reach * size, middle_y + self.reach * size))
        left, right = np.searchsorted(x, (middle_x - self.reach * size, middle_x + self.reach * size))
        for k in np.flatnonzero((top < bottom) & (left < right)):
            height, width = slice(top[k], bottom[k]), slice(left[k], right[k])
            down = ((y[height] - middle_y[k]) / size[k]).astype(np.float32)[:, None]
            aside = ((x[width] - middle_x[k]) / size[k]).astype(np.float32)[None, :]
            yield Spot((height, width), down, aside, luck[k])

    def _together(self, y: Floats, x: Floats) -> Iterator[Spot]:
        """Yield all pixels that any spot touches, each with the spot of its cell."""
        luck, size, middle_y, middle_x, full = self._spots(np.floor(y), np.floor(x))
        reach = self.reach * size
        is_level = (middle_y - reach <= y[:, None]) & (y[:, None] < middle_y + reach)
        is_beside = (middle_x - reach <= x[None, :]) & (x[None, :] < middle_x + reach)
        box = np.nonzero(full & is_level & is_beside)
        down = ((y[box[0]] - middle_y[box]) / size[box]).astype(np.float32)
        aside = ((x[box[1]] - middle_x[box]) / size[box]).astype(np.float32)
        yield Spot(box, down, aside, luck[box])

    def _spots(self, rows: Floats, columns: Floats) -> tuple[Floats, Floats, Floats, Floats, npt.NDArray[np.bool_]]:
        """Luck, radius and centre of the spots in a grid of cells, and which cells have a spot."""
        row, column = rows.astype(np.int64)[:, None], columns.astype(np.int64)[None, :]
        lucks = hashed(self.seed, row, column)
        luck = lucks.astype(np.float64)
        size = self.smallest + (self.largest - self.smallest) * ((luck - self.least) / (1 - self.least)) ** 2
        middle_y = row + MARGIN + (1 - 2 * MARGIN) * hashed(self.seed + 1, row, column)
        middle_x = column + MARGIN + (1 - 2 * MARGIN) * hashed(self.seed + 2, row, column)
        return luck, size, middle_y, middle_x, lucks >= self.least
