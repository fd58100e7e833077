"""Value noise: smooth random functions with detail at every scale, the same bits wherever and in whatever parts they are computed.

Only additions, multiplications, divisions, roots, comparisons and integers are used: IEEE 754 rounds these exactly, so a pixel
depends neither on its neighbours nor on SIMD nor on the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, repeat
from operator import mul

import numpy as np
import numpy.typing as npt

from .view import Floats, Indices, Plane, View

DEEPEST = 24
"""Octaves at most."""
FINER = 1.93
"""Frequencies of two neighbouring octaves: near 2, but so that their lattices do not coincide anywhere."""


def hashed(seed: int, *places: Indices) -> Plane:
    """A number in [0, 1) for every place of an integer lattice, one index array an axis, broadcast against each other."""
    h = np.array((seed + 1) * 0x9E3779B1 % 2**32, np.uint32)
    for axis, place in enumerate(places):
        h = h ^ scrambled(place.astype(np.uint32) + np.uint32(0x51ED270B * axis % 2**32))
    h *= np.uint32(0x2C1B3C6D)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0x297A2D39)
    h >>= np.uint32(8)
    numbers = h.view(np.int32).astype(np.float32)  # below 2**24, so exact
    numbers *= np.float32(2**-24)
    return numbers


def scrambled(h: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Every bit of the input spread over the output (Chris Wellons' lowbias32)."""
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B)
    return h ^ (h >> np.uint32(16))


def octaves(frequency: float, pixel: float) -> int:
    """How many octaves from `frequency` on, at least one, there are before a wave is shorter than two pixels and would only shimmer."""
    count = 1
    while count < DEEPEST and (frequency := frequency * FINER) * 2 * pixel <= 1:
        count += 1
    return count


def cells(coordinate: Floats) -> tuple[Indices, Plane]:
    """Split coordinates into the lattice cell and the place within it, eased at both ends."""
    cell = np.floor(coordinate)
    t = coordinate - cell
    return cell.astype(np.int64), (t * t * (3.0 - 2.0 * t)).astype(np.float32)


def lines(seed: int, x: Floats, frequencies: Sequence[float]) -> Plane:
    """Noise in [0, 1) along one axis, a row for each frequency."""
    row = np.arange(len(frequencies))[:, None]
    cell, t = cells(x * np.array(frequencies)[:, None])
    left, right = hashed(seed, row, cell), hashed(seed, row, cell + 1)
    return left + (right - left) * t


@lru_cache(maxsize=1024)
def shifts(seed: int) -> tuple[float, float]:
    """How far a plane's lattice is moved along both axes, in cells."""
    down, aside = hashed(seed, np.array([-1, -2]))
    return float(down), float(aside)


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """Where places along an axis lie in a lattice, of which `lines` are looked at: between two of them, `t` of the way gone.

    Places that are far from each other have two lines each, all first ones before all second ones; else `line` says which is the first.
    """

    lines: Indices
    line: Indices | None
    t: Plane

    @classmethod
    def of(cls, coordinate: Floats) -> Axis:
        """The axis for places in cells of the lattice."""
        cell, t = cells(coordinate)
        first, last = int(cell.min()), int(cell.max())
        if last - first < cell.size:
            return cls(np.arange(first, last + 2), cell - first, t)
        return cls(np.concatenate((cell, cell + 1)), None, t)

    def down(self, lattice: Plane) -> Plane:
        """Values at the places down a lattice's columns."""
        if self.line is None:
            value = lattice[self.t.size :] - lattice[: self.t.size]
            value *= self.t[:, None]
            value += lattice[: self.t.size]
        else:
            value = (lattice[1:] - lattice[:-1]).take(self.line, 0)
            value *= self.t[:, None]
            value += lattice.take(self.line, 0)
        return value

    def aside(self, lattice: Plane) -> Plane:
        """Values at the places along a lattice's rows."""
        if self.line is None:
            value = lattice[:, self.t.size :] - lattice[:, : self.t.size]
            value *= self.t
            value += lattice[:, : self.t.size]
        else:
            value = (lattice[:, 1:] - lattice[:, :-1]).take(self.line, 1)
            value *= self.t
            value += lattice.take(self.line, 1)
        return value


def plane(seed: int, view: View, frequency: tuple[float, float], *, lit: bool = False, strength: float = 1.0) -> Plane:
    """Noise in [-1, 1), times `strength`, with `frequency` lattice cells a unit on the two axes.

    With `lit` it is ground of that height under a lamp at the upper right.
    """
    shift_v, shift_u = shifts(seed)
    rows, columns = Axis.of(view.v * frequency[0] + shift_v), Axis.of(view.u * frequency[1] + shift_u)
    if lit:
        lattice = slopes(seed, rows, columns)
        lattice *= np.float32(strength)
    else:
        lattice = hashed(seed, rows.lines[:, None], columns.lines[None, :])
        lattice *= np.float32(2 * strength)
        lattice -= np.float32(strength)
    return rows.down(columns.aside(lattice))


def slopes(seed: int, rows: Axis, columns: Axis) -> Plane:
    """How much higher the ground is at each place of a lattice than at its neighbour above and to the right."""
    if rows.line is None or columns.line is None:
        heights = hashed(seed, rows.lines[:, None], columns.lines[None, :])
        heights -= hashed(seed, rows.lines[:, None] - 1, columns.lines[None, :] + 1)
        return heights
    above, right = np.arange(rows.lines[0] - 1, rows.lines[-1] + 1), np.arange(columns.lines[0], columns.lines[-1] + 2)
    heights = hashed(seed, above[:, None], right[None, :])
    return heights[1:, :-1] - heights[:-1, 1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texture:
    """Planes of ever higher frequency, each `roughness` times as strong as the one before, together within -1 and 1.

    `deepest` is the number of planes at most; the other fields mean what they mean in `plane`.
    """

    seed: int
    frequency: tuple[float, float]
    roughness: float
    lit: bool = False
    deepest: int = DEEPEST

    def over(self, view: View) -> Plane:
        """The texture at every place of a view, as deep as its pixels can show it."""
        total, weight, strength = np.zeros(view.shape, np.float32), 0.0, 1.0
        down, aside = self.frequency
        for k in range(min(octaves(max(down, aside), view.pixel), self.deepest)):
            total += plane(self.seed + k, view, (down, aside), lit=self.lit, strength=strength)
            weight += strength
            strength *= self.roughness
            down, aside = down * FINER, aside * FINER
        total /= np.float32(weight)
        return total


def ridged(seed: int, x: Floats, frequency: float, roughness: float, pixel: float) -> Floats:
    """A skyline between 0 and 1 along one axis: sharp peaks upon sharp peaks."""
    frequencies = list(accumulate(repeat(FINER, octaves(frequency, pixel) - 1), mul, initial=frequency))
    peaks = 1 - np.abs(2 * lines(seed, x, frequencies) - 1)
    return descending(peaks * peaks, roughness)


def descending(octave: Plane, roughness: float) -> Floats:
    """The mean of the rows, each `roughness` times as heavy as the one before; summed in order, unlike numpy's own sums."""
    total, weight, strength = np.zeros(octave.shape[1:]), 0.0, 1.0
    for row in octave:
        total += strength * row.astype(np.float64)
        weight += strength
        strength *= roughness
    return total / weight
