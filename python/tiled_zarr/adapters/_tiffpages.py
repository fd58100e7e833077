"""Regions of TIFF series, read page by page, and of each page only the tiles or strips that they touch."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product
from threading import Lock
from typing import Any

import numpy as np

from ..nodes import Damaged, Region
from ._flat import FlatArray
from ._snapshots import Snapshot
from ._tiffsegments import Block, Segments

MOST_PAGES = 1024
"""Pages of a series whose offsets are kept."""
AXES = "SZYXS"
"""tifffile's letters for the five axes of a page: planes of samples, depth, length, width, samples of a pixel."""


class Pages:
    """The pages of a series whose file was open when this was made; the leading axes of the series count them.

    `is_short` says that the file is known to hold fewer pages than it promises: those that it has are the first ones.
    """

    def __init__(self, snapshot: Snapshot, series: Any, *, is_short: bool = False) -> None:
        keyframe = series.keyframe
        self.snapshot = snapshot
        self.shape: tuple[int, ...] = series.shape
        self.dtype: np.dtype[Any] = series.dtype
        self.page_shape: tuple[int, ...] = keyframe.shape
        self.page_dtype: np.dtype[Any] = keyframe.dtype.newbyteorder(keyframe.parent.byteorder)
        self.leading = self.shape[: len(self.shape) - len(self.page_shape)]
        self.segments = Segments.of(snapshot, keyframe)
        self._series = series
        self._is_short = is_short
        self._axes = _page_axes(keyframe)
        self._loading = Lock()
        self._page = lru_cache(MOST_PAGES)(self._load)

    @property
    def are_plain(self) -> bool:
        """Whether the series is no more than its pages one after the other, each as its keyframe describes it."""
        is_page = tuple(self.segments.shape[axis] for axis in self._axes) == self.page_shape
        pages, listed = math.prod(self.leading), len(self._series)
        is_stack = (*self.leading, *self.page_shape) == self.shape and (pages == listed or (self._is_short and pages > listed))
        return is_page and is_stack and self._series.transform is None

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of a tile, or of a strip that does not reach beyond the image, in one page."""
        return (*[1] * len(self.leading), *[self.segments.segment[axis] for axis in self._axes])

    def read(self, region: Region) -> Block:
        """A region of the series: a view of the mapped file where it lies in one piece of an uncompressed page."""
        outer, inner = region[: len(self.leading)], region[len(self.leading) :]
        sizes = [part.stop - part.start for part in region]
        if 0 in sizes:
            return np.empty(sizes, self.dtype)
        places = list(product(*(range(part.start, part.stop) for part in outer)))
        with self.snapshot.failures_as("a TIFF file"), self.snapshot.unchanged():
            if len(places) == 1:
                return self._read_page(places[0], inner).astype(self.dtype, copy=False).reshape(sizes)
            block = np.empty(sizes, self.dtype)
            for place in places:
                at = tuple(i - part.start for i, part in zip(place, outer, strict=True))
                block[at] = self._read_page(place, inner)
        return block

    def _read_page(self, place: tuple[int, ...], region: Region) -> Block:
        page = self._page(int(np.ravel_multi_index(place, self.leading)) if place else 0)
        if page.is_final and _is_one_run(page):
            return FlatArray(self.snapshot, page.dataoffsets[0], self.page_shape, self.page_dtype).read(region)
        box = [slice(0, 1)] * len(AXES)
        for axis, part in zip(self._axes, region, strict=True):
            box[axis] = part
        return self.segments.read(page, tuple(box)).reshape([part.stop - part.start for part in region])

    def _load(self, index: int) -> Any:
        """A page with the offsets of its segments, for which tifffile may have to open its file again."""
        handle = self._series.parent.filehandle
        with self._loading:
            handle.open()
            try:
                self.snapshot.check(handle.fileno())
                page = self._series[index] if index < len(self._series) else None
            finally:
                handle.close()
        if page is None:
            raise Damaged(f"page {index} of the series is missing in the file; restore it from a copy")
        return page


def _page_axes(keyframe: Any) -> tuple[int, ...]:
    """Which of the five axes each axis of a page is."""
    first = 0 if keyframe.planarconfig == 2 else 1
    return tuple(AXES.index(letter, first) for letter in keyframe.axes)


def _is_one_run(page: Any) -> bool:
    """Whether the strips of a page follow each other without a gap."""
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    return ends[:-1] == list(page.dataoffsets[1:])
