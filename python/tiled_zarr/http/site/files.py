"""Which files a node has for download as a whole, within the bounds of one."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...hierarchy import headers
from ...nodes import Array

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of the values in one file, at most; they are in memory up to three times."""
MOST_CELLS = 1_000_000
"""Values in one CSV file, at most: as text they take 20 to 100 bytes each, and 1 s to spell."""
MOST_PIXELS = 4 * 1024 * 1024
"""Pixels of a picture, at most: 12 MB of colours, which take 0.5 s to compress."""


def of_array(node: Array, image: Array | None) -> tuple[str, ...]:
    """The suffixes of the files of an array; `image` is its finest level if it is an image."""
    is_picture = image is not None and math.prod(image.shape[-2:]) <= MOST_PIXELS
    return (*_of_array(node), *(["png"] if is_picture else []))


def of_table(rows: int, columns: int) -> tuple[str, ...]:
    """The suffixes of the files of a table."""
    return ("csv",) if rows * columns <= MOST_CELLS else ()


def _of_array(node: Array) -> Iterator[str]:
    """NPY of any array, CSV of one that is a table of values or of records."""
    if math.prod(node.shape) * headers.itemsize(node.dtype) <= MOST_BYTES:
        yield "npy"
    fields = node.dtype.names
    if len(node.shape) <= (1 if fields else 2) and math.prod(node.shape) * len(fields or "1") <= MOST_CELLS:
        yield "csv"
