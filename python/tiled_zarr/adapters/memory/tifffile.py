"""Open files, series and pages of tifffile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...nodes import Damaged, Group, Node, Unavailable
from ...resources import Resources
from ..common.children import Children
from ..registry import adapt, file_adapter

ANY = Path("any.tif")
"""A name that has the adapter of TIFF files."""


def adapt_file(source: Any, resources: Resources | None = None) -> Node:
    """The node of the file, if it is one on disk, else the array or the group of its series."""
    handle = source.filehandle
    if handle.closed:
        raise Damaged("the TIFF file is closed; open it again")
    opener, path = file_adapter(ANY), Path(handle.path)
    is_whole = handle.is_file and path.is_file() and path.stat().st_size == handle.size
    if opener is not None and is_whole:
        return opener(path, resources)
    series = source.series
    if len(series) == 1:
        return adapt_series(series[0], resources)
    names = {str(number): one for number, one in enumerate(series)}
    return Group(Children(names, lambda name: adapt_series(names[name], resources), resources), blocking=True, kind="source")


def adapt_series(source: Any, resources: Resources | None = None) -> Node:
    """A series or a page, through the store of Zarr that tifffile makes of it.

    Raises Unavailable for what has no image.
    """
    try:
        store = source.aszarr(level=0) if hasattr(source, "levels") else source.aszarr()
    except (ValueError, NotImplementedError) as error:
        raise Unavailable(f"tifffile cannot read it in parts: {error}") from error
    return adapt(store, resources=resources)
