"""TIFF files, including OME-TIFF and ImageJ stacks: each series of pages is an array.

https://www.awaresystems.be/imaging/tiff/specification/TIFF6.pdf
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ...attributes import OURS, merged
from ...nodes import NO_OPTIONS, Array, Damaged, Dense, Group, Node, Options, Region, Revision, Unavailable
from ...resources import Resources
from ..common import fences
from ..common.decoded import piece
from ..common.extras import require
from ..common.flat import FlatArray
from ..common.ranged import by_ranges
from ..common.snapshot import Snapshot
from . import omexml
from .attributes import attributes
from .filesets import FileSet, first_file
from .pages import Pages
from .promises import check_segments, missing_pages, shortfall

KIND = "a TIFF file"
OF_ONE_FILE = MappingProxyType({"_multifile": False, "is_ndtiff": False, "is_mmstack": False})
"""Flags that keep tifffile from opening other files than the given one.

Another file may be anywhere, and would not count in the revision.
"""
WITHOUT_OME = MappingProxyType({"is_ome": False})
EDGE = 512
"""Rows and columns of a chunk if some pages are missing."""
OME_IS_BAD = "it cannot be read: axes, names and sizes of pixels are those that the TIFF file has without it"


@by_ranges()
def open_tiff(path: Path, resources: Resources | None = None) -> Node:
    """The array of a file with one series of pages, or the group of its series.

    Reads the headers of all pages. A set of OME-TIFF files is one image, whichever of its files is
    opened. In a folder that is served, the first file of a set is that image, and the others raise
    Unavailable. If the OME-XML is bad, the file is opened as a plain TIFF file.
    """
    alone = FileSet.alone(Snapshot.of(path, resources))
    with _opened(alone) as file:
        xml = file.ome_metadata or ""
        if not xml:
            return _node(alone, file)
    shown_by = first_file(alone.snapshot, xml, _names_in) if fences.in_force() else None
    if shown_by is not None:
        raise Unavailable(f"a part of the OME-TIFF set that is served as {shown_by!r}")
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
    return Group(children=nodes, attributes=ours, unavailable=lambda: nodes.unavailable, revision=files.revision, kind="source")


@contextmanager
def _opened(files: FileSet, **options: bool) -> Iterator[Any]:
    """The TiffFile of a file, or of all files of a set.

    Raises Changed if a file changes before the end of the block.
    """
    tifffile = require("tifffile", "tiff")
    flags = OF_ONE_FILE | options | ({"_multifile": True, "omexml": files.xml} if files.xml else {})
    with files.snapshot.read_as(KIND) as readable, tifffile.TiffFile(readable, **flags) as file:
        files.snapshot.check_handle(file.filehandle)  # tifffile has opened the real path again
        yield file
        files.check()


def _names_in(snapshot: Snapshot) -> tuple[str, ...]:
    """The names of files in the OME-XML of a file; none if it cannot be read."""
    names: tuple[str, ...] = snapshot.resources.facts.get(("names in OME-XML", snapshot), partial(_names_read, snapshot))
    return names


def _names_read(snapshot: Snapshot) -> tuple[str, ...]:
    try:
        with _opened(FileSet.alone(snapshot)) as file:
            return omexml.files(file.ome_metadata or "")
    except (OSError, Unavailable):
        return ()


class Series(dict[str, Node]):
    """The arrays of a file's series by name.

    A series that cannot be read is no member, and looking it up raises Damaged.
    """

    def __init__(self) -> None:
        self.unavailable: dict[str, str] = {}
        self._damaged: set[str] = set()

    def add(self, name: str, make: Callable[[dict[str, Any]], Node], attributes: Callable[[], dict[str, Any]]) -> None:
        """Open a series, or note why that is impossible."""
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
    """The names of series if all of them have different names, else their numbers."""
    names = [one.name for one in series]
    are_good = all(names) and len(set(names)) == len(names)
    return names if are_good else [str(number) for number in range(len(names))]


def _array(files: FileSet, number: int, series: Any, attributes: dict[str, Any], *, is_short: bool) -> Array:
    """A series at its full resolution; `series.levels[1:]` are smaller copies of it."""
    if not (series.keyframe.imagewidth and series.keyframe.imagelength):
        raise Damaged(f"{Path(files.snapshot.path).name!r} has a page without a size; write it again, or restore it from a copy")
    if series.dtype is None or series.keyframe.dtype is None:
        raise Damaged("an image of a sample format that tifffile does not know: if it is not damaged, convert it to integers or floats")
    check_segments(series)
    chunks = read_stepped = of_region = None
    if series.dataoffset is not None and not files.xml:
        item = series.dtype.newbyteorder(series.keyframe.parent.byteorder)
        source = FlatArray(files.snapshot, series.dataoffset, series.shape, item)
        dtype, read, read_stepped = source.dtype, source.read, source.read_stepped
    else:
        pages = Pages(files, series, is_short=is_short)
        if pages.are_plain:
            dtype, read, chunks = pages.dtype, pages.read, pages.chunks
            of_region = pages.region_revision if files.xml else None
        else:
            dtype, read = series.dtype, partial(_read_whole, files, number, 2 * math.prod(series.shape) * series.dtype.itemsize)
    return Array(
        shape=series.shape,
        dtype=dtype,
        source=Dense(read, read_stepped),
        chunks=chunks,
        dimension_names=_dimension_names(series.axes),
        attributes=attributes,
        revision=Revision(files.revision, of_region),
        options=Options(chunk_shape=_of_one_page(series)) if is_short else NO_OPTIONS,
        levels=tuple(_level(files, level) for level in series.levels[1:] if Pages(files, level).are_plain),
    )


def _of_one_page(series: Any) -> tuple[int, ...]:
    """A chunk shape within one page, so that a missing page does not affect the others."""
    return tuple(
        min(size, EDGE) if letter in "YX" else size if letter == "S" else 1 for letter, size in zip(series.axes, series.shape, strict=True)
    )


def _level(files: FileSet, series: Any) -> Array:
    """A smaller copy of a series, stored beside it."""
    pages = Pages(files, series)
    return Array(shape=series.shape, dtype=pages.dtype, read=pages.read, chunks=pages.chunks, revision=files.revision)


def _read_whole(files: FileSet, number: int, nbytes: int, region: Region) -> np.ndarray[Any, Any]:
    """A region of a series that only tifffile can assemble, and only as a whole."""

    def decode() -> np.ndarray[Any, Any]:
        with _opened(files) as file:
            if any(page is None for page in file.series[number]):
                raise Damaged("pages of the series are missing in the file; restore it from a copy")
            return np.array(file.series[number].asarray())

    files.check()
    pool, part = files.snapshot.resources.decoded, ("series", number, files.taken)
    block: np.ndarray[Any, Any] = piece(pool, files.snapshot, part, decode, nbytes)
    return block[region]


def _dimension_names(axes: str) -> tuple[str | None, ...]:
    """The letters of tifffile's axes in lower case: y, x, s for samples, ...

    None for Q, which means unknown, and for letters that appear twice.
    """
    letters = Counter(axes)
    return tuple(letter.lower() if letters[letter] == 1 and letter != "Q" else None for letter in axes)
