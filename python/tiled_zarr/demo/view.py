"""A view, that is the positions at which a function of the plane is sampled, and painting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
"""Coordinates along one axis."""
Plane: TypeAlias = npt.NDArray[np.float32]
"""Values over rows and columns, or over one of them."""
Indices: TypeAlias = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Rows at `v`, downwards and in any order, and columns at `u`, ascending.

    `pixel` is the size of the smallest detail worth drawing.
    """

    v: Floats
    u: Floats
    pixel: float

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and columns."""
        return self.v.size, self.u.size

    def seen_from(self, v: float, u: float, unit: float) -> View:
        """The same positions relative to another origin, in another unit."""
        return View((self.v - v) / unit, (self.u - u) / unit, self.pixel / unit)


def outer(v: Floats, u: Floats, combine: np.ufunc) -> Plane:
    """The plane of `combine` over every pair of numbers of the two axes."""
    plane: Plane = combine.outer(v.astype(np.float32), u.astype(np.float32))
    return plane


def cover(inside: Plane, pixel: float) -> Plane:
    """How much of each pixel a shape hides, 0 to 1, with an edge one pixel wide.

    `inside` is the distance to the shape's edge, negative outside of it.
    """
    hidden = inside * np.float32(1 / pixel)
    hidden += np.float32(0.5)
    return np.clip(hidden, 0, 1, out=hidden)


def over(canvas: Plane, hidden: Plane, colour: Plane) -> None:
    """Paint `colour` on the canvas in place: fully if `hidden` is 1, not at all if it is 0."""
    if hidden.min() == 1:
        canvas[...] = colour
        return
    canvas *= 1 - hidden
    canvas += colour * hidden
