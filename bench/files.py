"""Tiles of image files, encoded by us, and by numpy or tifffile with numcodecs.

    python bench/files.py [PART OF A CASE'S NAME ...]

A case reads each tile of 512 x 512 of an image of 8192 x 8192 pixels in turn and encodes it as
Blosc lz4. The file is in the page cache, and its own tiles have the same size. The rival maps flat
files with numpy; of tiled files it reads a segment and decodes it with tifffile. The times are per
tile: on one thread its processor time, on two threads wall time. The two sides take turns. The
ratio is the median over the rounds, and the spread is that of the middle half of them. It prints
one line per case and appends it to bench/record/files.csv.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import numcodecs.blosc
import numpy as np
import tifffile

from kernels import Result, compressor, opaque, record, scene
from tiled_zarr import _native
from tiled_zarr.adapters.files.npy import open_npy
from tiled_zarr.adapters.tiff import open_tiff
from tiled_zarr.nodes import Region

Read: TypeAlias = Callable[[Region], np.ndarray[Any, Any]]

RECORD = Path(__file__).parent / "record" / "files.csv"
ROUNDS = 7
SIZE = 8192
TILE = 512
REGIONS = [(slice(y, y + TILE), slice(x, x + TILE)) for y, x in product(range(0, SIZE, TILE), repeat=2)]
TILED: dict[str, dict[str, Any]] = {
    "none": {},
    "deflate": {"compression": "zlib"},
    "deflate predictor": {"compression": "zlib", "predictor": True},
    "lzw": {"compression": "lzw"},
    "zstd": {"compression": "zstd"},
    "jpeg": {"compression": "jpeg"},
}


def npy(path: Path, picture: np.ndarray[Any, Any]) -> tuple[Read, Read]:
    np.save(path, picture)
    mapped = np.load(path, mmap_mode="r")
    return open_npy(path).read, lambda region: mapped[region]


def flat_tiff(path: Path, picture: np.ndarray[Any, Any]) -> tuple[Read, Read]:
    tifffile.imwrite(path, picture)
    mapped = tifffile.memmap(path, mode="r")
    return open_tiff(path).read, lambda region: mapped[region]


def tiled_tiff(path: Path, picture: np.ndarray[Any, Any], options: dict[str, Any]) -> tuple[Read, Read]:
    tifffile.imwrite(path, picture, tile=(TILE, TILE), **options)
    page, lock = tifffile.TiffFile(path).pages[0], Lock()
    tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader} if "jpeg" in options.values() else {}

    def read(region: Region) -> np.ndarray[Any, Any]:
        index = region[0].start // TILE * (SIZE // TILE) + region[1].start // TILE
        with lock:
            page.parent.filehandle.seek(page.dataoffsets[index])
            data = page.parent.filehandle.read(page.databytecounts[index])
        return page.decode(data, index, **tables)[0][0, :, :, 0]

    return open_tiff(path).read, read


def one_thread(encode: Callable[[Region], object]) -> float:
    """Processor time per tile, in microseconds."""
    start = time.thread_time_ns()
    for region in REGIONS:
        encode(region)
    return (time.thread_time_ns() - start) / len(REGIONS) / 1000


def two_threads(encode: Callable[[Region], object], pool: ThreadPoolExecutor) -> float:
    """Wall time per tile, in microseconds."""
    start = time.perf_counter_ns()
    list(pool.map(encode, REGIONS))
    return (time.perf_counter_ns() - start) / len(REGIONS) / 1000


def measure(name: str, reads: tuple[Read, Read], itemsize: int) -> Iterator[Result]:
    read, rival_read = reads
    codec, rival_codec = compressor("lz4", 5, itemsize)
    region = REGIONS[17]
    np.testing.assert_array_equal(read(region), rival_read(region))
    pool = ThreadPoolExecutor(2)
    ours = {"": lambda region: _native.encode(opaque(read(region)), (TILE, TILE), codec), " read alone": read}
    rivals = {"": lambda region: rival_codec.encode(np.ascontiguousarray(rival_read(region))), " read alone": rival_read}
    for what, (threads, time_all) in product(ours, {"": one_thread, " two threads": lambda encode: two_threads(encode, pool)}.items()):
        rounds = [(time_all(ours[what]), time_all(rivals[what])) for _ in range(ROUNDS)]
        low, ratio, high = statistics.quantiles([theirs / mine for mine, theirs in rounds], n=4)
        mine, theirs = (statistics.median(side) for side in zip(*rounds, strict=True))
        yield Result(name + what + threads, mine, theirs, ratio, low, high)


def cases() -> Iterator[tuple[str, Callable[[Path], tuple[Read, Read]], int]]:
    words, grey = np.tile(scene("<u2"), (4, 4)), np.tile(scene("|u1"), (4, 4))
    yield "npy", lambda folder: npy(folder / "a.npy", words), 2
    yield "flat tiff", lambda folder: flat_tiff(folder / "a.tif", words), 2
    for name, options in TILED.items():
        picture = grey if name == "jpeg" else words
        yield f"tiled tiff {name}", lambda folder, p=picture, o=options: tiled_tiff(folder / "a.tif", p, o), picture.itemsize


def main() -> None:
    numcodecs.blosc.use_threads = False
    results = []
    for name, make, itemsize in cases():
        with tempfile.TemporaryDirectory() as folder:
            if all(word in f"{name} read alone two threads" for word in sys.argv[1:]):
                for result in measure(name, make(Path(folder)), itemsize):
                    results.append(result)
                    print(result, flush=True)
    record(results, RECORD, ["tifffile", "imagecodecs"])


if __name__ == "__main__":
    main()
