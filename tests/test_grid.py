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


GROWING = [
    # maxshape, itemsize, the source's own chunks, wanted, chosen
    ("events in tiny chunks", (None,), 8, (10,), None, (10240,)),
    ("events in fair chunks", (None,), 8, (10_000,), None, (10_000,)),
    ("events in huge chunks", (None,), 8, (10**6,), None, (131_072,)),
    ("no chunks known", (None,), 8, None, None, (8192,)),
    ("small frames", (None, 64, 64), 2, (1, 64, 64), None, (8, 64, 64)),
    ("frames", (None, 256, 300), 2, (1, 256, 300), None, (1, 256, 300)),
    ("large frames", (None, 2048, 2048), 4, (1, 2048, 2048), None, (1, 512, 512)),
    ("scan of frames", (None, None, 2048, 2048), 2, (1, 1, 2048, 2048), None, (1, 1, 512, 512)),
    ("spectra", (None, 1000), 4, (1, 1000), None, (512, 512)),
    ("short rows", (None, 3), 8, (100, 3), None, (3200, 3)),
    ("grows at the end", (100, None), 8, (100, 10), None, (100, 160)),
    ("any axis", (None, None), 8, (5, 5), None, (160, 80)),
    ("any axis, an image", (None, None), 8, (2000, 2000), None, (512, 512)),
    ("an end far away", (10**9,), 8, (10,), None, (131_072,)),
    ("an end at hand", (1000,), 8, (10,), None, (1000,)),
    ("an end on each axis", (100, 60), 8, (10, 10), None, (100, 60)),
    ("wanted", (None, 100), 8, (10, 10), (50, 200), (50, 100)),
    ("wide items", (None,), 10**7, None, None, (1,)),
    ("rows of nothing", (None, 0), 8, (10, 1), None, (10240, 1)),
]


@pytest.mark.parametrize(
    ("maxshape", "itemsize", "own", "wanted", "chosen"), [case[1:] for case in GROWING], ids=[case[0] for case in GROWING]
)
def test_choice_for_what_grows(maxshape: tuple, itemsize: int, own: tuple | None, wanted: tuple | None, chosen: tuple) -> None:
    assert grid.choose_growing(maxshape, itemsize, own=own, wanted=wanted) == chosen


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**6)), max_size=5).map(tuple), st.integers(1, 10**6), st.data())
def test_a_chunk_of_what_grows_has_bounds(maxshape: tuple, itemsize: int, data: st.DataObject) -> None:
    own = data.draw(st.none() | st.tuples(*(st.integers(0, 10**4) for _ in maxshape)))
    chunk_shape = grid.choose_growing(maxshape, itemsize, own=own)
    assert len(chunk_shape) == len(maxshape)
    assert all(size >= 1 for size in chunk_shape)
    assert math.prod(chunk_shape) == 1 or math.prod(chunk_shape) * itemsize <= grid.LARGEST
    if None not in maxshape:
        assert chunk_shape == grid.choose(maxshape, itemsize, own=own)


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
