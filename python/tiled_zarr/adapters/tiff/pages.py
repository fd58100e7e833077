"""Regions of TIFF series, read page by page.

Of each page only the tiles or strips that they touch.
"""

from __future__ import annotations

import math
from itertools import product
from threading import Lock
from typing import Any

import numpy as np

from ...caches.recent import Recent
from ...nodes import Damaged, Region
from ..common.flat import FlatArray
from ..common.snapshot import Snapshot
from .filesets import FileSet, combined, unchanged
from .segments import Block, Segments

MOST_PAGES = 1024
"""Pages of a series whose offsets are kept."""
AXES = "SZYXS"
"""tifffile's letters for the five axes of a page.

They are planes of samples, depth, length, width, samples of a pixel.
"""


MOST_PLANES = 64
"""Pages of a region at most for a revision of its own.

A larger region has the revision of the whole set of files, which takes no longer.
"""


class Pages:
    """The pages of a series whose file is open now; the leading axes of the series count them.

    `is_short` is true if the file is known to hold fewer pages than it promises; those that it has
    are the first ones. In a set of files, the pages of each file are cut and compressed in their
    own way.
    """

    def __init__(self, files: FileSet, series: Any, *, is_short: bool = False) -> None:
        keyframe = series.keyframe
        self.files = files
        self.shape: tuple[int, ...] = series.shape
        self.dtype: np.dtype[Any] = series.dtype
        self.page_shape: tuple[int, ...] = keyframe.shape
        self.leading = self.shape[: len(self.shape) - len(self.page_shape)]
        self.segments = Segments.of(self._snapshot_of(keyframe), keyframe)
        self._segments: dict[str, Segments] = {}
        self._series = series
        self._is_short = is_short
        self._axes = _page_axes(keyframe)
        self._loading = Lock()
        self._kept: Recent[int, Any] = Recent(MOST_PAGES)

    @property
    def are_plain(self) -> bool:
        """Whether the series is just its pages in order, each as its keyframe describes it."""
        is_page = tuple(self.segments.shape[axis] for axis in self._axes) == self.page_shape
        pages, listed = math.prod(self.leading), len(self._series)
        is_stack = (*self.leading, *self.page_shape) == self.shape and (pages == listed or (self._is_short and pages > listed))
        return is_page and is_stack and self._series.transform is None

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of a tile in one page, or of a strip, cut at the edge of the image."""
        return (*[1] * len(self.leading), *[self.segments.segment[axis] for axis in self._axes])

    def read(self, region: Region) -> Block:
        """A region of the series.

        A view of the mapped file if it is one piece of an uncompressed page.
        """
        outer, inner = region[: len(self.leading)], region[len(self.leading) :]
        sizes = [part.stop - part.start for part in region]
        if 0 in sizes:
            return np.empty(sizes, self.dtype)
        places = list(product(*(range(part.start, part.stop) for part in outer)))
        with self.files.snapshot.failures_as("a TIFF file"), unchanged(self._snapshots(places)):
            if len(places) == 1:
                return self._read_page(places[0], inner).astype(self.dtype, copy=False).reshape(sizes)
            block = np.empty(sizes, self.dtype)
            for place in places:
                at = tuple(i - part.start for i, part in zip(place, outer, strict=True))
                block[at] = self._read_page(place, inner)
        return block

    def region_revision(self, region: Region) -> str | None:
        """The revision of the files that hold a region, and of the file that was opened."""
        outer = region[: len(self.leading)]
        if math.prod(part.stop - part.start for part in outer) > MOST_PLANES:
            return self.files.revision()
        places = list(product(*(range(part.start, part.stop) for part in outer)))
        try:
            return combined(self._snapshots(places))
        except Damaged:  # a page is missing: reading it raises the error that says so
            return self.files.revision()

    def _snapshots(self, places: list[tuple[int, ...]]) -> dict[Snapshot, None]:
        """The file that was opened, then the files of the pages at some places."""
        found = [self._snapshot_of(self._page_at(place)) for place in places] if self.files.xml else []
        return dict.fromkeys([self.files.snapshot, *found])

    def _snapshot_of(self, page: Any) -> Snapshot:
        return self.files.snapshot_of(_path(page))

    def _segments_of(self, page: Any) -> Segments:
        """How the pages of a page's file are cut."""
        if not self.files.xml:
            return self.segments
        path = _path(page)
        if path not in self._segments:
            self._segments[path] = Segments.of(self._snapshot_of(page), page.keyframe)
        return self._segments[path]

    def _page_at(self, place: tuple[int, ...]) -> Any:
        index = int(np.ravel_multi_index(place, self.leading)) if place else 0
        page = self._kept.peek(index)
        if page is None:
            page = self._load(index)
            self._kept.keep(index, page)
        return page

    def _read_page(self, place: tuple[int, ...], region: Region) -> Block:
        page = self._page_at(place)
        segments = self._segments_of(page)
        if page.is_final and _is_one_run(page):
            dtype = segments.dtype.newbyteorder(page.parent.byteorder)
            return FlatArray(segments.snapshot, page.dataoffsets[0], self.page_shape, dtype).read(region)
        box = [slice(0, 1)] * len(AXES)
        for axis, part in zip(self._axes, region, strict=True):
            box[axis] = part
        return segments.read(page, tuple(box)).reshape([part.stop - part.start for part in region])

    def _load(self, index: int) -> Any:
        """A page with the offsets of its segments.

        Tifffile may have to open its file again for that.
        """
        page = self._loaded(index) if index < len(self._series) else None
        if page is None and self.files.missing:
            names = ", ".join(map(repr, self.files.missing.values()))
            raise Damaged(f"page {index} of the series is in a file that is missing beside this one: {names}; put it there")
        if page is None:
            raise Damaged(f"page {index} of the series is missing in the file; restore it from a copy")
        return page

    def _loaded(self, index: int) -> Any:
        if self.files.xml:  # the pages of sets are loaded already
            return self._series[index]
        handle = self._series.parent.filehandle
        with self._loading:
            handle.open()
            try:
                self.files.snapshot.check_handle(handle)
                return self._series[index]
            finally:
                handle.close()


def _path(page: Any) -> str:
    """The real path of the file that holds a page."""
    return str(page.parent.filehandle.path)


def _page_axes(keyframe: Any) -> tuple[int, ...]:
    """For each axis of a page, which of the five axes it is."""
    first = 0 if keyframe.planarconfig == 2 else 1
    return tuple(AXES.index(letter, first) for letter in keyframe.axes)


def _is_one_run(page: Any) -> bool:
    """Whether the strips of a page follow each other without a gap."""
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    return ends[:-1] == list(page.dataoffsets[1:])
