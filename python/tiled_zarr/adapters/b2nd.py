"""Arrays in Blosc2's own format, `.b2nd`: a file (contiguous frame) or a folder (sparse frame).

https://github.com/Blosc/c-blosc2/blob/main/README_B2ND_METALAYER.rst
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..nodes import Array, Region, Unavailable
from ._snapshots import Snapshot
from ._stores import FRAME

KIND = "a Blosc2 array"
CODE = ("LazyArray", "b2o", "proxy-source")
"""Metalayers of files that are not data but tell what to compute or where to fetch it."""


def open_b2nd(path: Path) -> Array:
    """The array in a `.b2nd` file or folder."""
    snapshot = Snapshot.of(path / FRAME if path.is_dir() else path)
    with snapshot.failures_as(KIND), snapshot.unchanged():
        source = _open(path)
        attributes = {name: _metadata(source.vlmeta.get_vlmeta(name)) for name in source.vlmeta}
    return Array(
        shape=tuple(source.shape),
        dtype=np.dtype(source.dtype),
        read=partial(_read, path, snapshot),
        chunks=tuple(source.chunks) if 0 not in source.chunks else None,
        attributes=attributes,
        revision=snapshot.revision,
    )


def _open(path: Path) -> Any:
    """The array, opened without `blosc2.open`, which in some releases runs code that a file brings along."""
    from blosc2 import NDArray, blosc2_ext

    source = blosc2_ext.open(os.fspath(path), "r", 0)
    if not isinstance(source, NDArray):
        raise Unavailable("a Blosc2 frame that is no array")
    if code := [name for name in CODE if name in source.schunk.meta]:
        raise Unavailable(f"a Blosc2 file of the kind {code[0]!r}, which is no data but tells what to compute; save its result instead")
    return source


def _metadata(packed: bytes) -> Any:
    """A variable-length metalayer; unpacked without Blosc2's own types, some of which hold code."""
    import msgpack  # type: ignore[import-untyped]  # it has no stubs

    return msgpack.unpackb(packed, strict_map_key=False, ext_hook=lambda code, _: f"a value of the extension type {code}")


def _read(path: Path, snapshot: Snapshot, region: Region) -> np.ndarray[Any, Any]:
    """A region; the array is opened for each, since one object is not for several threads."""
    with snapshot.failures_as(KIND), snapshot.unchanged():
        return np.asarray(_open(path)[region])
