"""Chunks of HDF5 files, read and encoded by us, and by h5py with numcodecs.

    python bench/sources.py [PART OF A CASE'S NAME ...]

A case reads each chunk of a dataset of 4096 x 4096 pixels in turn, 512 x 512 at a time, and encodes
it as Blosc lz4. No chunk is read twice in a round, and the file is in the page cache. The times are
per chunk: on one thread its processor time, on two threads wall time. The two sides take turns. The
ratio is the median over the rounds, and the spread is that of the middle half of them. It prints
one line per case and appends it to bench/record/sources.csv. objects.py asks whole servers for an
image in every other object and store.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numcodecs.blosc
import numpy as np

from kernels import Result, compressor, opaque, record, scene
from tiled_zarr import _native
from tiled_zarr.adapters.hdf5 import open_hdf5
from tiled_zarr.nodes import Array, Region
from tiled_zarr.resources import default

RECORD = Path(__file__).parent / "record" / "sources.csv"
ROUNDS = 9
SIZE = 4096
TILE = 512
REGIONS = [(slice(y, y + TILE), slice(x, x + TILE)) for y, x in product(range(0, SIZE, TILE), repeat=2)]
STORED: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "chunked": {"chunks": (TILE, TILE)},
    "gzip": {"chunks": (TILE, TILE), "compression": "gzip"},
    "gzip shuffle": {"chunks": (TILE, TILE), "compression": "gzip", "shuffle": True},
    "gzip shuffle fletcher32": {"chunks": (TILE, TILE), "compression": "gzip", "shuffle": True, "fletcher32": True},
    "gzip shuffle small": {"chunks": (64, 64), "compression": "gzip", "shuffle": True},
    "gzip shuffle large": {"chunks": (2048, 2048), "compression": "gzip", "shuffle": True},
    "lzf shuffle": {"chunks": (TILE, TILE), "compression": "lzf", "shuffle": True},
    "blosc lz4": {"chunks": (TILE, TILE), **hdf5plugin.Blosc("lz4")},
    "blosc blosclz": {"chunks": (TILE, TILE), **hdf5plugin.Blosc("blosclz")},
    "blosc zstd": {"chunks": (TILE, TILE), **hdf5plugin.Blosc("zstd")},
    "lz4": {"chunks": (TILE, TILE), **hdf5plugin.LZ4()},
    "zstd": {"chunks": (TILE, TILE), **hdf5plugin.Zstd()},
    "bitshuffle lz4": {"chunks": (TILE, TILE), **hdf5plugin.Bitshuffle()},
}
DTYPES = ["<u2", "<f4"]
"""The types of images from a detector and from a simulation."""


def write(path: Path, options: dict[str, Any], dtype: str) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=np.tile(scene(dtype), (2, 2)), **options)


def ours(node: Array, itemsize: int) -> Callable[[Region], bytes]:
    codec, _ = compressor("lz4", 5, itemsize)
    return lambda region: _native.encode(opaque(node.read(region)), (TILE, TILE), codec)


def rival(dataset: Any, itemsize: int) -> Callable[[Region], bytes]:
    _, codec = compressor("lz4", 5, itemsize)
    return lambda region: codec.encode(dataset[region])


def one_thread(encode: Callable[[Region], bytes]) -> float:
    """Processor time per chunk, in microseconds."""
    start = time.thread_time_ns()
    for region in REGIONS:
        encode(region)
    return (time.thread_time_ns() - start) / len(REGIONS) / 1000


def two_threads(encode: Callable[[Region], bytes], pool: ThreadPoolExecutor) -> float:
    """Wall time per chunk, in microseconds."""
    start = time.perf_counter_ns()
    sum(pool.map(lambda region: len(encode(region)), REGIONS))  # drops each body, as a server does
    return (time.perf_counter_ns() - start) / len(REGIONS) / 1000


def forget() -> None:
    """Drop our decoded chunks; the rival opens the file again for the same effect."""
    default().decoded.make_room(default().decoded.most + 1)


def measure(path: Path, name: str, itemsize: int) -> Iterator[Result]:
    node = open_hdf5(path).children["x"]
    # HDF5 shares decoded chunks between all handles of a file
    twin = shutil.copyfile(path, path.with_suffix(".twin"))
    pool = ThreadPoolExecutor(2)
    for threads, time_all in {"": one_thread, " two threads": lambda encode: two_threads(encode, pool)}.items():
        rounds = []
        for _ in range(ROUNDS):
            forget()
            mine = time_all(ours(node, itemsize))
            with h5py.File(twin, rdcc_nbytes=32 << 20, rdcc_nslots=10007) as file:
                theirs = time_all(rival(file["x"], itemsize))
            rounds.append((mine, theirs))
        low, ratio, high = statistics.quantiles([theirs / mine for mine, theirs in rounds], n=4)
        mine, theirs = (statistics.median(side) for side in zip(*rounds, strict=True))
        yield Result(name + threads, mine, theirs, ratio, low, high)


def main() -> None:
    numcodecs.blosc.use_threads = False
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for dtype, (stored, options) in product(DTYPES, STORED.items()):
            name = f"{dtype} {stored}"
            if all(word in f"{name} two threads" for word in sys.argv[1:]):
                path = Path(folder) / f"{name}.h5"
                write(path, options, dtype)
                for result in measure(path, name, int(dtype[2:])):
                    results.append(result)
                    print(result, flush=True)
    record(results, RECORD, ["h5py", "hdf5plugin"])


if __name__ == "__main__":
    main()
