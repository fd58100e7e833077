"""Pillow without its limit of pixels: the server's memory budget decides what may be decoded.

Pillow's limit is global to the process, and raises warnings.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

import numpy as np

from ..common.extras import require

EXTRA = "images"
START = 16
"""Bytes by which Pillow's readers recognize their files."""
REFUSALS = (SyntaxError, IndexError, TypeError, struct.error)
"""What a reader raises for a file that is not its own; the same as in `PIL.Image.open`."""
ORIENTATION = 0x0112
UPRIGHT = 1
PNG = b"\x89PNG\r\n\x1a\n"
MOST_CHUNKS = 10_000
"""Chunks of a PNG that we skip while we look for EXIF data, in 10 ms.

libpng writes pixels in chunks of 8 KiB, other libraries in larger ones.
"""
LONGEST_EXIF = 2**20
"""Bytes of EXIF data, at most; JPEG has room for 64 KiB."""


def opened(path: str) -> Any:
    """The picture in a file, as `PIL.Image.open` returns it, of any size.

    Decodes nothing. Raises OSError if no reader accepts the file.
    """
    images = require("PIL.Image", EXTRA)
    with open(path, "rb") as file:  # noqa: PTH123 - a text
        start = file.read(START)
    for load in (images.preinit, images.init):
        load()
        for name in images.ID:
            make, accepts = images.OPEN[name]
            if accepts is None or accepts(start) is True:
                with suppress(*REFUSALS):
                    return make(path)
    raise OSError("Pillow has no reader for it")


def colours(image: Any) -> list[list[int]]:
    """The palette of a picture: bytes of red, green and blue, and of opacity if it has any.

    It has opacity if a colour is transparent. Decodes nothing.
    """
    images = require("PIL.Image", EXTRA)
    rawmode, palette = image.palette.getdata()
    count = min(256, len(palette) // len(rawmode))
    probe = images.frombytes("P", (count, 1), bytes(range(count)))
    probe.putpalette(palette, rawmode)
    mode = "RGB"
    if "transparency" in image.info:
        probe.info["transparency"], mode = image.info["transparency"], "RGBA"
    return np.asarray(probe.convert(mode))[0].tolist()  # type: ignore[no-any-return]


def orientation(image: Any) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) if there is none, or it cannot be read.

    Decodes nothing. Pillow's own PNG reader would decode all pixels to find EXIF data behind them:
    3.4 GB for a picture of 60,000 x 60,000.
    """
    images = require("PIL.Image", EXTRA)
    try:
        if image.format == "PNG" and "exif" not in image.info:
            image.info.update(_exif_behind(image.fp))
        found = images.Image.getexif(image).get(ORIENTATION, UPRIGHT)
    except Exception:  # noqa: BLE001 - whatever is wrong with its EXIF data, the picture can be read
        return UPRIGHT
    return found if isinstance(found, int) and found in range(2, 9) else UPRIGHT


def _exif_behind(file: Any) -> dict[str, bytes]:
    """The EXIF data of a PNG, also from behind its pixels, in the form of `info`.

    Empty if there are none in the first MOST_CHUNKS chunks.
    https://www.w3.org/TR/png/#5Chunk-layout
    """
    before = file.tell()
    try:
        at = len(PNG)
        for _ in range(MOST_CHUNKS):
            file.seek(at)
            head = file.read(8)
            if len(head) < 8 or head[4:] == b"IEND":
                break
            length = int.from_bytes(head[:4], "big")
            if head[4:] == b"eXIf" and length <= LONGEST_EXIF:
                return {"exif": b"Exif\0\0" + file.read(length)}
            at += 8 + length + 4
    finally:
        file.seek(before)
    return {}
