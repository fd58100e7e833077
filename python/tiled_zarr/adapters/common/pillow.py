"""Pillow, without its limit of pixels, which is the process's and warns: how much may be decoded is for the server's budget to say."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

import numpy as np

from .._extras import require

EXTRA = "images"
START = 16
"""Bytes by which Pillow's readers know their files."""
REFUSALS = (SyntaxError, IndexError, TypeError, struct.error)
"""What a reader raises for a file that is none of its own; the same as in `PIL.Image.open`."""
ORIENTATION = 0x0112
UPRIGHT = 1


def opened(path: str) -> Any:
    """The picture in a file, as `PIL.Image.open` has it, of any size. Decodes nothing. Raises OSError if no reader takes it."""
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
    """The palette of a picture: red, green and blue in bytes, with opacity if one colour is transparent. Decodes nothing."""
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
    """How a picture is turned or mirrored, as EXIF counts it; 1 if it is upright, or nothing can be read of it."""
    try:
        found = image.getexif().get(ORIENTATION, UPRIGHT)
    except Exception:  # noqa: BLE001 - whatever is wrong with its EXIF data, the picture can be read
        return UPRIGHT
    return found if isinstance(found, int) and found in range(2, 9) else UPRIGHT
