"""Reads every node with zarr-python 2.18 over fsspec.

read_zarr2.py URL MODULE:TREE FOLDER READERS [KEY]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import fsspec
import zarr
from fsspec.implementations.http import HTTPFileSystem

from clients import compare
from tiled_zarr.nodes import Node


def in_tree(text: str, path: str, node: Node, truth: compare.Truth) -> int:
    """What `root.tree()` prints shows the node's name."""
    if path.rpartition("/")[2] not in compare.unlinked(text):
        raise compare.Difference(f"{path} is not in the tree:\n{text}")
    return 0


def readers(url: str, key: str | None) -> Mapping[str, Callable[[str, Node, compare.Truth], int]]:
    base = f"{url}/zarr/v2"
    if key:
        headers = {"Authorization": f"Apikey {key}"}
        store = HTTPFileSystem(client_kwargs={"headers": headers}, skip_instance_cache=True).get_mapper(base)
        printed = fsspec.get_mapper(f"{compare.keyed(url, key)}/zarr/v2")
        return {
            "v2 header": partial(compare.check_zarr, zarr.open_group(store, mode="r")),
            "v2 path": partial(compare.check_zarr, zarr.open_group(printed, mode="r")),
        }
    mapper = fsspec.get_mapper(base)
    listed, consolidated = zarr.open_group(mapper, mode="r"), zarr.open_consolidated(mapper, mode="r")
    return {
        "v2 mapper": partial(compare.check_zarr, listed),
        "v2 consolidated": partial(compare.check_zarr, consolidated),
        "v2 tree": partial(in_tree, str(listed.tree())),
    }


if __name__ == "__main__":
    compare.main(readers)
