"""Reads every array with `dask.array.from_zarr`.

read_dask.py URL MODULE:TREE FOLDER READERS [KEY]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import dask
import dask.array
import zarr

from clients import compare
from tiled_zarr.nodes import Array, Node


def check(base: str, version: int, path: str, node: Node, truth: compare.Truth) -> int:
    """Compare one array; a group has nothing that dask could read."""
    if not isinstance(node, Array):
        return 0
    lazy = dask.array.from_zarr(zarr.open_array(f"{base}/{path}", mode="r", zarr_format=version))
    chunk_shape = tuple(max(1, size) for size in lazy.chunksize)
    return compare.check_array(node, chunk_shape, lambda region: lazy[region].compute(scheduler="threads"), truth)


def readers(url: str, key: str | None) -> Mapping[str, Callable[[str, Node, compare.Truth], int]]:
    dask.config.set({"array.chunk-size": "1MiB"})
    return {f"v{version} dask": partial(check, f"{compare.keyed(url, key)}/zarr/v{version}", version) for version in (2, 3)}


if __name__ == "__main__":
    compare.main(readers)
