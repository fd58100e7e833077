"""Photographs and other pictures: PNG, JPEG and what else Pillow reads; the first frame, as it is stored.

Palettes are not looked up, inks are not converted and nothing is turned: the attributes say what viewers have to do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ...attributes import OURS
from ...nodes import Array, Region, Unavailable
from ...resources import Resources
from ..common.decoded import piece
from ..common.extras import require
from ..common.snapshot import Snapshot
from . import pillow

KIND = "a picture"
BULKY = ("exif", "icc_profile", "photoshop", "xmp", "XML:com.adobe.xmp")
"""Metadata in formats of their own, which tell nothing as JSON."""


class Layout(NamedTuple):
    """How pixels of a Pillow mode become items; 0 channels means that there is no axis for them."""

    dtype: str
    channels: int
    mode: str


LAYOUTS = MappingProxyType(
    {
        "1": Layout("?", 0, "1"),
        "L": Layout("u1", 0, "L"),
        "LA": Layout("u1", 2, "LA"),
        "I;16": Layout("<u2", 0, "I;16"),
        "I;16B": Layout(">u2", 0, "I;16B"),
        "I": Layout("<i4", 0, "I"),
        "F": Layout("<f4", 0, "F"),
        "RGB": Layout("u1", 3, "RGB"),
        "RGBA": Layout("u1", 4, "RGBA"),
        "CMYK": Layout("u1", 4, "CMYK"),
        "YCbCr": Layout("u1", 3, "YCbCr"),
        "P": Layout("u1", 0, "P"),
        "PA": Layout("u1", 4, "RGBA"),
    }
)
"""By the mode of the file."""
DEEP_COLOUR = MappingProxyType({2: 3, 4: 2, 6: 4})
"""Channels by the colour type of a PNG with several."""
COPIES = 2
"""The decoder's pixels, and ours."""
AT_ONCE = 16 * 1024 * 1024
"""So many bytes of the decoder's pixels are copied at a time: Pillow makes two more copies of what it hands out."""
GREY_AND_OPACITY = (
    MappingProxyType({"label": "grey", "color": "FFFFFF"}),
    MappingProxyType({"label": "opacity", "color": "FFFFFF", "active": False}),
)


def open_image(path: Path, resources: Resources | None = None) -> Array:
    """The pixels of a picture, decoded whole when first read."""
    snapshot = Snapshot.of(path, resources)
    with snapshot.read_as(KIND) as readable, pillow.opened(readable) as image:
        attributes = {name: value for name, value in image.info.items() if isinstance(name, str) and name not in BULKY}
        attributes |= _meaning(image)
        layout, size = _layout(image), image.size
    decode: Callable[[], np.ndarray[Any, Any]] = partial(_decode, snapshot, layout)
    channels = _deep_channels(snapshot)
    if channels:
        layout, decode = Layout("<u2", channels, "deep"), partial(_decode_deep, snapshot)
    has_channels = layout.channels > 0
    shape, dtype = (size[1], size[0], layout.channels) if has_channels else (size[1], size[0]), np.dtype(layout.dtype)
    return Array(
        shape=shape,
        dtype=dtype,
        read=partial(_read, snapshot, decode, COPIES * math.prod(shape) * dtype.itemsize),
        dimension_names=("y", "x", "c") if has_channels else ("y", "x"),
        attributes=attributes,
        revision=snapshot.revision,
    )


def _layout(image: Any) -> Layout:
    if image.mode not in LAYOUTS:
        raise Unavailable(f"a picture of Pillow's mode {image.mode!r}; known are {', '.join(LAYOUTS)}")
    return LAYOUTS[image.mode]


def _meaning(image: Any) -> dict[str, Any]:
    """What viewers have to know of the numbers of a picture, under our key; in the words of TIFF."""
    said: dict[str, Any] = {}
    if image.mode == "P":
        said |= {"photometric": "palette", "palette": pillow.colours(image)}
    if image.mode == "CMYK":
        said["photometric"] = "separated"
    if image.mode == "LA":
        said["channels"] = GREY_AND_OPACITY
    orientation = pillow.orientation(image)
    if orientation != 1:
        said["orientation"] = orientation
    return {OURS: said} if said else {}


def _read(snapshot: Snapshot, decode: Callable[[], np.ndarray[Any, Any]], nbytes: int, region: Region) -> np.ndarray[Any, Any]:
    pixels: np.ndarray[Any, Any] = piece(snapshot.resources.decoded, snapshot, "pixels", decode, nbytes)
    return pixels[region]


def _decode(snapshot: Snapshot, layout: Layout) -> np.ndarray[Any, Any]:
    with snapshot.read_as(KIND) as path, pillow.opened(path) as image:
        image.load()
        pixels = image if image.mode == layout.mode else image.convert(layout.mode)
        return _copied(pixels, layout)


def _copied(pixels: Any, layout: Layout) -> np.ndarray[Any, Any]:
    """The items of a picture that has been decoded; of a large one in parts."""
    width, height = pixels.size
    row = width * max(1, layout.channels) * np.dtype(layout.dtype).itemsize
    if row * height <= AT_ONCE:
        return np.array(pixels, layout.dtype)
    block = np.empty((height, width, layout.channels) if layout.channels else (height, width), layout.dtype)
    rows = max(1, AT_ONCE // row)
    for top in range(0, height, rows):
        block[top : top + rows] = np.asarray(pixels.crop((0, top, width, min(top + rows, height))))
    return block


def _deep_channels(snapshot: Snapshot) -> int:
    """Channels of a PNG with 16 bits a sample and several channels, of which Pillow would drop the lower 8 bits; else 0.

    https://www.w3.org/TR/png/#11IHDR
    """
    with snapshot.opened() as file:
        head = file.read(26)
    is_deep = head.startswith(b"\x89PNG\r\n\x1a\n") and head[24] == 16
    return DEEP_COLOUR.get(head[25], 0) if is_deep else 0


def _decode_deep(snapshot: Snapshot) -> np.ndarray[Any, Any]:
    imagecodecs = require("imagecodecs", "tiff")
    with snapshot.failures_as(KIND), snapshot.opened() as file:
        pixels: np.ndarray[Any, Any] = imagecodecs.png_decode(file.readall())
        return np.array(pixels, "<u2")
