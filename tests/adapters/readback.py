"""Reads a tree back through zarr-python, in process, in both formats."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import zarr

from adapters.contract import Truth
from stores import BlockingStore
from tiled_zarr import Group
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.nodes import Node


def check_read_back(node: Node, truth: Truth) -> None:
    """Every array of a tree, as zarr-python reads it, equals the truth."""
    for format_, version in ((v2, 2), (v3, 3)):
        store = BlockingStore(KeySpace(Group(children={"root": node}), format_))
        check_same(zarr.open_group(store, mode="r", zarr_format=version)["root"], truth)


def check_same(read: zarr.Group | zarr.Array, truth: Truth) -> None:
    if isinstance(truth, Mapping):
        assert isinstance(read, zarr.Group)
        assert set(read.keys()) == set(truth)
        for name, inner in truth.items():
            check_same(read[name], inner)
    else:
        assert read.shape == truth.shape
        np.testing.assert_array_equal(np.asarray(read[...]), truth)
