"""TIFF files, OME-TIFF and ImageJ stacks among them: each series of pages is an array.

https://www.awaresystems.be/imaging/tiff/specification/TIFF6.pdf
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..nodes import Array, Damaged, Group, Node, Region, Unavailable
from ._decoded import DECODED
from ._extras import require
from ._flat import FlatArray
from ._snapshots import Snapshot
from ._tiffmetadata import attributes
from ._tiffpages import Pages
from .common.tiffpromises import shortfall

KIND = "a TIFF file"
OF_ONE_FILE = {"_multifile": False, "is_ndtiff": False, "is_mmstack": False}
"""Flags by which tifffile looks at no other file than the one given; a set of files would have no revision, and may lead anywhere."""


def open_tiff(path: Path) -> Node:
    """The array of a file with one series of pages, or the group of its series. Reads the headers of all pages."""
    tifffile = require("tifffile", "tiff")
    snapshot = Snapshot.of(path)
    with snapshot.read_as(KIND) as readable, tifffile.TiffFile(readable, **OF_ONE_FILE) as file:
        snapshot.check(file.filehandle.fileno())  # it has opened the real path anew
        series = file.series
        if len(series) == 0:
            raise Damaged(f"{path.name!r} is a TIFF file without an image; write it again, or restore it from a copy")
        missing = shortfall(file)
        named = {"tiled_zarr": missing} if missing else {}
        if len(series) == 1:
            return _array(snapshot, 0, series[0], attributes(file, 0) | named)
        nodes = Series()
        for number, name in enumerate(_names(series)):
            nodes.add(name, partial(_array, snapshot, number, series[number]), partial(attributes, file, number))
    return Group(children=nodes, attributes=named, unavailable=lambda: nodes.unavailable, revision=snapshot.revision, assembled=False)


class Series(dict[str, Node]):
    """The arrays of a file's series by name; those that cannot be read are no members, and asking for one raises Damaged."""

    def __init__(self) -> None:
        self.unavailable: dict[str, str] = {}
        self._damaged: set[str] = set()

    def add(self, name: str, make: Callable[[dict[str, Any]], Node], attributes: Callable[[], dict[str, Any]]) -> None:
        """Open a series, or note why it cannot be."""
        try:
            self[name] = make(attributes())
        except Unavailable as error:
            self.unavailable[name] = str(error)
        except (Damaged, ValueError, NotImplementedError) as error:
            kind = "" if isinstance(error, Damaged) else "it is damaged, or of a kind that tifffile does not read: "
            self.unavailable[name] = f"{kind}{error}"
            self._damaged.add(name)

    def __missing__(self, name: str) -> Node:
        if name in self._damaged:
            raise Damaged(self.unavailable[name])
        raise KeyError(name)


def _names(series: Any) -> list[str]:
    """The names of series where each has one of its own, else their numbers."""
    names = [one.name for one in series]
    are_good = all(names) and len(set(names)) == len(names)
    return names if are_good else [str(number) for number in range(len(names))]


def _array(snapshot: Snapshot, number: int, series: Any, attributes: dict[str, Any]) -> Array:
    """A series at its full resolution; `series.levels[1:]` are smaller copies of it."""
    if not (series.keyframe.imagewidth and series.keyframe.imagelength):
        raise Damaged(f"{Path(snapshot.path).name!r} has a page without a size; write it again, or restore it from a copy")
    if series.dtype is None or series.keyframe.dtype is None:
        raise Unavailable("an image of a sample format that tifffile does not know")
    chunks = read_stepped = None
    if series.dataoffset is not None:
        source = FlatArray(snapshot, series.dataoffset, series.shape, series.dtype.newbyteorder(series.keyframe.parent.byteorder))
        dtype, read, read_stepped = source.dtype, source.read, source.read_stepped
    else:
        pages = Pages(snapshot, series, is_short="tiled_zarr" in attributes)
        if pages.are_plain:
            dtype, read, chunks = pages.dtype, pages.read, pages.chunks
        else:
            dtype, read = series.dtype, partial(_read_whole, snapshot, number, 2 * math.prod(series.shape) * series.dtype.itemsize)
    return Array(
        shape=series.shape,
        dtype=dtype,
        read=read,
        chunks=chunks,
        dimension_names=_dimension_names(series.axes),
        attributes=attributes,
        revision=snapshot.revision,
        read_stepped=read_stepped,
        levels=tuple(_level(snapshot, level) for level in series.levels[1:] if Pages(snapshot, level).are_plain),
    )


def _level(snapshot: Snapshot, series: Any) -> Array:
    """A smaller copy of a series, stored beside it."""
    pages = Pages(snapshot, series)
    return Array(shape=series.shape, dtype=pages.dtype, read=pages.read, chunks=pages.chunks, revision=snapshot.revision)


def _read_whole(snapshot: Snapshot, number: int, nbytes: int, region: Region) -> np.ndarray[Any, Any]:
    """A region of a series that only tifffile can put together."""
    tifffile = require("tifffile", "tiff")

    def decode() -> np.ndarray[Any, Any]:
        with snapshot.read_as(KIND) as path, tifffile.TiffFile(path, **OF_ONE_FILE) as file:
            snapshot.check(file.filehandle.fileno())
            if any(page is None for page in file.series[number]):
                raise Damaged("pages of the series are missing in the file; restore it from a copy")
            return np.array(file.series[number].asarray())

    return DECODED.get(snapshot, ("series", number), decode, nbytes)[region]


def _dimension_names(axes: str) -> tuple[str | None, ...]:
    """The letters of tifffile in lower case (y, x, s for samples, ...); Q means unknown."""
    letters = Counter(axes)
    return tuple(letter.lower() if letters[letter] == 1 and letter != "Q" else None for letter in axes)
