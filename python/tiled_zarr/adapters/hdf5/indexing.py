"""Reads a dataset's chunk index from an open file. Runs in helper processes.

https://support.hdfgroup.org/documentation/hdf5/latest/group___h5_d.html (H5Dchunk_iter)
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from ...nodes import Damaged
from .index import LARGEST, NOWHERE, ROW, ChunkIndex, Rows

Read: TypeAlias = Callable[[int, int], bytes]
"""Reads bytes of a file by offset and length; fewer if the file ends before them."""

MOST_CHUNKS = 4_000_000
"""Chunks of a dataset up to which we index it; the library needs about 1.5 s per million."""


def read_index(dataset: Any, read: Read | None) -> ChunkIndex:
    """The index of an open dataset.

    `read` reads bytes of its file, so that we can check the offsets. None means that we need not.
    """
    unknown = ChunkIndex(dataset.shape, dataset.chunks, dataset.dtype.itemsize, np.empty(0, ROW), None, is_known=False)
    if dataset.id.get_num_chunks() > MOST_CHUNKS:
        return unknown
    corners, rows = _iterate(dataset)
    return _ordered(unknown, corners, rows) if read is None or _agrees(dataset, corners, rows, read) else unknown


def _iterate(dataset: Any) -> tuple[np.ndarray[Any, Any], Rows]:
    """The corners (in elements) and the rows of all chunks, in any order."""
    corners, offsets, sizes, masks = array("q"), array("Q"), array("Q"), array("L")

    def note(chunk: Any) -> None:
        corners.extend(chunk.chunk_offset)
        offsets.append(chunk.byte_offset)
        sizes.append(chunk.size)
        masks.append(chunk.filter_mask)

    dataset.id.chunk_iter(note)
    largest = max(sizes, default=0)
    if largest > LARGEST:
        raise Damaged(f"{dataset.name} has a chunk of {largest} bytes: at most {LARGEST} are read; write it with smaller chunks")
    rows = np.empty(len(offsets), ROW)
    rows["offset"] = np.array(offsets, np.uint64).astype(np.int64)
    rows["nbytes"], rows["mask"] = sizes, masks
    return np.array(corners, np.int64).reshape(-1, dataset.ndim), rows


def _ordered(unknown: ChunkIndex, corners: np.ndarray[Any, Any], rows: Rows) -> ChunkIndex:
    grid = unknown.grid
    indexes = corners // np.array(unknown.chunk_shape, np.int64)
    # a dataset that shrank may still list chunks that are outside
    is_inside = (indexes < grid).all(axis=1)
    places = np.ravel_multi_index(tuple(indexes[is_inside].T), grid)
    order = np.argsort(places)
    is_whole = order.size == math.prod(grid)
    return replace(unknown, rows=rows[is_inside][order], places=None if is_whole else places[order], is_known=True)


def _agrees(dataset: Any, corners: np.ndarray[Any, Any], rows: Rows, read: Read) -> bool:
    """True if the first chunk lies at its listed offset.

    Some versions of the library leave the size of the user block out of the offsets.
    """
    is_stored = rows["offset"] != NOWHERE
    if not is_stored.any():
        return True
    first = int(is_stored.argmax())
    offset, nbytes, _ = rows[first].item()
    _, content = dataset.id.read_direct_chunk(tuple(corners[first].tolist()))
    return read(offset, nbytes) == bytes(content)
