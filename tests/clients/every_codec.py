"""A tree with one group per codec, named after its spelling.

Each group has arrays of all kinds of items that take different ways through the encoder.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clients.every_type import array, group
from tiled_zarr.nodes import Array, Group, Options

BLOSC = [f"blosc:{cname}:5:{shuffle}" for cname in ("lz4", "lz4hc", "zlib", "zstd") for shuffle in ("noshuffle", "shuffle", "bitshuffle")]
LEVELS = ["blosc:lz4:0", "blosc:zstd:9", "zstd:-5", "zstd:19", "gzip:0", "gzip:9", "zlib:9", "lz4:10"]
CODECS = [*BLOSC, *LEVELS, "zstd", "gzip", "zlib", "lz4", "none", "blosc+crc32c", "zstd+crc32c", "gzip+crc32c", "none+crc32c"]
SHAPE = (100, 130)
CHUNK = (64, 64)
PICTURES = Options(codec="blosc:lz4:5", chunk_shape=(200, 256))
"""Chunks that are large enough to be looked at before it is decided what is done to them."""


def name(spelling: str) -> str:
    return spelling.replace(":", "_").replace("+", "_")


def tree() -> Group:
    of_codecs = {name(spelling): replace(group(arrays()), options=Options(codec=spelling, chunk_shape=CHUNK)) for spelling in CODECS}
    return group({**of_codecs, "pictures": replace(group(pictures()), options=PICTURES)})


def arrays() -> dict[str, Array]:
    rows, columns = np.indices(SHAPE)
    waves = np.sin(rows / 9) * np.cos(columns / 7)
    return {
        "smooth": array(waves.astype("f4")),
        "constant": array(np.full(SHAPE, 7, "u2")),
        "noise": array(np.random.default_rng(2026).integers(0, 2**63, SHAPE)),
        "flags": array(waves > 0),
        "strings": array(np.array([["ä" * (i % 5) for i in range(130)]] * 3, object)),
        "wide": array(np.array([b"x" * i for i in range(40)], "S300"), options=Options(chunk_shape=(16,))),
    }


def pictures() -> dict[str, Array]:
    random = np.random.default_rng(2026)
    light = random.uniform(1, 300, (1, 300))
    return {kind: array(random.poisson(light, (300, 300)).astype(kind)) for kind in ("u2", "i4", "i8")}
