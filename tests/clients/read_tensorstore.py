"""Reads every array that tensorstore can read, and checks that it refuses the others.

read_tensorstore.py URL MODULE:TREE FOLDER READERS [KEY]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

import numpy as np
import tensorstore

from clients import compare
from tiled_zarr import dtypes
from tiled_zarr.nodes import Array, Node, Region

NUMBERS = "biufc"
UNREGISTERED = re.compile(r"^lz4\b|^lz4_|crc32c")
"""Groups of every_codec whose compressor tensorstore does not know in v2."""
Spec = dict[str, Any]


def check(base: str, driver: str, path: str, node: Node, truth: compare.Truth) -> int:
    """Compare one array, or check that tensorstore refuses it if it has no such type."""
    if not isinstance(node, Array):
        return 0
    spec = {"driver": driver, "kvstore": {"driver": "http", "base_url": f"{base}/{quote(path)}/"}}
    dtype = dtypes.wire(node.dtype)
    if driver == "zarr" and UNREGISTERED.search(path):
        return refused(spec)
    if dtype.kind in NUMBERS or (dtype.kind == "S" and driver == "zarr"):
        return check_open(spec, node, truth)
    if driver == "zarr" and dtype.names and all(dtype[name].kind in NUMBERS for name in dtype.names):
        return check_fields(spec, node, truth)
    return refused(spec)


def check_open(spec: Spec, node: Array, truth: compare.Truth) -> int:
    store = tensorstore.open(spec, open=True, read=True).result()
    dtype = dtypes.wire(node.dtype)

    def read(region: Region) -> np.ndarray[Any, Any]:
        return characters(store[region], dtype) if dtype.kind == "S" else np.asarray(store[region])

    return compare.check_array(node, chunk_shape(store, node), read, truth)


def characters(block: tensorstore.TensorStore, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Bytes, which tensorstore gives as characters along one more axis.

    The items of its numpy arrays of characters have no size, so we let it write them into an
    uncompressed chunk, and read that.
    """
    shape = block.shape[:-1]
    metadata = {"shape": shape, "chunks": shape, "dtype": dtype.str, "compressor": None}
    copy = tensorstore.open({"driver": "zarr", "kvstore": "memory://", "metadata": metadata}, create=True, delete_existing=True).result()
    copy.write(block.translate_to[0]).result()
    chunk = copy.kvstore.read(".".join("0" for _ in shape)).result().value
    return np.frombuffer(chunk, dtype).reshape(shape)


def chunk_shape(store: tensorstore.TensorStore, node: Array) -> tuple[int, ...]:
    return tuple(store.chunk_layout.read_chunk.shape or ())[: len(node.shape)]


def check_fields(spec: Spec, node: Array, truth: compare.Truth) -> int:
    """Fields of a structured type are opened one by one."""
    dtype = dtypes.wire(node.dtype)
    stores = {name: tensorstore.open({**spec, "field": name}, open=True, read=True).result() for name in dtype.names or ()}

    def read(region: Region) -> np.ndarray[Any, Any]:
        fields = {name: np.asarray(store[region]) for name, store in stores.items()}
        block = np.empty(next(iter(fields.values())).shape, dtype)
        for name, values in fields.items():
            block[name] = values
        return block

    return compare.check_array(node, chunk_shape(next(iter(stores.values())), node), read, truth)


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
