"""What an image should look like on a page, and how alike two pictures are."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from tiled_zarr import demo
from tiled_zarr.nodes import Array, Group

Picture = np.ndarray[Any, Any]

MIDDLE = (360, 640)
VIEWER_EDGE = 691
"""The longer edge of an image that our viewer fits into a page of 1280 x 720."""
VIZARR_EDGE = 620
PAGE = (720, 1280)
FREE = 1018
"""Columns of the page left of our viewer's panel."""
MARGIN = 0.04
"""The share of the page, or of what is free of it, that our viewer leaves around a whole image."""
NO_DATA = (64, 42, 84)
"""The colour of our viewer for pixels without a value."""


@cache
def landscape(image: str = "medium_image") -> Picture:
    """One of the demo's images, from 0 to 1; the larger ones show the same as this."""
    node: Any = demo.tree()
    for name in ("nested", "images", image):
        assert isinstance(node, Group)
        node = node.children[name]
    assert isinstance(node, Array)
    return node.read(tuple(slice(0, size) for size in node.shape))


def cut(pixels: Picture, height: float, width: float) -> Picture:
    """The rectangle of this size in the middle of the page."""
    top, left = round(MIDDLE[0] - height / 2), round(MIDDLE[1] - width / 2)
    return pixels[top : round(top + height), left : round(left + width)]


def fitted(shape: tuple[int, ...]) -> tuple[float, Picture]:
    """How our viewer shows a whole image of (rows, columns): its zoom, and its upper left corner as (x, y)."""
    rows, columns = shape
    zoom = min(PAGE[0] / rows, FREE / columns) * (1 - MARGIN)
    left = min(PAGE[1] / 2 - columns * zoom / 2, FREE * (1 - MARGIN / 2) - columns * zoom)
    return zoom, np.array((left, PAGE[0] / 2 - rows * zoom / 2))


def framed(pixels: Picture, shape: tuple[int, ...]) -> Picture:
    """The pixels of the page that lie inside a whole image of (rows, columns)."""
    zoom, (left, top) = fitted(shape)
    bottom, right = top + shape[0] * zoom, left + shape[1] * zoom
    return pixels[math.ceil(top) : math.floor(bottom), math.ceil(left) : math.floor(right)]


def grey(pixels: Picture) -> Picture:
    """Brightness from 0 to 1."""
    return pixels.mean(axis=2) / 255 if pixels.ndim == 3 else pixels


def likeness(shown: Picture, expected: Picture) -> float:
    """How similar the brightness of two pictures is, from -1 to 1, whatever their contrast."""
    height, width = shown.shape[:2]
    small = Image.fromarray(grey(expected).astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    return float(np.corrcoef(grey(shown).ravel(), np.asarray(small).ravel())[0, 1])


def coarse(pixels: Picture, edge: int = 8) -> Picture:
    """The brightness of squares of pixels.

    Pictures of single counts that lie a fraction of a pixel apart are then alike.
    """
    rows, columns = (size // edge for size in pixels.shape[:2])
    return grey(pixels)[: rows * edge, : columns * edge].reshape(rows, edge, columns, edge).mean(axis=(1, 3))
