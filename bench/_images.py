"""The image that every server serves, as a 16-bit camera would record it.

It is an uneven field with the shot noise of photons, an offset and a gain. We make it once, in
build/bench/camera.npy, and each server loads it into memory. `BENCH_TILE` is the edge of a server's
chunks in pixels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FOLDER = Path(__file__).resolve().parents[1] / "build" / "bench"
SIDE = 4096
ITEMSIZE = 2
NBYTES = SIDE * SIDE * ITEMSIZE


class Tiles(NamedTuple):
    """The chunks of the image: squares of `edge` pixels.

    With `planes`, they are the chunks of a stack of that many planes, each of which is the image.
    """

    edge: int
    planes: int | None = None

    def __str__(self) -> str:
        return f"{self.edge} x {self.edge} u2"

    @property
    def indices(self) -> list[tuple[int, ...]]:
        counts = [SIDE // self.edge] * 2
        return list(np.ndindex(*counts if self.planes is None else (self.planes, *counts)))

    @property
    def nbytes(self) -> int:
        """Decoded bytes of one chunk."""
        return self.edge**2 * ITEMSIZE

    def paths(self, base: str, separator: str = "/") -> list[str]:
        """The URL paths of the chunks, in the order of `indices`."""
        return [base + separator.join(map(str, index)) for index in self.indices]

    def region(self, index: tuple[int, ...]) -> tuple[slice, slice]:
        """The region of a chunk in its plane, in pixels."""
        row, column = (place * self.edge for place in index[-2:])
        return slice(row, row + self.edge), slice(column, column + self.edge)

    def check(self, bodies: list[bytes], decode: Callable[[bytes], bytes]) -> None:
        """Compare bodies with the pixels of their chunks. Raises ValueError if one differs."""
        for index, body in zip(self.indices, bodies, strict=True):
            if decode(body) != camera()[self.region(index)].tobytes():
                raise ValueError(f"chunk {index} does not hold the pixels of the image")


def served() -> Tiles:
    """The chunks that this server process serves, from its environment."""
    return Tiles(int(os.environ["BENCH_TILE"]))


def tree() -> Mapping[str, Any]:
    """The tree of our servers: the image."""
    return {"image": camera()}


def floats() -> Mapping[str, Any]:
    """The same image, smoothed a little as reduced data are, as f4."""
    pixels = camera().astype("f4")
    return {"image": (pixels + np.roll(pixels, 1, 0) + np.roll(pixels, 1, 1)) / 3}


def ramp() -> Mapping[str, Any]:
    """A tree with an image of 12,000 x 12,000 in memory, in which no two rows are alike."""
    y, x = np.mgrid[:12_000, :12_000].astype("u2")
    return {"picture": (y * 5 + x * 3).astype("u2")}


@cache
def camera() -> np.ndarray[Any, Any]:
    """The image in memory."""
    path = FOLDER / "camera.npy"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        writing = path.with_suffix(".writing.npy")
        np.save(writing, exposed())
        writing.rename(path)
    return np.load(path)


def exposed() -> np.ndarray[Any, Any]:
    """The image, computed; it is the same each time."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    photons = 200 + 900 * np.exp(-4 * ((x - 0.5) ** 2 + (y - 0.4) ** 2)) * (1 + 0.5 * np.sin(40 * x) * np.sin(30 * y))
    return (100 + 2.2 * random.poisson(photons)).astype(np.uint16)
