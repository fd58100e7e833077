"""What our own adapters make of an asset, where they read the same values as Tiled's.

They decode without the libraries' overhead, know the revision of a part of a store, and can send
stored chunks as they are. They are used for a data source that is one local file or folder, of a
format that is listed here, opened by Tiled's own adapter with parameters that we know; and then for
each array with the type of items and the shape that Tiled gives. Tiled serves the beginning of an
array that has grown since, and so do we.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from tiled.mimetypes import DEFAULT_ADAPTERS_BY_MIMETYPE, ZARR_MIMETYPE

from ...adapters.registry import file_adapter, watched
from ...nodes import Array, Group, Node
from ...resources import Resources
from .assets import local_path
from .rows import Row

log = logging.getLogger(__name__)


class Format(NamedTuple):
    """A suffix that our adapter of a format has, and parameters of Tiled's that change no value.

    `is_cropped` says that Tiled serves the beginning of a larger array along every axis, and not
    along the first one alone.
    """

    suffix: str
    harmless: frozenset[str] = frozenset()
    is_cropped: bool = False


HDF5 = "application/x-hdf5"
DATASET = "dataset"
FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        HDF5: Format(".h5", frozenset({DATASET, "swmr", "libver", "locking"})),
        ZARR_MIMETYPE: Format(".zarr", is_cropped=True),
        "application/x-npy": Format(".npy"),
        "image/tiff": Format(".tif"),
    }
)


def opened(row: Row, adapters: Mapping[str, Any], resources: Resources) -> Node | None:
    """Our node of a data source; None if our adapter may not or cannot read it.

    `adapters` are the classes of Tiled's adapters that the catalog uses, by media type.
    """
    path = _path(row, adapters)
    if path is None or row.source is None:
        return None
    try:
        return _opened(path, FORMATS[row.source[1]], row.source[2] or {}, resources)
    except Exception as error:  # noqa: BLE001 - Tiled's adapter may still read it, or says what is wrong
        log.debug("%s is read by Tiled's adapter: %s", path, error)
        return None


def load() -> None:
    """Import our adapters, which else the first request does."""
    for known in FORMATS.values():
        file_adapter(Path(f"a{known.suffix}"))


def is_store(row: Row, adapters: Mapping[str, Any]) -> bool:
    """True if our tree stands for a whole container: a Zarr group, which tells what is written to it."""
    return row.family == "container" and row.source is not None and row.source[1] == ZARR_MIMETYPE and _path(row, adapters) is not None


def agreed(theirs: Array, ours: Array, row: Row) -> bool:
    """Whether our array has the values of Tiled's: of the same type, and of its shape or larger."""
    shape, larger = theirs.shape, ours.shape
    if theirs.is_sparse or ours.is_sparse or theirs.dtype != ours.dtype or len(shape) != len(larger):
        return False
    assert row.source is not None
    is_cropped = FORMATS[row.source[1]].is_cropped
    return all(
        mine == size or (mine > size and (is_cropped or axis == 0)) for axis, (size, mine) in enumerate(zip(shape, larger, strict=True))
    )


def _path(row: Row, adapters: Mapping[str, Any]) -> Path | None:
    """The path of the one local asset of a data source that our adapters may read."""
    if row.source is None or len(row.assets) != 1:
        return None
    _, kind, parameters, _ = row.source
    known = FORMATS.get(kind)
    if known is None or adapters.get(kind) is not DEFAULT_ADAPTERS_BY_MIMETYPE.get(kind):
        return None
    if any(value for name, value in (parameters or {}).items() if name not in known.harmless):
        return None
    return local_path(row.assets[0])


def _opened(path: Path, known: Format, parameters: Mapping[str, Any], resources: Resources) -> Node:
    adapter = file_adapter(Path(f"a{known.suffix}"))
    assert adapter is not None
    node = adapter(path, resources)
    for name in filter(None, str(parameters.get(DATASET) or "").split("/")):
        assert isinstance(node, Group)
        node = node.children[name]
    return watched(node, path)
