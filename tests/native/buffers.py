"""Bytes that codecs are tried on, and codecs to try."""

from __future__ import annotations

from itertools import product

import numpy as np

from tiled_zarr._native import Codec

CNAMES = ("lz4", "lz4hc", "zlib", "zstd")
SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")
TYPESIZES = (1, 2, 3, 4, 8, 12, 16, 40, 255, 256, 1000)
BLOSCS = [{"cname": cname, "shuffle": shuffle, "typesize": typesize} for cname, shuffle, typesize in product(CNAMES, SHUFFLES, TYPESIZES)]
PLAIN = {"zstd": (-5, 1, 19), "gzip": (0, 1, 9), "zlib": (0, 1, 9), "lz4": (1, 100)}


def contents(nbytes: int) -> dict[str, bytes]:
    """Bytes that do not compress, that do, that are all alike, and 12-bit numbers of a camera."""
    ramp = np.arange(nbytes)
    noise = np.random.default_rng(nbytes).integers(0, 256, nbytes, dtype=np.uint8)
    camera = np.random.default_rng(1).normal(2000, 70, nbytes // 2 + 1).astype("<u2").tobytes()[:nbytes]
    half = np.where(ramp < nbytes // 2, 7, noise).astype(np.uint8)
    return {
        "noise": noise.tobytes(),
        "ramp": (ramp // 50).astype(np.uint8).tobytes(),
        "zeros": bytes(nbytes),
        "half": half.tobytes(),
        "camera": camera,
    }


def sizes(typesize: int) -> list[int]:
    """Numbers of bytes around every limit.

    These are the item, groups of 8 items, the least compressed size, and the block size.
    """
    block = 256 << 10
    counts = {1, 7, 8, 9, 127, 128, 129, 1000, 1024}
    around_block = {block // typesize + more for more in (-1, 0, 1, 8, 13)}
    return sorted({count * typesize for count in counts | around_block} | {127, 128, 129, typesize * 8 + 1})


def blosc(level: int = 5, **parameters: object) -> Codec:
    return Codec("blosc", level=level, **parameters)
