"""Chunks sent as a source stores them, compared with decoding and encoding them.

    python bench/stored.py [PART OF A CASE'S NAME ...]

Ours does all that a request needs except HTTP: find the key, get the revision before and after, and
read the bytes. The rival reads the same chunk from an open array with zarr-python or h5py (without
its cache of decoded chunks), and encodes it with numcodecs in the codec that ours are in. Times are
processor time of all threads, and medians over rounds in which both sides take turns.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numcodecs
import numpy as np
import zarr
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

from kernels import Case, measure, scene
from tiled_zarr.adapters import open_file
from tiled_zarr.encoding import encode
from tiled_zarr.hierarchy import v2
from tiled_zarr.hierarchy.keyspace import Chunk, KeySpace

CHUNK = (512, 512)
ZARR: dict[str, dict[str, Any]] = {
    "blosc:lz4:5": {"compressors": [BloscCodec(cname="lz4", clevel=5, shuffle="shuffle")]},
    "zstd:0": {"compressors": [ZstdCodec(level=0)]},
    "zstd:0 in shards": {"compressors": [ZstdCodec(level=0)], "shards": (1024, 1024)},
    "gzip:5": {"compressors": [GzipCodec(level=5)]},
    "none": {"compressors": None},
}
HDF5: dict[str, Any] = {
    "gzip:5": {"compression": "gzip", "compression_opts": 5},
    "blosc:lz4:5": hdf5plugin.Blosc(cname="lz4", clevel=5, shuffle=1),
    "zstd:3": hdf5plugin.Zstd(clevel=3),
}


def cases(folder: Path) -> Iterator[Case]:
    image = scene("<u2")
    for name, options in ZARR.items():
        path = folder / f"{name.replace(':', '_')}.zarr"
        zarr.create_array(path, data=image, chunks=CHUNK, **options)
        yield case(f"zarr {name}", KeySpace(open_file(path), v2), "", zarr.open_array(path, mode="r").__getitem__)
    with h5py.File(folder / "a.h5", "w") as file:
        for name, options in HDF5.items():
            file.create_dataset(name, data=image, chunks=CHUNK, **options)
    with h5py.File(shutil.copy(folder / "a.h5", folder / "b.h5"), rdcc_nbytes=0) as file:
        keys = KeySpace(open_file(folder / "a.h5"), v2)
        for name in HDF5:
            yield case(f"hdf5 {name}", keys, f"{name}/", file[name].__getitem__)


def case(name: str, keys: KeySpace, prefix: str, read: Callable[[Any], np.ndarray[Any, Any]]) -> Case:
    places = list(itertools.product(range(4), repeat=2))
    turns, others = itertools.cycle(places), itertools.cycle(places)

    def chunk(place: tuple[int, ...]) -> Chunk:
        found = keys.resolve(f"{prefix}{place[0]}.{place[1]}")
        assert isinstance(found, Chunk)
        return found

    def ours() -> None:
        found = chunk(next(turns))
        before = found.revision()
        encode.encode(found)
        assert found.revision() == before

    compressor, _ = chunk((0, 0)).codec.v2()
    compress = numcodecs.get_codec(compressor).encode if compressor else np.ndarray.tobytes

    def rival() -> None:
        y, x = next(others)
        compress(np.ascontiguousarray(read((slice(y * 512, (y + 1) * 512), slice(x * 512, (x + 1) * 512)))))

    return Case(f"{name} as {chunk((0, 0)).codec}", ours, rival, time.process_time_ns)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for found in cases(Path(folder)):
            if all(word in found.name for word in sys.argv[1:]):
                print(measure(found), flush=True)


if __name__ == "__main__":
    main()
