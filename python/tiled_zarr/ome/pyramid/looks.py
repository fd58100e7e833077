"""What samples of an image's pixels tell: contrast windows, and the values that stand for "no value here"."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...caches.cost import Cache
from ...hierarchy.openings import reason
from ...nodes import Array, Busy, Changed
from ..display.display import Display
from ..display.sentinels import found
from ..display.windows import Window, together, windows
from .nodata import NoData
from .reads import Reader
from .sampled import patch_cost, patch_shape

Block: TypeAlias = np.ndarray[Any, Any]

log = logging.getLogger(__name__)

BUDGET = 8 * 1024 * 1024
"""At most about so many bytes of the source are read for all windows of an image, but two patches a channel."""
LEAST_PATCHES = 2
MOST_PATCHES = 64
PIXELS = 256
"""A stepped read takes about so many rows and columns."""
MOST_CHANNELS = 16
"""Of more channels only so many are looked at, and share one window."""
SEED = 7
RETRY = 10
"""Seconds after which an image that could not be looked at is looked at again, and one that may change at any moment."""
SHIFTS = ((1, 0), (-1, 0), (0, 1), (0, -1))
"""The pixels that touch one."""


class Look(NamedTuple):
    """What samples have shown: a window for each channel, and marks."""

    windows: tuple[Window, ...]
    no_data: NoData


class Unseen(Exception):
    """The pixels could not be looked at; the text is the reason."""


def look(reader: Reader, default: tuple[int, ...]) -> Look:
    """Samples of each channel of the plane at `default` (a place on the axes before y and x). Blocks; reads little.

    Colours share one window, which for bytes is their whole range. Raises what the source raises.
    """
    display = reader.display
    if display.is_colour and display.array.dtype == np.dtype("u1"):
        return Look((Window(0, 255, 0, 255),) * display.channels, NoData())
    chosen = _spread(display.channels, MOST_CHANNELS)
    places = [_at(display, default, channel) for channel in chosen]
    samples = [_samples(reader, place, len(chosen)) for place in places]
    marks = found(display.sentinels, np.concatenate(samples), lambda mark: _beside(reader, places, mark)) if display.sentinels else ()
    valid = [_valid(values, marks, display.valid) for values in samples]
    if len(chosen) == display.channels and not display.is_colour:
        return Look(windows(valid), NoData(marks))
    return Look((together(valid, is_colour=display.is_colour),) * display.channels, NoData(marks))


def default_place(display: Display) -> tuple[int, ...]:
    """What to show first: the middle of z, the start of all else."""
    shape = display.array.shape
    return tuple(shape[axis] // 2 if letter == "z" else 0 for axis, letter in enumerate(display.axes[:-2]))


class Looks:
    """Looks at one image, `name`, by revision; a failure is remembered for RETRY seconds, a look at an image without a revision too.

    The same revision always gives the same look, in every worker, since samples are taken at the same places.
    """

    def __init__(self, name: str, reader: Reader, cache: Cache[Look]) -> None:
        self.name = name
        self.reader = reader
        self.cache = cache
        self._live: tuple[float, Look] | None = None
        self._failed: tuple[float, str | None, str] | None = None

    def at(self, revision: str | None) -> Look:
        """What the pixels show at a revision. Blocks; raises Unseen if they cannot be read, Changed and Busy."""
        if revision is not None:
            array = self.reader.array
            return self.cache.get(f"{self.name}|{array.shape}|{array.dtype.str}|{revision}", lambda: self._tried(revision))
        known = self._live
        if known is None or time.monotonic() - known[0] >= RETRY:
            known = self._live = time.monotonic(), self._tried(None)
        return known[1]

    def again(self) -> Look:
        """What the pixels of an image without a revision show now. Raises like `at`."""
        self._live = None
        return self.at(None)

    def has_failed(self, revision: str | None) -> bool:
        """Whether the pixels could not be looked at a short while ago."""
        failed = self._failed
        return failed is not None and failed[1] == revision and time.monotonic() - failed[0] < RETRY

    def _tried(self, revision: str | None) -> Look:
        if self.has_failed(revision):
            assert self._failed is not None
            raise Unseen(self._failed[2])
        try:
            made = look(self.reader, default_place(self.reader.display))
        except (Changed, Busy):
            raise
        except Exception as error:
            log.warning("%s is shown without contrast limits: %s", self.name, reason(error))
            self._failed = time.monotonic(), revision, reason(error)
            raise Unseen(reason(error)) from error
        self._failed = None
        return made


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
    if array.source.read_stepped is not None:
        steps = tuple(max(1, size // PIXELS) for size in (rows, columns))
        block = reader.read_stepped((*place, slice(0, rows), slice(0, columns)), (1,) * len(place) + steps)
        return _finite(block)
    return np.concatenate([_finite(_thinned(patch)) for patch in _patches(reader, place, shares)])


def _beside(reader: Reader, places: list[tuple[slice, ...]], mark: float) -> Block:
    """The values that touch a mark, of patches in which no row or column is left out."""
    touching = []
    for place in places:
        for patch in _patches(reader, place, len(places)):
            is_mark = np.pad(patch.reshape(patch.shape[-2:]) == mark, 1)
            touches = np.logical_or.reduce([np.roll(is_mark, shift, (0, 1)) for shift in SHIFTS]) & ~is_mark
            touching.append(patch.reshape(patch.shape[-2:])[touches[1:-1, 1:-1]])
    return np.concatenate(touching)


def _patches(reader: Reader, place: tuple[slice, ...], shares: int) -> Iterator[Block]:
    """Patches of a plane, always the same; those of all `shares` planes stay within the budget."""
    count = min(MOST_PATCHES, max(LEAST_PATCHES, BUDGET // shares // patch_cost(reader)))
    return (reader.read((*place, *corner)) for corner in _corners(reader.array, patch_shape(reader.array), count))


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


def _valid(values: Block, marks: tuple[np.generic, ...], limits: tuple[float, float] | None) -> Block:
    """The values that are no mark and lie within the valid range, unless none does."""
    rest = values[~np.isin(values, marks)] if marks else values
    inside = rest[(rest >= limits[0]) & (rest <= limits[1])] if limits else rest
    return inside if inside.size else rest
