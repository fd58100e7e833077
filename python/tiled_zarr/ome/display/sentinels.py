"""Finding marks that nobody has declared: the type's extremes and usual numbers, if they stand apart from the other pixels.

The gaps between a detector's modules hold the largest integer (Eiger, whose overloaded and defective pixels hold the one
before it in 32 bits) or -1 and -2 (Pilatus), those of maps -9999, -32768 or a float near the largest. A candidate is a mark
if it lies at the end of the values and nothing lies near it: its distance from the next is a tenth of the span of the rest.
A mark at -9999 beside elevations of up to 90,000 m is found; -999 in a tomogram is not, because -998 occurs too.

Two kinds are looked at otherwise:
- -1 and -2 are marks, both if one of them occurs, if all other pixels are counts: none is negative, and one is 10 or more
  (masks and classes have fewer).
- The largest 16-bit integer is what an Eiger has in its gaps, and what a camera has where it is saturated. Light falls off
  over a few pixels, so the pixels that touch saturated ones are among the brightest; those that touch gaps are like all others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Block: TypeAlias = np.ndarray[Any, Any]
Beside: TypeAlias = Callable[[float], Block]
"""Reads the pixels that touch one of this value."""

APART = 0.1
"""Distance of a mark from the next value, in spans of the rest."""
LEAST_COUNT = 10
"""Some pixel of a detector that marks gaps by -1 has as many counts; fewer are classes or a mask."""
GAP_SHARE = 0.01
"""Hot pixels, cosmic rays and blooming columns are fewer, gaps more (Eiger 1M: 3.5 %, 4M: 8 %)."""
BRIGHT = 0.25
"""Of the largest integer. Bragg peaks are as bright, but fewer than gaps by far; what saturation leaves is about as much."""
FEW_BRIGHT = 0.05
"""So many pixels are bright at most, for one in a gap, and so many of those that touch gaps."""
TOP, FEW_TOP = 95, 0.25
"""Of the pixels that touch a gap 5 % lie above the 95th percentile of all others; near the beam more. Beside saturation: nearly all."""
LEAST_BESIDE = 16
GAPS = frozenset({-1.0, -2.0})
USUAL = (-9999, -99999, -999, -32768, -32767)
"""Of maps and netCDF."""
LEAST_USUAL = (-2147483647, -9223372036854775806)
"""Of integers in netCDF."""
LARGEST_USUAL = (1e20,)
LARGEST_COUNTS = (2.0**16 - 1, 2.0**32 - 2, 2.0**32 - 1)
"""Of frames of an Eiger whose counts were made floats, as by a correction for the flat field."""
HUGE = 1e30
"""Floats beyond it are marks if they stand apart: netCDF has 9.97e36, others 1e30 and the largest and least float."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinels:
    """Candidates for marks among the numbers of an image's display view."""

    low: frozenset[float] = frozenset()
    high: frozenset[float] = frozenset()
    saturation: float | None = None
    """The value of `high` that is also that of saturated pixels."""
    has_huge: bool = False

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.low or self.high)

    def is_low(self, value: float) -> bool:
        """Whether a least value may be a mark."""
        return value in self.low or (self.has_huge and value <= -HUGE)

    def is_high(self, value: float) -> bool:
        """Whether a largest value may be a mark."""
        return value in self.high or (self.has_huge and value >= HUGE)


NO_SENTINELS = Sentinels()
"""Of bytes, colours and names: there every value may be meant."""


def sentinels(dtype: np.dtype[Any], convert: Callable[[Block], Block]) -> Sentinels:
    """The candidates of a source's type, `convert` being what makes its items those of the display view."""

    def shown(*values: float) -> frozenset[float]:
        with np.errstate(over="ignore"):
            return frozenset(convert(np.array([values]).astype(dtype))[0].astype("f8").tolist())

    if dtype.kind == "f":
        high = shown(*LARGEST_USUAL, *LARGEST_COUNTS)
        return Sentinels(low=shown(*USUAL), high=high, saturation=next(iter(shown(LARGEST_COUNTS[0]))), has_huge=True)
    if dtype.kind not in "iu" or dtype.itemsize == 1:
        return NO_SENTINELS
    limits = np.iinfo(dtype)
    low = [limits.min, *(value for value in USUAL + LEAST_USUAL if value >= limits.min)] if dtype.kind == "i" else []
    is_counts = dtype.kind == "u" and dtype.itemsize == 4
    high = shown(limits.max - 1, limits.max) if is_counts else shown(limits.max)
    has_gaps = dtype.kind == "i" and dtype.itemsize == 4 and shown(*GAPS) == GAPS
    return Sentinels(
        low=shown(*low) | (GAPS if has_gaps else frozenset()),
        high=high,
        saturation=max(high) if dtype.itemsize == 2 else None,
    )


def found(candidates: Sentinels, values: Block, beside: Beside) -> tuple[np.generic, ...]:
    """The candidates that are marks of an image of which `values` are finite samples."""
    low, rest = _peeled(values, np.min, candidates.is_low)
    high, rest = _peeled(rest, np.max, candidates.is_high)
    if not low and not high:
        return ()
    if rest.size == 0 or rest.min() == rest.max():
        return ()
    least, largest = float(rest.min()), float(rest.max())
    room = APART * (largest - least)
    gaps = GAPS & candidates.low & {float(mark) for mark in low}
    marks = [mark for mark in low if float(mark) not in gaps and least - float(mark) >= room]
    if gaps and least >= 0 and largest >= LEAST_COUNT:
        marks += [values.dtype.type(gap) for gap in sorted(GAPS)]
    for mark in high:
        is_saturation = float(mark) == candidates.saturation
        if _is_gap(mark, values, rest, beside) if is_saturation else float(mark) - largest >= room:
            marks.append(mark)
    return tuple(marks)


def _peeled(values: Block, end: Callable[..., Any], is_candidate: Callable[[float], bool]) -> tuple[list[np.generic], Block]:
    """The candidates at one end of the values, the outermost first, and the values without them."""
    marks = []
    while values.size and is_candidate(float(mark := end(values))):
        marks.append(mark)
        values = values[values != mark]
    return marks, values


def _is_gap(mark: np.generic, values: Block, rest: Block, beside: Beside) -> bool:
    """Whether the largest 16-bit integer marks gaps, and no saturated pixels."""
    count, bright = values.size - rest.size, BRIGHT * float(mark)
    if count < GAP_SHARE * values.size or np.count_nonzero(rest >= bright) > FEW_BRIGHT * count:
        return False
    near = beside(float(mark))
    top = np.percentile(rest, TOP)
    is_dark = np.count_nonzero(near >= bright) <= FEW_BRIGHT * near.size and np.count_nonzero(near > top) <= FEW_TOP * near.size
    return bool(is_dark) and near.size >= LEAST_BESIDE
