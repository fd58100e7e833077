"""Spots: round things strewn over the plane, at most one in a lattice cell and wholly inside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .noise import hashed
from .view import Plane, View

MARGIN = 0.32
"""No spot's centre is nearer to its cell's edge, in cells: so a spot may reach that far and no neighbour need be asked."""


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """Where a spot touches a view, and the distances from its centre there, in its own radii."""

    box: tuple[slice, slice]
    down: Plane
    aside: Plane
    luck: float
    """A number from `least` to 1 that is the spot's own."""

    @property
    def squared(self) -> Plane:
        """Squared distance from the centre."""
        return self.down * self.down + self.aside * self.aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """Spots that are strewn over the plane, `frequency` cells a unit.

    Radii, in cells, go from `smallest` to `largest` with luck; a cell whose luck is below `least` is empty.
    A spot is seen up to `reach` radii from its centre.
    """

    seed: int
    frequency: float
    smallest: float
    largest: float
    least: float
    reach: float = 1.0

    def __post_init__(self) -> None:
        if self.largest * self.reach > MARGIN:
            raise ValueError(f"spots of {self.largest * self.reach} cells leave their cell: draw none above {MARGIN}")

    def within(self, view: View) -> Iterator[Spot]:
        """The spots that touch a view, whose rows must ascend."""
        y, x = view.v * self.frequency, view.u * self.frequency
        rows = np.arange(np.floor(y[0]), np.floor(y[-1]) + 1).astype(np.int64)[:, None]
        columns = np.arange(np.floor(x[0]), np.floor(x[-1]) + 1).astype(np.int64)[None, :]
        lucks = hashed(self.seed, rows, columns)
        full = lucks >= self.least
        luck = lucks[full].astype(np.float64)
        size = self.smallest + (self.largest - self.smallest) * ((luck - self.least) / (1 - self.least)) ** 2
        middle_y = (rows + MARGIN + (1 - 2 * MARGIN) * hashed(self.seed + 1, rows, columns))[full]
        middle_x = (columns + MARGIN + (1 - 2 * MARGIN) * hashed(self.seed + 2, rows, columns))[full]
        top, bottom = np.searchsorted(y, (middle_y - self.reach * size, middle_y + self.reach * size))
        left, right = np.searchsorted(x, (middle_x - self.reach * size, middle_x + self.reach * size))
        for k in np.flatnonzero((top < bottom) & (left < right)):
            height, width = slice(top[k], bottom[k]), slice(left[k], right[k])
            down = ((y[height] - middle_y[k]) / size[k]).astype(np.float32)[:, None]
            aside = ((x[width] - middle_x[k]) / size[k]).astype(np.float32)[None, :]
            yield Spot((height, width), down, aside, luck[k])
