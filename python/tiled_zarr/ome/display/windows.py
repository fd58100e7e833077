"""Contrast windows from samples, by percentiles: one hot pixel must not make all else black."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Block: TypeAlias = np.ndarray[Any, Any]

LOW, HIGH = 0.1, 99.9
"""Percentiles at which a window starts and ends."""


class Window(NamedTuple):
    """The least and the largest value of the samples, and the contrast limits `start` and `end`."""

    least: float
    largest: float
    start: float
    end: float


def windows(samples: Sequence[Block]) -> tuple[Window, ...]:
    """A window for each channel, from the samples of that channel."""
    return tuple(map(window, samples))


def together(samples: Sequence[Block], *, is_colour: bool) -> Window:
    """One window for all channels; a window of colours without negative values starts at zero."""
    made = window(np.concatenate(samples))
    return made._replace(start=0.0) if is_colour and made.least >= 0 else made


def window(values: Block) -> Window:
    """The contrast window of values.

    The limits are the percentiles of the values without the type's extremes, else of all values,
    else the least and the largest value. The window of a constant lies between zero and the
    constant, so a positive constant is drawn bright. Without values, or if all are zero, the window
    goes from 0 to 1.
    """
    if values.size == 0:
        return Window(0, 1, 0, 1)
    least, largest = float(values.min()), float(values.max())
    for chosen in (_unsaturated(values), values):
        start, end = (float(limit) for limit in np.percentile(chosen.astype("f8"), (LOW, HIGH)))
        if start < end:
            return Window(least, largest, start, end)
    if least < largest:  # all but a few pixels are equal: show those few
        return Window(least, largest, least, largest)
    return Window(*(sorted((0.0, least)) * 2)) if least else Window(0, 1, 0, 1)


def _unsaturated(values: Block) -> Block:
    """The values without the type's extremes, or all of them if none are left.

    We keep the extremes of bytes, and zeros of unsigned types: they may be real values.
    """
    if values.dtype.kind not in "iu" or values.dtype.itemsize == 1:
        return values
    limits = np.iinfo(values.dtype)
    rest = values[(values != limits.max) & ((values != limits.min) | (limits.min == 0))]
    return rest if rest.size else values
