"""The sizes in the headers of pictures, as imagecodecs writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pytest

from tiled_zarr.adapters.tiff.pictures import pixels

ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "jpeg": imagecodecs.jpeg8_encode,
    "png": imagecodecs.png_encode,
    "webp": imagecodecs.webp_encode,
    "webp lossless": lambda block: imagecodecs.webp_encode(block, lossless=True),
    "jpeg xl": imagecodecs.jpegxl_encode,
    "jpeg xl in boxes": lambda block: imagecodecs.jpegxl_encode(block, usecontainer=True),
    "jpeg 2000": lambda block: imagecodecs.jpeg2k_encode(block, codecformat="jp2"),
    "jpeg 2000 bare": lambda block: imagecodecs.jpeg2k_encode(block, codecformat="j2k"),
}
SHAPES = [(8, 8), (16, 24), (37, 41), (64, 64), (120, 100), (90, 160), (100, 700), (1, 3)]


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sizes_are_those_that_were_encoded(name: str, shape: tuple[int, int]) -> None:
    data = ENCODERS[name](np.zeros((*shape, 3), "u1"))
    assert pixels(data) == shape[0] * shape[1]


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff\xc4", bytes(100), b"RIFF....WEBPVP9 " + bytes(20)])
def test_what_is_no_picture_has_no_size(data: bytes) -> None:
    assert pixels(data) is None
