from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiled_zarr import grid
from tiled_zarr.grid import Grid

shapes = st.lists(st.integers(0, 12), max_size=4).map(tuple)

CHOICES = [
    # shape, itemsize, the source's own chunks, wanted, chosen
    ("0-d", (), 8, None, None, ()),
    ("small is whole", (50, 50), 8, None, None, (50, 50)),
    ("empty", (0, 5), 8, None, None, (1, 5)),
    ("small, though chunked", (100, 60), 8, (10, 10), None, (100, 60)),
    ("own chunks are kept", (1000, 1000), 8, (250, 100), None, (250, 100)),
    ("own chunks too small", (1000, 1000), 8, (10, 10), None, (512, 512)),
    ("own chunks too large", (10000, 10000), 8, (10000, 1000), None, (512, 512)),
    ("image", (10000, 10000), 2, None, None, (512, 512)),
    ("image larger than one tile on one axis", (300, 10000), 2, None, None, (512, 512)),
    ("stack of images", (5, 3, 1000, 1000), 2, None, None, (1, 1, 512, 512)),
    ("wide items", (1000, 1000), 100, None, None, (256, 256)),
    ("cube", (50,) * 5, 8, None, None, (1, 1, 50, 50, 50)),
    ("long line", (10**9,), 8, None, None, (131072,)),
    ("wanted", (1000, 1000), 8, (250, 100), (100, 100), (100, 100)),
    ("wanted larger than the array", (10, 10), 8, None, (100, 100), (10, 10)),
    ("wanted of other axes", (50, 50), 8, None, (10,), (50, 50)),
    ("wanted too large", (100000, 100000), 8, None, (100000, 100), (6250, 100)),
    ("items beyond the largest chunk", (4,), 10**8, None, None, (1,)),
]


@pytest.mark.parametrize(
    ("shape", "itemsize", "own", "wanted", "chosen"), [case[1:] for case in CHOICES], ids=[case[0] for case in CHOICES]
)
def test_choice(shape: tuple, itemsize: int, own: tuple | None, wanted: tuple | None, chosen: tuple) -> None:
    assert grid.choose(shape, itemsize, own=own, wanted=wanted) == chosen


@given(st.lists(st.integers(0, 10**6), max_size=5).map(tuple), st.integers(1, 10**6))
def test_a_chosen_chunk_has_bounds(shape: tuple, itemsize: int) -> None:
    chunk_shape = grid.choose(shape, itemsize)
    assert len(chunk_shape) == len(shape)
    assert all(size >= 1 for size in chunk_shape)
    assert math.prod(chunk_shape) == 1 or math.prod(chunk_shape) * itemsize <= grid.LARGEST


@given(shapes, st.data())
def test_regions_cover_the_array_once(shape: tuple, data: st.DataObject) -> None:
    chunk_shape = tuple(data.draw(st.integers(1, 5)) for _ in shape)
    cut = Grid(shape, chunk_shape)
    seen = np.zeros(shape, dtype=int)
    for index in cut:
        assert index in cut
        seen[cut.region(index)] += 1
        assert cut.start(index) == tuple(part.start for part in cut.region(index))
    assert (seen == 1).all()
    assert math.prod(cut.counts) == len(list(cut))


@pytest.mark.parametrize("index", [(3, 0), (0, 1), (-1, 0), (0,), (0, 0, 0), ()])
def test_outside(index: tuple) -> None:
    assert index not in Grid((100, 30), (40, 30))
