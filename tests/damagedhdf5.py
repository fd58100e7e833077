"""HDF5 files on which the library loops or fails, each by a recipe: which bit of which file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

FLAGS = 11
"""The offset of the consistency flags in a version 3 superblock.

The superblock has 48 bytes and ends with a checksum of all of them.
"""
HEAP_OBJECT_SIZE = 24
"""Bytes from a global heap's signature to the length of its first object; it has no checksum."""


def small(path: Path) -> Path:
    """A file of the latest format with one of everything.

    It has a chunked and a flat dataset, a group, and texts in attributes and in a dataset.
    """
    with h5py.File(path, "w", libver="latest") as file:
        x = file.create_dataset("x", data=np.arange(24, dtype="<i4").reshape(4, 6), chunks=(2, 3), compression="gzip")
        x.attrs["unit"] = "m"
        file["g/y"] = np.arange(3.0)
        file["g"].attrs["title"] = "naïve"
        file["text"] = ["a", "longer"]
    return path


def flipped(path: Path, bit: int) -> Path:
    """The same file with one bit inverted."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    return path


def looping_heap(path: Path) -> Path:
    """Invert the lowest bit of the size of the only text in a file, so that the size becomes 0.

    The library then searches for the text for ever. Found by flipping every bit of `small`: 41 of
    its 50,368 bits hang HDF5 2.0.0 in this way, with or without SWMR.
    """
    return flipped(path, 8 * (path.read_bytes().index(b"GCOL") + HEAP_OBJECT_SIZE))


def hangs_when_opened(path: Path) -> Path:
    """A file whose root group has an attribute that cannot be read in any time."""
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3)
        file.attrs["a"] = "t"
    return looping_heap(path)


def hangs_when_read(path: Path) -> Path:
    """A file that opens, with a dataset `text` that cannot be read in any time, and a good one."""
    with h5py.File(path, "w") as file:
        file["text"] = ["t"]
        file["x"] = np.arange(3)
    return looping_heap(path)


STALE_WRITER = """
import os, sys, h5py, numpy
with h5py.File(sys.argv[1], "w", libver="latest") as file:
    file.create_dataset("x", data=numpy.arange(40).reshape(4, 10), chunks=(1, 10), maxshape=(None, 10))
    file.swmr_mode = True
    file.flush()
    os._exit(0)
"""


def left_by_its_writer(path: Path) -> Path:
    """A file whose SWMR writer died, so that it has the flag of one; it is whole."""
    subprocess.run([sys.executable, "-c", STALE_WRITER, path], check=True)
    return path


def left_and_damaged(path: Path) -> Path:
    """The same with one bit inverted in the root group.

    A SWMR reader takes it for a block that is being written, and tries again for hours.
    """
    return flipped(left_by_its_writer(path), 8 * (path.read_bytes().index(b"OHDR") + 20))


def links_to_a_pipe(path: Path) -> Path:
    """A file with links to a pipe beside it, to which nobody writes.

    One link is external, one is soft and goes through the external one, and one is the source of a
    virtual dataset.
    """
    os.mkfifo(path.with_name("pipe"))
    layout = h5py.VirtualLayout((4,), "i4")
    layout[:] = h5py.VirtualSource("pipe", "x", (4,))
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3)
        file["external"] = h5py.ExternalLink("pipe", "/")
        file["soft"] = h5py.SoftLink("/external/x")
        file.create_virtual_dataset("virtual", layout)
    return path
