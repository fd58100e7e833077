"""Looks at samples of an image to find its contrast windows and its marks.

A viewer needs contrast limits before it can draw the first tile. Marks are pixel values that mean
"no value here"; means must skip them, so the levels need them before their first tile too. To find
both exactly, we would have to read the whole image. So we read samples, about BUDGET (8 MiB) of the
source:

- from the plane that a viewer shows first: the middle of z and the start of all other axes but c;
- from each channel, or from MOST_CHANNELS (16) evenly spread ones that then share one window;
- every n-th pixel if the source reads those cheaply, else patches of about a chunk each, 2 to 64 a
  channel, at places chosen at random.

sentinels.py finds the marks in these values, and windows.py the windows in the values that are no
marks and lie inside CF's valid range.

The invariant: the same revision gives the same look in every worker process. The seed of the random
places is a constant, so all workers take the same samples. Otherwise two workers would serve
different tiles of an image under the same entity tag.

    look at a revision ----succeeds----> cached under the revision
           |  ^
     fails |  | after RETRY (10) seconds
           v  |
         Unseen: no contrast limits, no marks, tiles without a revision

`Looks` answers with the same Unseen for RETRY seconds, so that a broken source does not make each
request wait. Changed and Busy are not remembered: they pass at once, and the caller may ask again.
An image without a revision may change at any moment; we look at it again after RETRY seconds.

Bytes that are colours need no look: their window is 0 to 255, and they have no marks.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...caches.cost import Cache
from ...hierarchy.openings import reason
from ...nodes import Array, Busy, Changed, Forbidden, Unauthenticated
from ..display.display import Display
from ..display.sentinels import found
from ..display.windows import Window, together, windows
from .nodata import NoData
from .reads import Reader
from .sampled import patch_cost, patch_shape

Block: TypeAlias = np.ndarray[Any, Any]

log = logging.getLogger(__name__)

BUDGET = 8 * 1024 * 1024
"""Bytes of the source that we read for one look, about; but at least two patches a channel."""
LEAST_PATCHES = 2
MOST_PATCHES = 64
PIXELS = 256
"""Rows and columns that a stepped read takes, about."""
MOST_CHANNELS = 16
"""Channels that we look at; if there are more, these share one window."""
SEED = 7
RETRY = 10
"""Seconds until we look again after a failure, or at an image without a revision."""
SHIFTS = ((1, 0), (-1, 0), (0, 1), (0, -1))
"""Shifts (rows, columns) to the four pixels that touch one."""


class Look(NamedTuple):
    """What samples show: a window for each channel, and the marks."""

    windows: tuple[Window, ...]
    no_data: NoData


class Unseen(Exception):
    """We could not read the pixels; the text is the reason."""


def look(reader: Reader, default: tuple[int, ...]) -> Look:
    """The look at the plane at `default`, an index on each axis before y and x. Blocks.

    Reads about BUDGET bytes of the source. Colours share one window; for bytes it is their whole
    range. Raises what the source raises.
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
    """The plane to show first: the middle of z, and index 0 on all other axes before y and x."""
    shape = display.array.shape
    return tuple(shape[axis] // 2 if letter == "z" else 0 for axis, letter in enumerate(display.axes[:-2]))


class Looks:
    """The looks at one image, `name`, by revision.

    A failure is remembered for RETRY seconds, and so is a look at an image without a revision.

    The same revision gives the same look in every worker, since samples come from the same places.
    """

    def __init__(self, name: str, reader: Reader, cache: Cache[Look]) -> None:
        self.name = name
        self.reader = reader
        self.cache = cache
        self._live: tuple[float, Look] | None = None
        self._failed: tuple[float, str | None, str] | None = None

    def at(self, revision: str | None) -> Look:
        """What the pixels show at a revision. Blocks.

        Raises Unseen if we cannot read them, and Changed or Busy if the source does.
        """
        if revision is not None:
            array = self.reader.array
            return self.cache.get(f"{self.name}|{array.shape}|{array.dtype.str}|{revision}", lambda: self._tried(revision))
        known = self._live
        if known is None or time.monotonic() - known[0] >= RETRY:
            known = self._live = time.monotonic(), self._tried(None)
        return known[1]

    def again(self) -> Look:
        """A new look at an image without a revision. Raises like `at`."""
        self._live = None
        return self.at(None)

    def has_failed(self, revision: str | None) -> bool:
        """True if a look at this revision failed less than RETRY seconds ago."""
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
            is_refused = isinstance(error, Forbidden | Unauthenticated)
            log.log(logging.DEBUG if is_refused else logging.WARNING, "%s is shown without contrast limits: %s", self.name, reason(error))
            self._failed = time.monotonic(), revision, reason(error)
            raise Unseen(reason(error)) from error
        self._failed = None
        return made


def _at(display: Display, place: tuple[int, ...], channel: int) -> tuple[slice, ...]:
    """The place of a plane in one channel: a slice of length one for each axis before y and x."""
    places = [channel if letter == "c" else start for letter, start in zip(display.axes, place, strict=False)]
    return tuple(slice(start, start + 1) for start in places)


def _spread(count: int, most: int) -> list[int]:
    """At most `most` numbers below `count`, evenly spread."""
    return sorted({int(number) for number in np.linspace(0, count - 1, min(count, most))})


def _samples(reader: Reader, place: tuple[slice, ...], shares: int) -> Block:
    """Finite values of a plane; `shares` planes share the budget."""
    array, (rows, columns) = reader.array, reader.display.plane_shape
    if array.source.read_stepped is not None:
        steps = tuple(max(1, size // PIXELS) for size in (rows, columns))
        block = reader.read_stepped((*place, slice(0, rows), slice(0, columns)), (1,) * len(place) + steps)
        return _finite(block)
    return np.concatenate([_finite(_thinned(patch)) for patch in _patches(reader, place, shares)])


def _beside(reader: Reader, places: list[tuple[slice, ...]], mark: float) -> Block:
    """The values of pixels that touch a mark, from whole patches of the places.

    Samples would not do: they leave out rows and columns, so their neighbours do not touch.
    """
    touching = []
    for place in places:
        for patch in _patches(reader, place, len(places)):
            is_mark = np.pad(patch.reshape(patch.shape[-2:]) == mark, 1)
            touches = np.logical_or.reduce([np.roll(is_mark, shift, (0, 1)) for shift in SHIFTS]) & ~is_mark
            touching.append(patch.reshape(patch.shape[-2:])[touches[1:-1, 1:-1]])
    return np.concatenate(touching)


def _patches(reader: Reader, place: tuple[slice, ...], shares: int) -> Iterator[Block]:
    """Patches of a plane, the same at each call; `shares` planes share BUDGET."""
    count = min(MOST_PATCHES, max(LEAST_PATCHES, BUDGET // shares // patch_cost(reader)))
    return (reader.read((*place, *corner)) for corner in _corners(reader.array, patch_shape(reader.array), count))


def _thinned(block: Block) -> Block:
    """Every n-th row and column of a patch, so that it keeps about PIXELS * PIXELS pixels."""
    step = math.isqrt(math.prod(block.shape[-2:]) // (PIXELS * PIXELS)) or 1
    return block[..., ::step, ::step]


def _corners(array: Array, patch: tuple[int, ...], count: int) -> list[tuple[slice, ...]]:
    """At most `count` patches of the grid of patches, the same at each call."""
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
    """The values that are no marks and lie in the valid range; without any there, those outside."""
    rest = values[~np.isin(values, marks)] if marks else values
    inside = rest[(rest >= limits[0]) & (rest <= limits[1])] if limits else rest
    return inside if inside.size else rest
