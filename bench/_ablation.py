"""Our server with an encoder of numpy and numcodecs in place of the native one.

It shows how much of the server's speed comes from Rust. Only the encoding of chunks is replaced,
and Python threads take the place of native ones. The bodies come from c-blosc; their length shows
that this encoder was used.
"""

from __future__ import annotations

import numcodecs
import numpy as np

from tiled_zarr.app import app
from tiled_zarr.encoding import encode
from tiled_zarr.hierarchy.keyspace import Chunk
from tiled_zarr.http.work import native

__all__ = ["app"]

SHUFFLES = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}


def encoded(chunk: Chunk, _: object = None) -> bytes:
    """A chunk encoded as Zarr libraries in Python do it.

    It is copied to be contiguous, padded at the edge, and compressed by c-blosc.
    """
    block = chunk.node.read(chunk.grid.region(chunk.index))
    if block.shape != chunk.grid.chunk_shape:
        block = np.pad(block, [(0, whole - part) for whole, part in zip(chunk.grid.chunk_shape, block.shape, strict=True)])
    codec = chunk.codec
    return numcodecs.Blosc(codec.cname, codec.level, SHUFFLES[codec.shuffle]).encode(np.ascontiguousarray(block))


encode.encode = encoded
native.Encoders.submit = lambda *_: None
numcodecs.blosc.use_threads = False  # numcodecs uses them only in the main thread
