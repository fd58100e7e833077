"""HDF5 files on a web server: the ranges that were asked for, and the nodes."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from objectserver import ObjectServer
from tiled_zarr.adapters.remote.open import open_remote
from tiled_zarr.nodes import Array, Group
from tiled_zarr.resources import Resources

WAIT = 20
"""Seconds after which a test has failed."""
NOISE = np.random.default_rng(20261127).integers(0, 2**16, (2048, 1024), "u2")
"""4 MiB that no codec makes smaller, so that a file of them is not read whole."""
CHUNK = (256, 256)
ZSTD = {"chunks": CHUNK, **hdf5plugin.Zstd(clevel=1)}


class Far(ObjectServer):
    """A server whose requests for ranges are told as pairs of numbers."""

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The first byte, and the byte after the last one, of each request for data."""
        pairs = [(request.range or "").removeprefix("bytes=").split("-") for request in self.asked("GET")]
        return [(int(first), int(last) + 1) for first, last in pairs]

    def open(self, name: str, resources: Resources) -> Group:
        """The root group of an object."""
        node = open_remote(f"{self.url}/{name}", resources)
        assert isinstance(node, Group)
        return node


def filled(fill: Callable[[h5py.File], Any], **options: Any) -> bytes:
    """The bytes of a file that a function fills."""
    content = io.BytesIO()
    with h5py.File(content, "w", **options) as file:
        fill(file)
    return content.getvalue()


def of_noise(data: np.ndarray[Any, Any] = NOISE, **options: Any) -> bytes:
    """The bytes of a file with one dataset."""
    return filled(lambda file: file.create_dataset("x", data=data, **options))


def chunks_of(content: bytes) -> dict[tuple[int, ...], tuple[int, int]]:
    """Where each chunk of the dataset lies: the range of its bytes, by its index, as the library says."""
    with h5py.File(io.BytesIO(content)) as file:
        found = [file["x"].id.get_chunk_info(number) for number in range(file["x"].id.get_num_chunks())]
    return {
        tuple(at // size for at, size in zip(one.chunk_offset, CHUNK, strict=True)): (one.byte_offset, one.byte_offset + one.size)
        for one in found
    }


def x_of(group: Group) -> Array:
    node = group.children["x"]
    assert isinstance(node, Array)
    return node


def box(*parts: tuple[int, int]) -> tuple[slice, ...]:
    return tuple(slice(*part) for part in parts)


def wait_for(is_so: Callable[[], Any]) -> None:
    end = time.monotonic() + WAIT
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)
