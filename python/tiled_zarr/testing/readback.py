"""Reads a tree back through zarr-python from an application, in Zarr v2 and v3.

All that the application answers is put into a `MemoryStore` first: a source may call zarr-python
while it is read, and would wait for its event loop if that loop were waiting for the source.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from itertools import product
from math import ceil
from types import MappingProxyType
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from .. import records
from ..hierarchy import names
from ..nodes import Group, Node
from .asking import Served

Truth: TypeAlias = "np.ndarray[Any, Any] | Mapping[str, Truth]"

Format: TypeAlias = Literal[2, 3]
DOCUMENTS: Mapping[Format, tuple[str, ...]] = MappingProxyType({2: (".zgroup", ".zarray", ".zattrs"), 3: ("zarr.json",)})
NAME = "tree"
"""The name of the node below the root that is served."""


def check_read_back(node: Node, truth: Truth) -> None:
    """Check that every array of a tree, as zarr-python reads it over HTTP, equals the truth."""
    with Served(Group({NAME: node})) as served:
        for version in DOCUMENTS:
            check_version(served, version, NAME, truth)


def check_version(served: Served, version: Format, path: str, truth: Truth) -> None:
    """The same of what lies at a path of an application, in one format of Zarr."""
    buffer, expected = default_buffer_prototype().buffer, spelled(truth, version)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of types that have no specification in Zarr v3 yet
        sent = {key: buffer.from_bytes(body) for key, body in sent_below(served, version, "", {path: expected})}
        check_same(zarr.open_group(MemoryStore(sent), mode="r", zarr_format=version)[path], expected)


def spelled(truth: Truth, version: Format) -> Truth:
    """The truth by the names of the wire; records that Zarr cannot have are groups of fields."""
    if isinstance(truth, Mapping):
        forbidden = names.FORBIDDEN_V2 if version == 2 else names.FORBIDDEN
        return {names.wire(name, forbidden): spelled(inner, version) for name, inner in truth.items()}
    if truth.dtype.names and not records.is_flat(truth.dtype):
        return spelled({name: truth[name] for name in truth.dtype.names}, version)
    return truth


def check_same(read: Any, truth: Truth) -> None:
    """Check that what zarr-python has read equals the truth."""
    if isinstance(truth, Mapping):
        assert isinstance(read, zarr.Group), read
        for name, inner in truth.items():
            check_same(read[name], inner)
        return
    assert isinstance(read, zarr.Array), read
    assert read.shape == truth.shape, read
    block = np.asarray(read[...])
    for name in truth.dtype.names or [...]:
        np.testing.assert_array_equal(block[name], truth[name], err_msg=str(read))


def sent_below(served: Served, version: Format, path: str, truth: Truth) -> Iterator[tuple[str, bytes]]:
    """What is sent for the nodes at a path and below it, by key."""
    found = {name: body for name in DOCUMENTS[version] if (body := body_of(served, version, path + name)) is not None}
    assert found, f"{path} has no document in Zarr v{version}"
    yield from ((path + name, body) for name, body in found.items())
    if isinstance(truth, Mapping):
        for name, inner in truth.items():
            yield from sent_below(served, version, f"{path}{name}/", inner)
    else:
        for key in chunk_keys(json.loads(found["zarr.json" if version == 3 else ".zarray"])):
            body = body_of(served, version, path + key)
            assert body is not None, f"{path}{key} is absent, which means fill values"
            yield path + key, body


def chunk_keys(document: Any) -> Iterator[str]:
    """The keys of all chunks of an array."""
    is_v3 = document["zarr_format"] == 3
    sizes = document["chunk_grid"]["configuration"]["chunk_shape"] if is_v3 else document["chunks"]
    for index in product(*(range(ceil(length / size)) for length, size in zip(document["shape"], sizes, strict=True))):
        parts = map(str, index)
        yield "/".join(["c", *parts]) if is_v3 else document.get("dimension_separator", ".").join(parts) or "0"


def body_of(served: Served, version: Format, key: str) -> bytes | None:
    """The body at a key, None if it is absent; any other answer but a 200 fails the test."""
    answer = served.get(f"/zarr/v{version}/{quote(key)}")
    if answer.status == 404:
        return None
    assert answer.status == 200, f"v{version} {key}: {answer.status} {answer.body.decode(errors='replace')}"
    return answer.body
