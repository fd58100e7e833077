"""What a TIFF file promises and does not hold.

It may lack pages that its metadata or its chain of pages promise, or end before its data do. A file
that was cut short often still opens, as fewer pages than were written, so we have to say it.
https://www.awaresystems.be/imaging/tiff/specification/TIFF6.pdf, page 13
"""

from __future__ import annotations

import math
import struct
from typing import Any

from ...nodes import Damaged
from .filesets import FileSet


def missing_pages(files: FileSet, series: Any) -> dict[str, Any]:
    """The same as `shortfall` for a set of files, whose XML says which file holds each page."""
    pages = [page for one in series for page in one]
    held = sum(page is not None for page in pages)
    if held == len(pages):
        return {}
    names = ", ".join(map(repr, files.missing.values()))
    where = f", which are in files that are not beside this one: {names}" if names else ": a file is truncated or damaged"
    return {"pages": held, "pages_promised": len(pages), "missing": f"{len(pages) - held} of {len(pages)} pages{where}"}


def check_segments(series: Any) -> None:
    """Raise Damaged if a series needs more strips, tiles or bytes than the file can have.

    It is damaged if it needs more strips or tiles than its first page lists, or more bytes than
    they and the file have. A file that was cut short still lists all of them, so what it has can be
    read.
    """
    page = series.keyframe
    needed, listed = math.prod(page.chunked), len(page.dataoffsets)
    if listed < needed:
        kind = "tiles" if page.is_tiled else "strips"
        promised = f"{needed:,} {kind}" if needed < 2**32 else f"more {kind} than any file has"
        raise Damaged(f"its header promises {promised} and lists {listed:,}; write it again, or restore it from a copy")
    if not all(isinstance(number, int) for number in (*page.dataoffsets, *page.databytecounts)):
        raise Damaged("its header has offsets of data that are no integers; write it again, or restore it from a copy")
    held, size = sum(page.databytecounts), int(page.parent.filehandle.size)
    is_plain = page.compression == 1 and not page.is_subsampled and page.bitspersample == 8 * page.dtype.itemsize
    if is_plain and all(page.dataoffsets) and held < page.nbytes and page.dataoffsets[0] + page.nbytes > size:
        raise Damaged(f"its header promises {page.nbytes:,} bytes of pixels and has {held:,}; write it again, or restore it from a copy")


def shortfall(file: Any) -> dict[str, Any]:
    """How many pages an open file has and promises, and what is missing; empty if nothing is.

    The items go under our key. Reads the header of the last page, and that of the last page of each
    series.
    """
    size, chained = int(file.filehandle.size), len(file.pages)
    promised = max(_counted(file), sum(map(_planes, file.series)))
    held = min(promised, sum(_planes_held(one, size, chained) for one in file.series))
    following = 0 if promised > chained else _next_offset(file)
    late = max((_data_end(one) for one in file.series), default=0)
    reasons = []
    if promised > held:
        reasons.append(f"{promised - held} of {promised} pages")
    if following:
        reasons.append(f"the pages after page {chained}, which points to byte {following} of a file of {size}")
    if late > size:
        reasons.append(f"data up to byte {late} of a file of {size}")
    if not reasons:
        return {}
    return {
        "pages": held,
        "pages_promised": f"more than {promised}" if following else promised,
        "missing": f"{'; '.join(reasons)}: the file is truncated or damaged, restore it from a copy",
    }


def _planes(series: Any) -> int:
    """Pages that an array with the series' shape takes."""
    return int(series.size // max(series.keyframe.size, 1))


def _planes_held(series: Any, size: int, chained: int) -> int:
    """Pages of a series whose data end inside a file of this size.

    If the data are not one run, as many as the chain of pages has.
    """
    planes = _planes(series)
    if series.dataoffset is None:
        return min(planes, chained)
    return min(planes, int(max(0, size - series.dataoffset) * planes // max(series.nbytes, 1)))


def _counted(file: Any) -> int:
    """Pages by the metadata of ImageJ or tifffile; 0 if they do not say.

    OME's are the planes of its series.
    """
    if file.is_imagej:
        found = file.imagej_metadata or {}
        counts = [found.get(name, 1) for name in ("channels", "slices", "frames")]
        return max(int(found.get("images", 0)), int(math.prod(counts)))
    if file.is_shaped and len(file.series) == 1:
        (shape,) = [entry.get("shape", ()) for entry in file.shaped_metadata or ()][:1] or [()]
        return int(math.prod(shape) // max(file.series[0].keyframe.size, 1))
    return 0


def _next_offset(file: Any) -> int:
    """The offset of the page after the last one.

    0 if the last page ends the chain or is in none.
    """
    tiff, handle = file.tiff, file.filehandle
    try:
        last = file.pages[len(file.pages) - 1].offset
        handle.seek(last or 0)
        (tags,) = struct.unpack(tiff.tagnoformat, handle.read(tiff.tagnosize))
        handle.seek(last + tiff.tagnosize + tags * tiff.tagsize)
        (following,) = struct.unpack(tiff.offsetformat, handle.read(tiff.offsetsize))
    except (ValueError, struct.error):  # tifffile refuses the page, or the file ends inside it
        return int(handle.size)
    return int(following) if last else 0


def _data_end(series: Any) -> int:
    """Where the data of a series end, by its last page; 0 if that page says nothing.

    Reading that page fails then.
    """
    if series.dataoffset is not None:
        return int(series.dataoffset + series.nbytes)
    try:
        last = series[len(series) - 1]
    except ValueError:
        return 0
    ends = [offset + count for offset, count in zip(last.dataoffsets, last.databytecounts, strict=False)] if last is not None else []
    return int(max(ends, default=0))
