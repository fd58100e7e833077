"""The landscape in five sizes, its lights as a sparse image, and two stacks in which the moon rises."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..nodes import Array, Options, Region, Sparse
from .content import Values, computed, made, revision
from .scene import USUAL, Night, picture

FRAMES = SIDE = 50
BRIGHT = 0.62
"""What is darker than this is left out of the sparse image."""

TILE_PIXELS = 1024 * 1024
"""Pixels to be computed for one tile of an overview: they take a hundred times as long as those of a file."""


def image(size: int, chunks: tuple[int, int] | None = None) -> Array:
    """The landscape in 64-bit floats from 0 to 1, computed once."""
    return made((size, size), "f8", lambda: floats(everything(size), size), ("y", "x"), chunks=chunks)


def big_image(size: int) -> Array:
    """The landscape in 64-bit floats from 0 to 1, computed for every region."""
    return sampled((size, size), "f8", lambda rows, columns: picture(rows, columns, size).astype(np.float64))


def gigapixel(size: int) -> Array:
    """The landscape in bytes, computed for every region."""
    return sampled(
        (size, size),
        "u1",
        lambda rows, columns: (picture(rows, columns, size) * 255 + np.float32(0.5)).astype(np.uint8),
        attributes={"description": "Moonlight on a lake, 10 gigapixels, each computed when it is looked at."},
    )


def sampled(shape: tuple[int, int], dtype: str, pixels: Callable[[range, range], Values], **fields: Any) -> Array:
    """An image of which any rows and columns can be computed, also every so many: so an overview costs no more than a detail."""

    def read_stepped(region: Region, steps: tuple[int, ...]) -> Values:
        rows, columns = (range(part.start, part.stop, step) for part, step in zip(region, steps, strict=True))
        return pixels(rows, columns)

    return computed(
        shape,
        dtype,
        lambda region: read_stepped(region, (1, 1)),
        ("y", "x"),
        read_stepped=read_stepped,
        options=Options(tile_budget=TILE_PIXELS * np.dtype(dtype).itemsize),
        **fields,
    )


def sparse_image(size: int) -> Sparse:
    """The brightest places of the landscape."""

    @cache
    def entries() -> tuple[Values, Values]:
        values = floats(everything(size), size)
        coords = np.nonzero(values > BRIGHT)
        return np.stack(coords), values[coords]

    return Sparse(shape=(size, size), dtype=np.dtype("f8"), entries=entries, dimension_names=("y", "x"), revision=revision)


def tiny_cube() -> Array:
    """The moon rises in 50 frames."""
    return made((FRAMES, SIDE, SIDE), "f8", moonrise, ("time", "y", "x"))


def tiny_hypercube() -> Array:
    """The rising moon by the strength of the light and of the fog: 2.5 GB, of which none is kept."""
    return computed((FRAMES, FRAMES, FRAMES, SIDE, SIDE), "f8", weather, ("light", "fog", "time", "y", "x"))


@cache
def moonrise() -> Values:
    """Fifty pictures of one night, kept: 1 MB."""
    hours = [frame / (FRAMES - 1) for frame in range(FRAMES)]
    nights = [Night(moon=(0.72 - 0.9 * hour + 0.45 * hour * hour, 0.2 + 0.5 * hour), mist=1.5 - hour) for hour in hours]
    return np.stack([floats(everything(SIDE), SIDE, night) for night in nights])


def weather(region: Region) -> Values:
    """A part of the hypercube: light dims everything, and fog veils it the more, the lower it lies."""
    light, fog, low, _ = (
        (np.arange(axis.start, axis.stop) / (FRAMES - 1)).reshape((-1,) + (1,) * below)
        for axis, below in zip((region[0], region[1], region[3], region[4]), (4, 3, 1, 0), strict=True)
    )
    veil = 0.9 * fog * low
    return (moonrise()[region[2:]] * (1 - veil) + 0.5 * veil) * (0.3 + 0.7 * light)


def everything(size: int) -> Region:
    """The whole of an image."""
    return (slice(0, size), slice(0, size))


def floats(region: Region, size: int, night: Night = USUAL) -> Values:
    """A part of the picture in 64-bit floats."""
    return picture(*spans(region), size, night).astype(np.float64)


def spans(region: Region) -> tuple[range, range]:
    """The rows and columns of a region."""
    rows, columns = region
    return range(rows.start, rows.stop), range(columns.start, columns.stop)
