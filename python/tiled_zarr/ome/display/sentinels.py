"""Finds marks (pixel values that mean "no value here") that the source does not declare.

Many files have such values and do not say so. The gaps between an Eiger detector's modules hold the
largest integer of the type; in 32 bits its overloaded and defective pixels hold the one before it.
A Pilatus has -1 and -2. Maps have -9999, -32768, or a float near the largest. If we took these for
pixel values, the contrast window would span the marks and everything else would be black, and
levels would mix marks into their means. But we cannot simply treat such a number as a mark: it may
be a real value.

So a value is a mark only if it is a candidate and the other pixels say so. We work on samples:

1. Candidates depend on the type (`sentinels`): its extremes, and the numbers in USUAL and the other
   tables below. Bytes have none.
2. We peel candidates off both ends of the sampled values (`found`): while the least or the largest
   value is a candidate, we take it out. The remaining values are the *rest*. If the rest is empty
   or constant, there is nothing to compare with, and no marks.
3. A peeled candidate is a mark if its distance from the rest is at least a tenth (APART) of the
   rest's span. A mark at -9999 beside elevations of up to 90,000 m is found. -999 in a tomogram is
   no mark, because -998 occurs too.

Two kinds of candidates need another test:

- -1 and -2 lie next to real counts, so distance says nothing. They are marks if all other pixels
  are counts: none is negative, and one is 10 (LEAST_COUNT) or more; masks and classes have fewer.
  If one of the two occurs, both become marks.
- The largest 16-bit integer fills the gaps of an Eiger, but is also what a saturated camera pixel
  holds. Light falls off over a few pixels, so the neighbours of saturated pixels are among the
  brightest, while the neighbours of gaps are like all other pixels. It is a mark if at least 1 %
  of the pixels hold it, few of the others are bright, and the pixels that touch it are not bright.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Block: TypeAlias = np.ndarray[Any, Any]
Beside: TypeAlias = Callable[[float], Block]
"""Reads the pixels that touch a pixel of a given value."""

APART = 0.1
"""Least distance of a mark from the rest, as a share of the rest's span (largest minus least)."""
LEAST_COUNT = 10
"""Counts in the brightest pixel of an image with gaps of -1; fewer mean a mask or classes."""
GAP_SHARE = 0.01
"""Least share of pixels in gaps. An Eiger 1M has 3.5 %, a 4M 8 %.

Hot pixels, cosmic rays and blooming columns together take less.
"""
BRIGHT = 0.25
"""A pixel is bright from this share of the largest integer on.

Bragg peaks are as bright, but there are far fewer of them than pixels in gaps. Around saturation
there are about as many bright pixels as saturated ones.
"""
FEW_BRIGHT = 0.05
"""Most bright pixels for each pixel in a gap, and for each pixel that touches one."""
TOP, FEW_TOP = 95, 0.25
"""At most 25 % of the pixels that touch gaps may lie above the 95th percentile of the rest.

Beside a gap 5 % of them do, near the beam more; beside saturated pixels nearly all do.
"""
LEAST_BESIDE = 16
"""Pixels that must touch the candidate; with fewer we do not decide that it marks gaps."""
GAPS = frozenset({-1.0, -2.0})
"""The marks of a Pilatus."""
USUAL = (-9999, -99999, -999, -32768, -32767)
"""The usual marks in maps and in netCDF."""
LEAST_USUAL = (-2147483647, -9223372036854775806)
"""NetCDF's default marks of 32-bit and 64-bit integers."""
LARGEST_USUAL = (1e20,)
"""A usual mark in floats."""
LARGEST_COUNTS = (2.0**16 - 1, 2.0**32 - 2, 2.0**32 - 1)
"""The marks of an Eiger in frames whose counts became floats, as by a flat-field correction."""
HUGE = 1e30
"""Floats at or beyond it, of either sign, are candidates.

NetCDF's default is 9.97e36; others use 1e30, or the largest and the least float.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinels:
    """Candidates for marks, as numbers of an image's display view.

    `low` has those that may be the least values, `high` those that may be the largest. If
    `has_huge`, floats at or beyond HUGE are candidates too.
    """

    low: frozenset[float] = frozenset()
    high: frozenset[float] = frozenset()
    saturation: float | None = None
    """The value of `high` that saturated pixels may hold too."""
    has_huge: bool = False

    def __bool__(self) -> bool:
        """True if there are any candidates."""
        return bool(self.low or self.high)

    def is_low(self, value: float) -> bool:
        """True if the value may be a mark at the low end."""
        return value in self.low or (self.has_huge and value <= -HUGE)

    def is_high(self, value: float) -> bool:
        """True if the value may be a mark at the high end."""
        return value in self.high or (self.has_huge and value >= HUGE)


NO_SENTINELS = Sentinels()
"""For bytes, colours and labels: there every value may be a real one."""


def sentinels(dtype: np.dtype[Any], convert: Callable[[Block], Block]) -> Sentinels:
    """The candidates of a source's type; `convert` turns source items into the display view's."""

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
    """The candidates that are marks, judged by `values`, finite samples of the image.

    `beside` is called only for a candidate that saturated pixels may hold; it reads pixels and
    blocks.
    """
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
    """The candidates at one end of the values, the outermost first; and the values without them.

    `end` is np.min or np.max.
    """
    marks = []
    while values.size and is_candidate(float(mark := end(values))):
        marks.append(mark)
        values = values[values != mark]
    return marks, values


def _is_gap(mark: np.generic, values: Block, rest: Block, beside: Beside) -> bool:
    """True if the largest 16-bit integer marks gaps rather than saturated pixels."""
    count, bright = values.size - rest.size, BRIGHT * float(mark)
    if count < GAP_SHARE * values.size or np.count_nonzero(rest >= bright) > FEW_BRIGHT * count:
        return False
    near = beside(float(mark))
    top = np.percentile(rest, TOP)
    is_dark = np.count_nonzero(near >= bright) <= FEW_BRIGHT * near.size and np.count_nonzero(near > top) <= FEW_TOP * near.size
    return bool(is_dark) and near.size >= LEAST_BESIDE
