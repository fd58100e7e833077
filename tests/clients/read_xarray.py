"""Opens every group in xarray: `read_xarray.py URL MODULE:TREE FOLDER READERS [KEY]`.

Undecoded variables hold the source's bits. In decoded ones, booleans, integers and floats keep
their type and value, also zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import xarray

from clients import compare
from tiled_zarr import dtypes
from tiled_zarr.hierarchy.names import wire
from tiled_zarr.nodes import Array, Group, Node

DECODED = "biuf"
"""Kinds of types that xarray's decoding must leave alone."""


def check(base: str, version: int, path: str, node: Node, truth: compare.Truth) -> int:
    """Compare the variables of one group, each as it is and decoded."""
    if not isinstance(node, Group):
        return 0
    opened = partial(xarray.open_zarr, f"{base}/{path}".rstrip("/"), zarr_format=version, chunks=None)
    raw, decoded = opened(decode_cf=False), opened()
    arrays = {wire(name): child for name, child in node.children.items() if isinstance(child, Array)}
    if set(raw.variables) != set(arrays):
        raise compare.Difference(f"variables: expected {sorted(arrays)}, got {sorted(map(str, raw.variables))}")
    return sum(compare_variable(raw[name], decoded[name], child, truth) for name, child in arrays.items())


def compare_variable(raw: xarray.DataArray, decoded: xarray.DataArray, node: Array, truth: compare.Truth) -> int:
    chunk_shape = raw.encoding["chunks"]
    chunks = compare.check_array(node, chunk_shape, lambda region: raw[region].values, truth)
    is_plain = dtypes.wire(node.dtype).kind in DECODED and "units" not in node.attributes
    if is_plain and compare.nbytes(node) <= compare.WHOLE:
        compare.check_array(node, chunk_shape, lambda region: np.asarray(decoded[region].values), truth)
    return chunks


def readers(url: str, key: str | None) -> Mapping[str, Callable[[str, Node, compare.Truth], int]]:
    return {f"v{version} xarray": partial(check, f"{url}/zarr/v{version}", version) for version in (2, 3)}


if __name__ == "__main__":
    compare.main(readers)
