"""Reads a tree back through zarr-python, in process, in both formats.

All that a server would send is put into a `MemoryStore` first. Sources may call zarr-python while
they are read, and would wait for its event loop if that loop were reading from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import product
from math import ceil
from typing import Any

import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from adapters.contract import Truth
from tiled_zarr import Group
from tiled_zarr.encoding.encode import encode
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import Chunk, KeySpace
from tiled_zarr.nodes import Node

DOCUMENTS = {2: (".zgroup", ".zarray", ".zattrs"), 3: ("zarr.json",)}


def check_read_back(node: Node, truth: Truth) -> None:
    """Every array of a tree, as zarr-python reads it, equals the truth."""
    buffer = default_buffer_prototype().buffer
    for format_, version in ((v2, 2), (v3, 3)):
        keyspace = KeySpace(Group(children={"root": node}), format_)
        sent = {key: buffer.from_bytes(body) for key, body in _sent(keyspace, version, "", {"root": truth})}
        check_same(zarr.open_group(MemoryStore(sent), mode="r", zarr_format=version)["root"], truth)


def check_same(read: Any, truth: Truth) -> None:
    if isinstance(truth, Mapping):
        assert isinstance(read, zarr.Group)
        for name, inner in truth.items():
            check_same(read[name], inner)
    else:
        assert read.shape == truth.shape
        np.testing.assert_array_equal(np.asarray(read[...]), truth)


def _sent(keyspace: KeySpace, version: int, path: str, truth: Truth) -> Iterator[tuple[str, bytes]]:
    """What is sent for the nodes at a path and below it, by key."""
    found = {name: body for name in DOCUMENTS[version] if (body := _body(keyspace, path + name)) is not None}
    assert found, path
    yield from ((path + name, body) for name, body in found.items())
    if isinstance(truth, Mapping):
        for name, inner in truth.items():
            yield from _sent(keyspace, version, f"{path}{name}/", inner)
    else:
        for key in _chunks(json.loads(found["zarr.json" if version == 3 else ".zarray"])):
            body = _body(keyspace, path + key)
            assert body is not None, path + key
            yield path + key, body


def _chunks(document: Any) -> Iterator[str]:
    """The keys of all chunks of an array."""
    is_v3 = document["zarr_format"] == 3
    sizes = document["chunk_grid"]["configuration"]["chunk_shape"] if is_v3 else document["chunks"]
    for index in product(*(range(ceil(length / size)) for length, size in zip(document["shape"], sizes, strict=True))):
        parts = map(str, index)
        yield "/".join(["c", *parts]) if is_v3 else document.get("dimension_separator", ".").join(parts) or "0"


def _body(keyspace: KeySpace, key: str) -> bytes | None:
    found = keyspace.resolve(key)
    if found is None:
        return None
    return encode(found) if isinstance(found, Chunk) else found.body()
