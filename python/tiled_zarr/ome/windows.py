"""Contrast windows from samples of the source: percentiles, so that a hot pixel does not make everything else black."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..nodes import Array
from .display import Display
from .reads import Reader
from .samples import patch_cost, patch_shape

Block: TypeAlias = np.ndarray[Any, Any]

BUDGET = 8 * 1024 * 1024
"""At most about so many bytes of the source are read for all windows of an image, but two patches a channel."""
LEAST_PATCHES = 2
MOST_PATCHES = 64
PIXELS = 256
"""A stepped read takes about so many rows and columns."""
MOST_CHANNELS = 16
"""Of more channels only so many are looked at, and share one window."""
LOW, HIGH = 0.1, 99.9
SEED = 7


class Window(NamedTuple):
    """The least and the largest value seen, and the limits between which to show."""

    least: float
    largest: float
    start: float
    end: float


def windows(reader: Reader, default: tuple[int, ...]) -> tuple[Window, ...]:
    """A window for each channel, of the plane at `default` (a place on the axes before y and x). Blocks; reads little.

    Colours share one, which for bytes is their whole range. Raises what the source raises.
    """
    display = reader.display
    if display.is_colour and display.array.dtype == np.dtype("u1"):
        return (Window(0, 255, 0, 255),) * display.channels
    chosen = _spread(display.channels, MOST_CHANNELS)
    samples = [_samples(reader, _at(display, default, channel), len(chosen)) for channel in chosen]
    if len(chosen) == display.channels and not display.is_colour:
        return tuple(map(_window, samples))
    window = _window(np.concatenate(samples))
    return ((window._replace(start=0.0) if display.is_colour and window.least >= 0 else window),) * display.channels


def default_place(display: Display) -> tuple[int, ...]:
    """What to show first: the middle of z, the start of all else."""
    shape = display.array.shape
    return tuple(shape[axis] // 2 if letter == "z" else 0 for axis, letter in enumerate(display.axes[:-2]))


def _at(display: Display, place: tuple[int, ...], channel: int) -> tuple[slice, ...]:
    """The place of a plane, in one of its channels."""
    places = [channel if letter == "c" else start for letter, start in zip(display.axes, place, strict=False)]
    return tuple(slice(start, start + 1) for start in places)


def _spread(count: int, most: int) -> list[int]:
    """At most so many numbers below `count`, evenly spread."""
    return sorted({int(number) for number in np.linspace(0, count - 1, min(count, most))})


def _samples(reader: Reader, place: tuple[slice, ...], shares: int) -> Block:
    """Finite values of a plane."""
    array, (rows, columns) = reader.array, reader.display.plane_shape
    if array.read_stepped is not None:
        steps = tuple(max(1, size // PIXELS) for size in (rows, columns))
        block = reader.read_stepped((*place, slice(0, rows), slice(0, columns)), (1,) * len(place) + steps)
        return _finite(block)
    count = min(MOST_PATCHES, max(LEAST_PATCHES, BUDGET // shares // patch_cost(reader)))
    corners = _corners(array, patch_shape(array), count)
    return np.concatenate([_finite(_thinned(reader.read((*place, *corner)))) for corner in corners])


def _thinned(block: Block) -> Block:
    """Every so many rows and columns of a patch, so that all patches together stay small."""
    step = math.isqrt(math.prod(block.shape[-2:]) // (PIXELS * PIXELS)) or 1
    return block[..., ::step, ::step]


def _corners(array: Array, patch: tuple[int, ...], count: int) -> list[tuple[slice, ...]]:
    """At most so many patches of the grid of patches, always the same."""
    grid = [-(-size // length) for size, length in zip(array.shape[-2:], patch, strict=True)]
    total = math.prod(grid)
    numbers = range(total) if total <= count else np.random.default_rng(SEED).choice(total, count, replace=False, shuffle=False)
    places = (divmod(int(number), grid[1]) for number in numbers)
    return [
        tuple(slice(i * length, min((i + 1) * length, size)) for i, length, size in zip(place, patch, array.shape[-2:], strict=True))
        for place in places
    ]


def _finite(block: Block) -> Block:
    return block[np.isfinite(block)].ravel()


def _window(values: Block) -> Window:
    """The window of values; of constant ones it is one wide, and the constant is dark only if it is zero."""
    if values.size == 0:
        return Window(0, 1, 0, 1)
    least, largest = float(values.min()), float(values.max())
    start, end = (float(limit) for limit in np.percentile(values.astype("f8"), (LOW, HIGH)))
    if start < end:
        return Window(least, largest, start, end)
    if least < largest:  # all but a few pixels are equal: show those few
        return Window(least, largest, least, largest)
    return Window(*(sorted((0.0, least)) * 2)) if least else Window(0, 1, 0, 1)
