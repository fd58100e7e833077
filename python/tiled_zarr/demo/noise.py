"""Value noise: smooth random functions with detail at every scale.

The result has the same bits wherever it is computed, and however it is split into parts. We use
only additions, multiplications, divisions, roots, comparisons and integers: IEEE 754 rounds these
exactly, so a pixel depends neither on its neighbours nor on SIMD nor on the machine.
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
"""The largest number of octaves."""
FINER = 1.93
"""Ratio of the frequencies of two consecutive octaves.

It is near 2, but not 2, so that the lattices of two octaves do not coincide anywhere.
"""


def hashed(seed: int, *places: Indices) -> Plane:
    """A number in [0, 1) for every point of an integer lattice.

    `places` has one array of indices for each axis; they are broadcast against each other.
    """
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
    """Spread every input bit over the output (lowbias32 by Chris Wellons)."""
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B)
    return h ^ (h >> np.uint32(16))


def octaves(frequency: float, pixel: float) -> int:
    """How many octaves to add, starting at `frequency`; at least one, at most DEEPEST.

    We stop before a wave is shorter than two pixels: such a wave only shimmers.
    """
    count = 1
    while count < DEEPEST and (frequency := frequency * FINER) * 2 * pixel <= 1:
        count += 1
    return count


def cells(coordinate: Floats) -> tuple[Indices, Plane]:
    """Split coordinates into the lattice cell and the eased position in it, from 0 to 1."""
    cell = np.floor(coordinate)
    t = coordinate - cell
    return cell.astype(np.int64), (t * t * (3.0 - 2.0 * t)).astype(np.float32)


def lines(seed: int, x: Floats, frequencies: Sequence[float]) -> Plane:
    """Noise in [0, 1) along one axis, one row for each frequency."""
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
    """Positions along one axis of a lattice, and the lattice lines needed to interpolate there.

    `lines` are the lines that are evaluated, and `t` is how far each position is from its first
    line to its second one, from 0 to 1. If the positions are close together, neighbours share
    lines, and `line` is the index of the first line of each position. If they are far apart, `line`
    is None, and `lines` has the first lines of all positions, then their second lines.
    """

    lines: Indices
    line: Indices | None
    t: Plane

    @classmethod
    def of(cls, coordinate: Floats) -> Axis:
        """The axis for positions in units of lattice cells."""
        cell, t = cells(coordinate)
        first, last = int(cell.min()), int(cell.max())
        if last - first < cell.size:
            return cls(np.arange(first, last + 2), cell - first, t)
        return cls(np.concatenate((cell, cell + 1)), None, t)

    def down(self, lattice: Plane) -> Plane:
        """Interpolate down the columns of `lattice`, one row for each position."""
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
        """Interpolate along the rows of `lattice`, one column for each position."""
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
    """Noise in [-1, 1), times `strength`, with `frequency` lattice cells per unit on each axis.

    With `lit`, the noise is the height of the ground, and the result is how a lamp at the upper
    right lights it.
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
    """The height of each point of a lattice minus that of its neighbour above and right."""
    if rows.line is None or columns.line is None:
        heights = hashed(seed, rows.lines[:, None], columns.lines[None, :])
        heights -= hashed(seed, rows.lines[:, None] - 1, columns.lines[None, :] + 1)
        return heights
    above, right = np.arange(rows.lines[0] - 1, rows.lines[-1] + 1), np.arange(columns.lines[0], columns.lines[-1] + 2)
    heights = hashed(seed, above[:, None], right[None, :])
    return heights[1:, :-1] - heights[:-1, 1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texture:
    """A sum of noise planes, each of a higher frequency, within -1 and 1.

    Each plane has `roughness` times the strength of the one before. There are at most `deepest`
    planes; the other fields have the same meaning as in `plane`.
    """

    seed: int
    frequency: tuple[float, float]
    roughness: float
    lit: bool = False
    deepest: int = DEEPEST

    def over(self, view: View) -> Plane:
        """The texture over a view, with as many octaves as its pixels can show."""
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
    """A skyline between 0 and 1 along one axis: sharp peaks with smaller peaks on them."""
    frequencies = list(accumulate(repeat(FINER, octaves(frequency, pixel) - 1), mul, initial=frequency))
    peaks = 1 - np.abs(2 * lines(seed, x, frequencies) - 1)
    return descending(peaks * peaks, roughness)


def descending(octave: Plane, roughness: float) -> Floats:
    """The weighted mean of the rows; each row weighs `roughness` times the one before.

    The rows are added in order, unlike in numpy's own sums, so the result has the same bits
    everywhere.
    """
    total, weight, strength = np.zeros(octave.shape[1:]), 0.0, 1.0
    for row in octave:
        total += strength * row.astype(np.float64)
        weight += strength
        strength *= roughness
    return total / weight
