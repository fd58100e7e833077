"""Arrays as zarr-python stores them, and what a key space makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import zarr

from tiled_zarr import _native
from tiled_zarr.adapters.zarr import open_zarr
from tiled_zarr.encoding import encode
from tiled_zarr.hierarchy.keyspace import KeySpace
from tiled_zarr.hierarchy.metadata import Config
from tiled_zarr.nodes import Group, Node
from tiled_zarr.stores import KeySpaceStore

SHAPE, CHUNK = (300, 410), (128, 128)
"""More than one chunk can be served, chunks large enough to be kept, and edges on both axes."""
WHOLE = [(y, x) for y in range(2) for x in range(3)]
EDGES = [(2, 0), (2, 1), (2, 2), (2, 3), (0, 3), (1, 3)]
DATA = (np.arange(SHAPE[0])[:, None] * 7 + np.arange(SHAPE[1]) ** 2 // 3).astype("<i4")


def keyspace(source: Path | Node, format_: ModuleType, codec: str | None = None, chunk_shape: tuple[int, ...] | None = None) -> KeySpace:
    """The node of a folder as the child `a` of a root."""
    node = open_zarr(source) if isinstance(source, Path) else source
    return KeySpace(Group(children={"a": node}), format_, Config(codec=codec, chunk_shape=chunk_shape))


def key(index: tuple[int, ...], format_: ModuleType) -> str:
    """The key of a chunk of the array `a`."""
    parts = format_.SEPARATOR.join(map(str, index))
    return f"a/c/{parts}" if format_.NAME == "v3" else f"a/{parts}"


def opened(keys: KeySpace) -> Any:
    """The array `a` as zarr-python reads it from a key space."""
    return zarr.open_array(KeySpaceStore(keys), path="a", mode="r", zarr_format=2 if keys.format.NAME == "v2" else 3)


@contextmanager
def encodings() -> Iterator[mock.MagicMock]:
    """Counts what the native encoder is asked for."""
    with mock.patch.object(encode, "_native", wraps=_native) as native:
        native.encode = mock.Mock(wraps=_native.encode)
        native.encode_strings = mock.Mock(wraps=_native.encode_strings)
        yield native
