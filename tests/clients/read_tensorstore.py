"""Reads every array that it can with tensorstore, and must refuse the others: `python read_tensorstore.py URL MODULE:TREE FOLDER [KEY]`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

import numpy as np
import tensorstore

from clients import compare
from tiled_zarr import dtypes
from tiled_zarr.nodes import Array, Node, Sparse

NUMBERS = "biufc"
Spec = dict[str, Any]


def check(base: str, driver: str, path: str, node: Node, truth: compare.Truth) -> int:
    """Compare one array, or see that it is refused where tensorstore has no such type."""
    if not isinstance(node, Array | Sparse):
        return 0
    spec = {"driver": driver, "kvstore": {"driver": "http", "base_url": f"{base}/{quote(path)}/"}}
    dtype = dtypes.wire(node.dtype)
    if dtype.kind in NUMBERS:
        return check_open(spec, node, truth)
    if driver == "zarr" and dtype.names and all(dtype[name].kind in NUMBERS for name in dtype.names):
        return check_fields(spec, node, truth)
    return refused(spec)


def check_open(spec: Spec, node: Array | Sparse, truth: compare.Truth) -> int:
    store = tensorstore.open(spec, open=True, read=True).result()
    return compare.check_array(node, store.chunk_layout.read_chunk.shape, lambda region: np.asarray(store[region]), truth)


def check_fields(spec: Spec, node: Array | Sparse, truth: compare.Truth) -> int:
    """Fields of a structured type are opened one by one."""
    dtype = dtypes.wire(node.dtype)
    stores = {name: tensorstore.open({**spec, "field": name}, open=True, read=True).result() for name in dtype.names or ()}

    def read(region: tuple[slice, ...]) -> np.ndarray[Any, Any]:
        fields = {name: np.asarray(store[region]) for name, store in stores.items()}
        block = np.empty(next(iter(fields.values())).shape, dtype)
        for name, values in fields.items():
            block[name] = values
        return block

    chunk_shape = next(iter(stores.values())).chunk_layout.read_chunk.shape
    return compare.check_array(node, chunk_shape[: len(node.shape)], read, truth)


def refused(spec: Spec) -> int:
    try:
        tensorstore.open(spec, open=True, read=True).result()
    except (ValueError, NotImplementedError):
        return 0
    raise compare.Difference("tensorstore can read this type by now: compare it")


def readers(url: str, key: str | None) -> Mapping[str, Callable[[str, Node, compare.Truth], int]]:
    return {
        "v2 tensorstore": partial(check, f"{url}/zarr/v2", "zarr"),
        "v3 tensorstore": partial(check, f"{url}/zarr/v3", "zarr3"),
    }


if __name__ == "__main__":
    compare.main(readers)
