"""Our server with an encoder made of numpy and numcodecs in place of the native one: what is left of its speed is not Rust's.

Only the encoding of chunks is replaced, and the native threads by those in Python; the bodies are those of c-blosc, by whose length one can
tell that it was used.
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
    """A chunk as Zarr libraries in Python make it: a contiguous copy, padded at the edge, through c-blosc."""
    block = chunk.node.read(chunk.grid.region(chunk.index))
    if block.shape != chunk.grid.chunk_shape:
        block = np.pad(block, [(0, whole - part) for whole, part in zip(chunk.grid.chunk_shape, block.shape, strict=True)])
    codec = chunk.codec
    return numcodecs.Blosc(codec.cname, codec.level, SHUFFLES[codec.shuffle]).encode(np.ascontiguousarray(block))


encode.encode = encoded
native.Encoders.submit = lambda *_: None
numcodecs.blosc.use_threads = False  # as numcodecs has it in any thread but the main one
