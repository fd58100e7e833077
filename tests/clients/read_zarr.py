"""Reads every node with zarr-python 3, over every store that it offers for HTTP.

read_zarr.py URL MODULE:TREE FOLDER READERS [KEY]
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any

import fsspec
import zarr
from fsspec.implementations.http import HTTPFileSystem
from zarr.storage import FsspecStore

from clients import compare
from tiled_zarr.nodes import Array, Node

TWICE_ESCAPED = re.compile(r"[^\x00-\x7d]")

warnings.filterwarnings("ignore", category=UserWarning)


def with_zarrs(root: zarr.Group, path: str, node: Node, truth: compare.Truth) -> int:
    """The same, decoded by the Rust crate zarrs, which also reads the chunks if it can."""
    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
        return compare.check_zarr(root, path, node, truth)


def with_zarrs_over_obstore(root: zarr.Group, path: str, node: Node, truth: compare.Truth) -> int:
    """The same over obstore, without the names that zarrs cannot request.

    zarrs 0.2 escapes these characters twice in its requests to obstore, and reads the 404 as zeros.
    """
    if TWICE_ESCAPED.search(path) and isinstance(node, Array):
        return 0
    return with_zarrs(root, path, node, truth)


def filesystem(key: str | None) -> HTTPFileSystem:
    headers = {"Authorization": f"Apikey {key}"} if key else {}
    return HTTPFileSystem(asynchronous=True, client_kwargs={"headers": headers}, skip_instance_cache=True)


def open_all(url: str, key: str | None) -> dict[str, zarr.Group]:
    """The root group of each format through each store."""
    roots = {}
    for version in (2, 3):
        base, group = f"{url}/zarr/v{version}", partial(zarr.open_group, mode="r", zarr_format=version)
        if key:
            roots[f"v{version} header"] = group(FsspecStore(filesystem(key), path=base, read_only=True))
            continue
        roots[f"v{version} mapper"] = group(fsspec.get_mapper(base))
        roots[f"v{version} fsspec"] = group(FsspecStore.from_url(base, read_only=True))
        roots[f"v{version} listing"] = group(FsspecStore.from_url(base, read_only=True), use_consolidated=False)
        if find_spec("obstore"):
            roots[f"v{version} obstore"] = group(object_store(base))
    return roots


def object_store(base: str) -> Any:
    from obstore.store import HTTPStore
    from zarr.storage import ObjectStore

    return ObjectStore(HTTPStore.from_url(base, client_options={"allow_http": True}), read_only=True)


def readers(url: str, key: str | None) -> Mapping[str, Callable[[str, Node, compare.Truth], int]]:
    roots = open_all(url, key)
    plain = {name: partial(compare.check_zarr, root) for name, root in roots.items()}
    if not find_spec("zarrs"):
        return plain
    checks = {"fsspec": with_zarrs, "obstore": with_zarrs_over_obstore}
    native = {name: checks.get(name.partition(" ")[2]) for name in roots}
    return plain | {f"{name} zarrs": partial(check, roots[name]) for name, check in native.items() if check}


if __name__ == "__main__":
    compare.main(readers)
