from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tiled_zarr.http.site import png


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 5, 3), (192, 100, 3)], ids=str)
def test_pillow_reads_the_same_pixels(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with Image.open(io.BytesIO(png.encode(pixels))) as image:
        assert np.array_equal(np.asarray(image), pixels)
