"""An image whose tiles take their time, and which keeps a list of those that were read."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tiled_zarr import Array, Group
from tiled_zarr.nodes import Dense, Region

READS = "SLOW_READS"
"""Names the environment variable with the file that gets a line per tile: level, row, column."""
SIZE, TILE, LEVELS = 8192, 512, 5
SECONDS = 0.2


def tree() -> Group:
    """The image, with levels of its own, so that nothing is read in the background."""
    finest, *coarser = (level(number) for number in range(LEVELS))
    return Group(children={"image": finest(levels=tuple(made() for made in coarser))})


def level(number: int) -> Any:
    """A level without its own levels."""
    size = SIZE >> number
    return partial(
        Array,
        shape=(size, size),
        dtype=np.dtype("u1"),
        source=Dense(
            partial(read, number),
            lambda region, steps: picture(region)[tuple(slice(None, None, step) for step in steps)],
        ),
        chunks=(TILE, TILE),
        dimension_names=("y", "x"),
        revision=lambda: "1",
    )


def read(number: int, region: Region) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A region of a level, slowly."""
    with Path(os.environ[READS]).open("a", encoding="ascii") as log:
        log.write(f"{number}/{region[0].start // TILE}/{region[1].start // TILE}\n")
    time.sleep(SECONDS)
    return picture(region)


def picture(region: Region) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Stripes across the tiles of any level."""
    rows, columns = (np.arange(part.start, part.stop) for part in region)
    return ((rows[:, None] + columns) // 2 % 256).astype(np.uint8)
