"""Reads every array with `dask.array.from_zarr`: `python read_dask.py URL MODULE:TREE KEY`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import compare
import dask
import dask.array
import zarr

from tiled_zarr.nodes import Array, Node, Sparse


def check(base: str, version: int, path: str, node: Node, truth: compare.Truth) -> int:
    """Compare one array; a group has nothing that dask could read."""
    if not isinstance(node, Array | Sparse):
        return 0
    lazy = dask.array.from_zarr(zarr.open_array(f"{base}/{path}", mode="r", zarr_format=version))
    return compare.check_array(node, lazy.chunksize, lambda region: lazy[region].compute(scheduler="threads"), truth)


def readers(url: str, key: str | None) -> Mapping[str, Callable[[str, Node, compare.Truth], int]]:
    dask.config.set({"array.chunk-size": "1MiB"})
    return {f"v{version} dask": partial(check, f"{url}/zarr/v{version}", version) for version in (2, 3)}


if __name__ == "__main__":
    compare.main(readers)
