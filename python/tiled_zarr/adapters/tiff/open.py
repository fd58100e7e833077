"""TIFF files, OME-TIFF and ImageJ stacks among them: each series of pages is an array.

https://www.awaresystems.be/imaging/tiff/specification/TIFF6.pdf
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from ...attributes import OURS, merged
from ...nodes import NO_OPTIONS, Array, Damaged, Group, Node, Options, Region, Unavailable
from ..common import fences
from ..common.decoded import DECODED
from ..common.extras import require
from ..common.flat import FlatArray
from ..common.snapshot import Snapshot
from . import omexml
from .attributes import attributes
from .filesets import FileSet, first_file
from .pages import Pages
from .promises import check_segments, missing_pages, shortfall

KIND = "a TIFF file"
OF_ONE_FILE = {"_multifile": False, "is_ndtiff": False, "is_mmstack": False}
"""Flags by which tifffile looks at no other file than the one given: another one may lead anywhere, and would not count in the revision."""
WITHOUT_OME = {"is_ome": False}
EDGE = 512
"""Rows and columns of a chunk where some pages are missing."""
OME_IS_BAD = "it cannot be read: axes, names and sizes of pixels are those that the TIFF file has without it"


def open_tiff(path: Path) -> Node:
    """The array of a file with one series of pages, or the group of its series. Reads the headers of all pages.

    A set of OME-TIFF files is one image, whichever of its files is opened. In a folder that is served it is that of the first file, and
    the others raise Unavailable. Without its OME-XML, if that is bad, a file is a plain TIFF file.
    """
    alone = FileSet.alone(Snapshot.of(path))
    with _opened(alone) as file:
        xml = file.ome_metadata or ""
        if not xml:
            return _node(alone, file)
    shown_by = first_file(alone.snapshot, xml, _names_in) if fences.in_force() else None
    if shown_by is not None:
        raise Unavailable(f"a part of the OME-TIFF set that {shown_by!r} shows whole")
    try:
        omexml.check_planes(xml)
        files = FileSet.described(alone.snapshot, xml)
        with _opened(files) as file:
            return _node(files, file)
    except (Damaged, Unavailable):
        with _opened(alone, **WITHOUT_OME) as file:
            return _node(alone, file, ome_xml=OME_IS_BAD)


def _node(files: FileSet, file: Any, **said: str) -> Node:
    """The node of an open file."""
    series = file.series
    if len(series) == 0:
        raise Damaged(f"{Path(files.snapshot.path).name!r} is a TIFF file without an image; write it again, or restore it from a copy")
    named = missing_pages(files, series) if files.xml else shortfall(file)
    ours = {OURS: named | said} if named or said else {}
    is_short = bool(named)
    if len(series) == 1:
        return _array(files, 0, series[0], merged(attributes(file, 0), ours), is_short=is_short)
    nodes = Series()
    for number, name in enumerate(_names(series)):
        nodes.add(name, partial(_array, files, number, series[number], is_short=is_short), partial(attributes, file, number))
    return Group(children=nodes, attributes=ours, unavailable=lambda: nodes.unavailable, revision=files.revision, assembled=False)


@contextmanager
def _opened(files: FileSet, **options: bool) -> Iterator[Any]:
    """What tifffile makes of a file, and of all files of a set; each must stay the same until the block is left."""
    tifffile = require("tifffile", "tiff")
    flags = OF_ONE_FILE | options | ({"_multifile": True, "omexml": files.xml} if files.xml else {})
    with files.snapshot.read_as(KIND) as readable, tifffile.TiffFile(readable, **flags) as file:
        files.snapshot.check(file.filehandle.fileno())  # it has opened the real path anew
        yield file
        files.check()


@lru_cache(64)
def _names_in(snapshot: Snapshot) -> tuple[str, ...]:
    """The names of files in the OME-XML of a file; none if it cannot be read."""
    try:
        with _opened(FileSet.alone(snapshot)) as file:
            return omexml.files(file.ome_metadata or "")
    except (OSError, Unavailable):
        return ()


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


def _array(files: FileSet, number: int, series: Any, attributes: dict[str, Any], *, is_short: bool) -> Array:
    """A series at its full resolution; `series.levels[1:]` are smaller copies of it."""
    if not (series.keyframe.imagewidth and series.keyframe.imagelength):
        raise Damaged(f"{Path(files.snapshot.path).name!r} has a page without a size; write it again, or restore it from a copy")
    if series.dtype is None or series.keyframe.dtype is None:
        raise Damaged("an image of a sample format that tifffile does not know: it is damaged, or convert it to integers or floats")
    check_segments(series)
    chunks = read_stepped = region_revision = None
    if series.dataoffset is not None and not files.xml:
        item = series.dtype.newbyteorder(series.keyframe.parent.byteorder)
        source = FlatArray(files.snapshot, series.dataoffset, series.shape, item)
        dtype, read, read_stepped = source.dtype, source.read, source.read_stepped
    else:
        pages = Pages(files, series, is_short=is_short)
        if pages.are_plain:
            dtype, read, chunks = pages.dtype, pages.read, pages.chunks
            region_revision = pages.region_revision if files.xml else None
        else:
            dtype, read = series.dtype, partial(_read_whole, files, number, 2 * math.prod(series.shape) * series.dtype.itemsize)
    return Array(
        shape=series.shape,
        dtype=dtype,
        read=read,
        chunks=chunks,
        dimension_names=_dimension_names(series.axes),
        attributes=attributes,
        revision=files.revision,
        region_revision=region_revision,
        options=Options(chunk_shape=_of_one_page(series)) if is_short else NO_OPTIONS,
        read_stepped=read_stepped,
        levels=tuple(_level(files, level) for level in series.levels[1:] if Pages(files, level).are_plain),
    )


def _of_one_page(series: Any) -> tuple[int, ...]:
    """A chunk shape that holds no more than one page: a page that is missing then takes no other along."""
    return tuple(
        min(size, EDGE) if letter in "YX" else size if letter == "S" else 1 for letter, size in zip(series.axes, series.shape, strict=True)
    )


def _level(files: FileSet, series: Any) -> Array:
    """A smaller copy of a series, stored beside it."""
    pages = Pages(files, series)
    return Array(shape=series.shape, dtype=pages.dtype, read=pages.read, chunks=pages.chunks, revision=files.revision)


def _read_whole(files: FileSet, number: int, nbytes: int, region: Region) -> np.ndarray[Any, Any]:
    """A region of a series that only tifffile can put together."""

    def decode() -> np.ndarray[Any, Any]:
        with _opened(files) as file:
            if any(page is None for page in file.series[number]):
                raise Damaged("pages of the series are missing in the file; restore it from a copy")
            return np.array(file.series[number].asarray())

    files.check()
    return DECODED.get(files.snapshot, ("series", number, files.taken), decode, nbytes)[region]


def _dimension_names(axes: str) -> tuple[str | None, ...]:
    """The letters of tifffile in lower case (y, x, s for samples, ...); Q means unknown."""
    letters = Counter(axes)
    return tuple(letter.lower() if letters[letter] == 1 and letter != "Q" else None for letter in axes)
