"""Two adapters for tiled-zarr: PGM files, and recordings of a camera in memory.

https://netpbm.sourceforge.net/doc/pgm.html
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tiled_zarr import Array, Dense, FlatArray, Resources, Snapshot, Stored, launch_nonce

BETWEEN = rb"\s(?:\s|#.*\n)*"
HEADER = re.compile(BETWEEN.join([rb"P5", rb"(\d+)", rb"(\d+)", rb"(\d+)\s"]))
LONGEST = 65_536
"""Bytes of a header with its comments, at most."""


def open_pgm(path: Path, resources: Resources | None = None) -> Array:
    """The grey image in a PGM file. Raises Damaged if it is none."""
    snapshot = Snapshot.of(path, resources)
    with snapshot.failures_as("a PGM image"):
        with snapshot.opened() as file:
            header = HEADER.match(file.read(LONGEST))
        if header is None or not 0 < int(header[3]) < 65_536:
            raise ValueError("its header is not that of a PGM image")
        shape, dtype = (int(header[2]), int(header[1])), np.dtype("u1" if int(header[3]) < 256 else ">u2")
        pixels = FlatArray(snapshot, header.end(), shape, dtype)
        return Array(
            shape=shape,
            dtype=dtype,
            source=Dense(pixels.read, pixels.read_stepped),
            dimension_names=("y", "x"),
            attributes={"maxval": int(header[3])},
            revision=snapshot.revision,
        )


class Recording:
    """Frames of a camera, each compressed when it was taken."""

    def __init__(self, frames: Iterable[np.ndarray[Any, Any]]) -> None:
        taken = [np.ascontiguousarray(frame, "<u2") for frame in frames]
        self.shape = (len(taken), *taken[0].shape)
        self.bodies = [gzip.compress(frame.tobytes(), mtime=0) for frame in taken]

    def frame(self, number: int) -> np.ndarray[Any, Any]:
        """One frame, decompressed."""
        return np.frombuffer(gzip.decompress(self.bodies[number]), "<u2").reshape(self.shape[1:])


def adapt_recording(recording: Recording) -> Array:
    """The frames as one array, whose chunks are sent as they are."""

    def read(region: tuple[slice, ...]) -> np.ndarray[Any, Any]:
        time, *within = region
        block = np.empty([part.stop - part.start for part in region], "<u2")
        for place, number in enumerate(range(time.start, time.stop)):
            block[place] = recording.frame(number)[tuple(within)]
        return block

    return Array(
        shape=recording.shape,
        dtype=np.dtype("<u2"),
        source=Dense(read, stored=Stored("gzip:9", lambda index: recording.bodies[index[0]])),
        chunks=(1, *recording.shape[1:]),
        dimension_names=("time", "y", "x"),
        revision=launch_nonce,
    )
