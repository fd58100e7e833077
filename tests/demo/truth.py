"""The demo's nodes by path, and their values: reading a node is the truth about it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tiled_zarr.demo import tree
from tiled_zarr.nodes import Array, Group, Node, Region


def nodes(node: Node | None = None, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every node below `node` (the demo's root) and its path, parents first."""
    node = tree() if node is None else node
    yield path, node
    if isinstance(node, Group):
        for name, child in node.children.items():
            yield from nodes(child, f"{path}/{name}".lstrip("/"))


def leaves() -> dict[str, Array]:
    return {path: node for path, node in nodes() if isinstance(node, Array)}


def read(node: Array, region: Region | None = None) -> np.ndarray:
    """The values of a region, or of all."""
    region = tuple(slice(0, size) for size in node.shape) if region is None else region
    if not node.is_sparse:
        return node.read(region)
    dense = np.zeros(node.shape, node.dtype)
    coords, data = node.source.entries()
    np.add.at(dense, tuple(coords), data)
    return dense[region]
