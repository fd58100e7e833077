"""TIFF files, OME-TIFF and ImageJ stacks among them: each series of pages is an array.

https://www.awaresystems.be/imaging/tiff/specification/TIFF6.pdf
"""

from __future__ import annotations

import math
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..nodes import Array, Group, Node, Region, Unavailable
from ._decoded import DECODED
from ._extras import require
from ._flat import FlatArray
from ._snapshots import Snapshot
from ._tiffmetadata import attributes
from ._tiffpages import Pages

OF_ONE_FILE = {"_multifile": False, "is_ndtiff": False, "is_mmstack": False}
"""Flags by which tifffile looks at no other file than the one given; a set of files would have no revision, and may lead anywhere."""


def open_tiff(path: Path) -> Node:
    """The array of a file with one series of pages, or the group of its series. Reads the headers of all pages."""
    tifffile = require("tifffile", "tiff")
    snapshot = Snapshot.of(path)
    with snapshot.unchanged(), tifffile.TiffFile(path, **OF_ONE_FILE) as file:
        series = file.series
        if len(series) == 1:
            return _array(snapshot, 0, series[0], attributes(file, 0))
        nodes: dict[str, Node] = {}
        bad: dict[str, str] = {}
        for number, name in enumerate(_names(series)):
            try:
                nodes[name] = _array(snapshot, number, series[number], attributes(file, number))
            except (Unavailable, ValueError, NotImplementedError) as error:
                bad[name] = str(error)
    return Group(children=nodes, unavailable=lambda: bad, revision=snapshot.revision, assembled=False)


def _names(series: Any) -> list[str]:
    """The names of series where each has one of its own, else their numbers."""
    names = [one.name for one in series]
    are_good = all(names) and len(set(names)) == len(names)
    return names if are_good else [str(number) for number in range(len(names))]


def _array(snapshot: Snapshot, number: int, series: Any, attributes: dict[str, Any]) -> Array:
    """A series at its full resolution; `series.levels[1:]` are smaller copies of it."""
    if series.dtype is None or series.keyframe.dtype is None:
        raise Unavailable("an image of a sample format that tifffile does not know")
    chunks = read_stepped = None
    if series.dataoffset is not None:
        source = FlatArray(snapshot, series.dataoffset, series.shape, series.dtype.newbyteorder(series.keyframe.parent.byteorder))
        dtype, read, read_stepped = source.dtype, source.read, source.read_stepped
    else:
        pages = Pages(snapshot, series)
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
        with snapshot.unchanged(), tifffile.TiffFile(snapshot.path, **OF_ONE_FILE) as file:
            if any(page is None for page in file.series[number]):
                raise OSError("pages of the series are missing in the file")
            return np.array(file.series[number].asarray())

    return DECODED.get(snapshot, ("series", number), decode, nbytes)[region]


def _dimension_names(axes: str) -> tuple[str | None, ...]:
    """The letters of tifffile in lower case (y, x, s for samples, ...); Q means unknown."""
    letters = Counter(axes)
    return tuple(letter.lower() if letters[letter] == 1 and letter != "Q" else None for letter in axes)
