"""PNG: https://www.w3.org/TR/png-3/"""  # noqa: D400 - an address

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB = 2


def encode(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """A PNG of colours of shape (rows, columns, 3), one byte for each of red, green and blue."""
    height, width, _ = pixels.shape
    differences = pixels.copy()
    differences[:, 1:] -= pixels[:, :-1]
    rows = np.empty((height, 1 + 3 * width), np.uint8)
    rows[:, 0] = 1  # the filter "Sub": each byte minus that of the pixel on its left
    rows[:, 1:] = differences.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, RGB, 0, 0, 0)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
