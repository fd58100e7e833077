"""The landscape in five sizes, its lights as a sparse image, and two stacks with a rising moon."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..nodes import Array, Dense, Options, Region, Sparse
from .content import Values, computed, made, revision
from .scene import USUAL, Night, picture

FRAMES = SIDE = 50
BRIGHT = 0.62
"""The sparse image leaves out what is darker than this, on a scale from 0 to 1."""

TILE_PIXELS = 1024 * 1024
"""Pixels computed for one tile of an overview at most.

Computing a pixel takes a hundred times as long as reading one from a file.
"""


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
    """An image whose `pixels` computes any rows and columns, with any step between them.

    So an overview costs no more than a detail of the same size.
    """

    def read_stepped(region: Region, steps: tuple[int, ...]) -> Values:
        rows, columns = (range(part.start, part.stop, step) for part, step in zip(region, steps, strict=True))
        return pixels(rows, columns)

    return computed(
        shape,
        dtype,
        Dense(lambda region: read_stepped(region, (1, 1)), read_stepped),
        ("y", "x"),
        options=Options(tile_budget=TILE_PIXELS * np.dtype(dtype).itemsize),
        **fields,
    )


def sparse_image(size: int) -> Array:
    """The brightest places of the landscape."""

    @cache
    def entries() -> tuple[Values, Values]:
        values = floats(everything(size), size)
        coords = np.nonzero(values > BRIGHT)
        return np.stack(coords), values[coords]

    return Sparse(shape=(size, size), dtype=np.dtype("f8"), entries=entries, dimension_names=("y", "x"), revision=revision)


def tiny_cube() -> Array:
    """50 frames in which the moon rises."""
    return made((FRAMES, SIDE, SIDE), "f8", moonrise, ("time", "y", "x"))


def tiny_hypercube() -> Array:
    """The rising moon over the strength of the light and of the fog: 2.5 GB, none of it kept."""
    return computed((FRAMES, FRAMES, FRAMES, SIDE, SIDE), "f8", Dense(weather), ("light", "fog", "time", "y", "x"))


@cache
def moonrise() -> Values:
    """50 pictures of one night; the result, 1 MB, is cached."""
    hours = [frame / (FRAMES - 1) for frame in range(FRAMES)]
    nights = [Night(moon=(0.72 - 0.9 * hour + 0.45 * hour * hour, 0.2 + 0.5 * hour), mist=1.5 - hour) for hour in hours]
    pictures = np.stack([floats(everything(SIDE), SIDE, night) for night in nights])
    pictures.flags.writeable = False
    return pictures


def weather(region: Region) -> Values:
    """A region of the hypercube.

    Light scales the whole frame; fog veils the lower rows more than the upper ones.
    """
    light, fog, low, _ = (
        (np.arange(axis.start, axis.stop) / (FRAMES - 1)).reshape((-1,) + (1,) * below)
        for axis, below in zip((region[0], region[1], region[3], region[4]), (4, 3, 1, 0), strict=True)
    )
    veil = 0.9 * fog * low
    return (moonrise()[region[2:]] * (1 - veil) + 0.5 * veil) * (0.3 + 0.7 * light)


def everything(size: int) -> Region:
    """The region of a whole image."""
    return (slice(0, size), slice(0, size))


def floats(region: Region, size: int, night: Night = USUAL) -> Values:
    """A region of the picture in 64-bit floats."""
    return picture(*spans(region), size, night).astype(np.float64)


def spans(region: Region) -> tuple[range, range]:
    """The rows and the columns of a region."""
    rows, columns = region
    return range(rows.start, rows.stop), range(columns.start, columns.stop)
