"""chunkmirage over the image in memory, without a cache.

Its Blosc is always zstd, by default at level 3. If BENCH_CODEC is `lz4`, we replace it with our
codec, which is faster.
"""

from __future__ import annotations

import os

import numcodecs
from chunkmirage import Pipeline, create_app
from chunkmirage.cache import LRUCache
from chunkmirage.core import ArrayInfo, Box
from chunkmirage.frontends.zarr2 import Zarr2Frontend
from chunkmirage.sources.base import MultiscaleSource, Source

import _images


class Memory(Source):
    """The image in memory as a source."""

    info = ArrayInfo(
        shape=(_images.SIDE, _images.SIDE),
        dtype=_images.camera().dtype,
        chunk_shape=(_images.served().edge,) * 2,
        voxel_size=(1.0, 1.0),
        units=("", ""),
        axes=("y", "x"),
    )

    def read(self, box: Box):
        return _images.camera()[box.slices()]


class Lz4:
    """A replacement for chunkmirage's `Compressor` with another codec.

    A Blosc chunk names its codec itself, so readers need no change.
    """

    def __init__(self) -> None:
        self.blosc = numcodecs.Blosc(cname="lz4", clevel=5, shuffle=numcodecs.Blosc.SHUFFLE)

    def encode(self, data: bytes) -> bytes:
        return self.blosc.encode(memoryview(data).cast("H"))  # Blosc shuffles by the itemsize


frontend = Zarr2Frontend()
if os.environ["BENCH_CODEC"] == "lz4":
    frontend.compressor = Lz4()
pipeline = Pipeline(MultiscaleSource([Memory()]), cache=LRUCache(0), cache_source=False)
app = create_app({"image": pipeline}, frontends={"zarr": frontend}, allow_edit=False)
