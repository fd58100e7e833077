"""Contrast windows of samples: percentiles, so that a hot pixel does not make everything else black."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Block: TypeAlias = np.ndarray[Any, Any]

LOW, HIGH = 0.1, 99.9


class Window(NamedTuple):
    """The least and the largest value seen, and the limits between which to show."""

    least: float
    largest: float
    start: float
    end: float


def windows(samples: Sequence[Block]) -> tuple[Window, ...]:
    """A window for each channel."""
    return tuple(map(window, samples))


def together(samples: Sequence[Block], *, is_colour: bool) -> Window:
    """One window for all channels; that of colours begins with zero."""
    made = window(np.concatenate(samples))
    return made._replace(start=0.0) if is_colour and made.least >= 0 else made


def window(values: Block) -> Window:
    """The window of values; of constant ones it is one wide, and the constant is dark only if it is zero."""
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
    """The values without the type's extremes, if any are left; those of bytes and unsigned zeros may be meant."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize == 1:
        return values
    limits = np.iinfo(values.dtype)
    rest = values[(values != limits.max) & ((values != limits.min) | (limits.min == 0))]
    return rest if rest.size else values
