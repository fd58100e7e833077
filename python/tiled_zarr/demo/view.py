"""A view: the places at which a function of the plane is sampled; and painting one picture over another."""

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
    """Rows at `v`, downwards and in any order, columns at `u`, ascending; `pixel` is the size of the smallest thing worth drawing."""

    v: Floats
    u: Floats
    pixel: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.v.size, self.u.size

    def seen_from(self, v: float, u: float, unit: float) -> View:
        """The same places measured from another origin in another unit."""
        return View((self.v - v) / unit, (self.u - u) / unit, self.pixel / unit)


def outer(v: Floats, u: Floats, combine: np.ufunc) -> Plane:
    """A plane of the numbers of two axes, combined."""
    plane: Plane = combine.outer(v.astype(np.float32), u.astype(np.float32))
    return plane


def cover(inside: Plane, pixel: float) -> Plane:
    """The part of a pixel that a shape hides whose edge is `inside` away, negative outside: 0 to 1 over one pixel."""
    hidden = inside * np.float32(1 / pixel)
    hidden += np.float32(0.5)
    return np.clip(hidden, 0, 1, out=hidden)


def over(canvas: Plane, hidden: Plane, colour: Plane) -> None:
    """Paint `colour` on the canvas, exactly so where `hidden` is 1, and not at all where it is 0."""
    if hidden.min() == 1:
        canvas[...] = colour
        return
    canvas *= 1 - hidden
    canvas += colour * hidden
