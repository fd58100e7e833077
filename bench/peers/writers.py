"""Other programs that write a pyramid of an image: `python writers.py WRITER IMAGE.npy TARGET`.

Each writes OME-Zarr 0.5 or bare Zarr v3 with means of two by two, chunks of 512 x 512 in shards of
4096 x 4096, and Blosc lz4 where it lets one choose. It prints the seconds after the imports.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

CHUNK, SHARD, LEVELS = 512, 4096, 6


def with_dask(source: str, target: str) -> Callable[[], object]:
    import dask.array
    import zarr

    def write() -> None:
        group = zarr.create_group(target)
        level: Any = dask.array.from_array(np.load(source, mmap_mode="r"), chunks=SHARD)
        for number in range(LEVELS):
            edge = min(SHARD, level.shape[0])
            array = group.create_array(
                str(number),
                shape=level.shape,
                dtype=level.dtype,
                chunks=(CHUNK, CHUNK),
                shards=(edge, edge),
                compressors=zarr.codecs.BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"),
            )
            dask.array.store(level.rechunk(edge), array, lock=False)
            stored = dask.array.from_array(array, chunks=edge)
            mean = dask.array.coarsen(np.mean, stored, {0: 2, 1: 2})
            level = dask.array.floor(mean + 0.5).astype(level.dtype)

    return write


def with_ome_zarr(source: str, target: str) -> Callable[[], object]:
    import dask.array
    import zarr
    from ome_zarr.scale import Methods
    from ome_zarr.writer import write_image

    def write() -> None:
        codec = zarr.codecs.BloscCodec(cname="lz4", clevel=5, shuffle="shuffle")
        write_image(
            dask.array.from_array(np.load(source, mmap_mode="r"), chunks=SHARD),
            zarr.create_group(target),
            scale_factors=[1 << number for number in range(1, LEVELS)],
            method=Methods.LOCAL_MEAN,
            axes="yx",
            storage_options=[
                {"chunks": (CHUNK, CHUNK), "shards": (edge, edge), "compressors": [codec]}
                for edge in (max(CHUNK, min(SHARD, 16384 >> number)) for number in range(LEVELS))
            ],
        )

    return write


def with_ngff_zarr(source: str, target: str) -> Callable[[], object]:
    import dask.array
    import ngff_zarr

    def write() -> None:
        image = ngff_zarr.to_ngff_image(dask.array.from_array(np.load(source, mmap_mode="r"), chunks=CHUNK), dims=("y", "x"))
        made = ngff_zarr.to_multiscales(
            image, scale_factors=[1 << number for number in range(1, LEVELS)], method=ngff_zarr.Methods.DASK_BIN_SHRINK, chunks=CHUNK
        )
        ngff_zarr.to_ngff_zarr(target, made, version="0.5", chunks_per_shard=8)

    return write


WRITERS = {"dask+zarr": with_dask, "ome-zarr-py": with_ome_zarr, "ngff-zarr": with_ngff_zarr}


def main(writer: str, source: str, target: str) -> None:
    write = WRITERS[writer](source, target)
    began = time.perf_counter()
    write()
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
