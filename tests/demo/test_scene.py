from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.truth import leaves, read
from tiled_zarr.demo.noise import hashed, octaves, plane
from tiled_zarr.demo.scene import picture
from tiled_zarr.demo.spots import Lattice
from tiled_zarr.demo.view import View, over

SIZES = (50, 300, 1000, 10_000, 100_000)
LARGEST = 150


def spans(size: int) -> st.SearchStrategy[range]:
    """Half-open ranges of at most `LARGEST` pixels."""
    return st.integers(0, size - 1).flatmap(
        lambda start: st.integers(start + 1, min(size, start + LARGEST)).map(lambda stop: range(start, stop))
    )


@given(st.sampled_from(SIZES).flatmap(lambda size: st.tuples(st.just(size), spans(size), spans(size))), st.data())
def test_a_part_has_the_bits_of_the_whole(box, data):
    size, rows, columns = box
    down, aside = data.draw(spans(len(rows))), data.draw(spans(len(columns)))
    whole = picture(rows, columns, size)
    part = picture(rows[down.start : down.stop], columns[aside.start : aside.stop], size)
    np.testing.assert_array_equal(part, whole[down.start : down.stop, aside.start : aside.stop])


@pytest.mark.parametrize("size", SIZES)
def test_tiles_leave_no_seam(size):
    """A box that straddles tiles and the shore is made of its pixels."""
    rows, columns = range(int(0.755 * size), min(int(0.755 * size) + 600, size)), range(min(600, size))
    whole = picture(rows, columns, size)
    for row in (0, len(rows) // 2, len(rows) - 1):
        for column in (0, len(columns) - 1):
            pixel = picture(rows[row : row + 1], columns[column : column + 1], size)
            assert pixel[0, 0] == whole[row, column]


@pytest.mark.parametrize("size", [50, 300, 1000])
def test_brightness_uses_its_whole_range(size):
    whole = picture(range(size), range(size), size)
    assert 0 <= whole.min() < 0.05
    assert 0.9 < whole.max() <= 1
    assert np.isfinite(whole).all()


def test_all_sizes_show_one_picture():
    """Averaged down to 50 pixels, the larger images differ little from each other."""
    small, medium = read(leaves()["nested/images/small_image"]), read(leaves()["nested/images/medium_image"])
    difference = small.reshape(50, 6, 50, 6).mean((1, 3)) - medium.reshape(50, 20, 50, 20).mean((1, 3))
    assert np.abs(difference).mean() < 0.02


@pytest.mark.parametrize(("y", "x"), [(0, 0), (27_000, 64_000), (50_000, 93_500), (79_000, 10_500), (91_000, 60_000)])
def test_the_gigapixel_never_runs_out_of_detail(y, x):
    """No 512 x 512 pixels are of one colour."""
    node = leaves()["nested/images/gigapixel"]
    assert np.ptp(read(node, (slice(y, y + 512), slice(x, x + 512)))) > 0


axes = st.integers(0, 49).flatmap(lambda start: st.integers(start + 1, min(start + 4, 50)).map(lambda stop: slice(start, stop)))


@pytest.mark.parametrize("path", ["nested/cubes/tiny_cube", "nested/cubes/tiny_hypercube"])
@given(data=st.data())
def test_a_part_of_a_cube_has_the_bits_of_a_larger_part(path, data):
    node = leaves()[path]
    region = data.draw(st.tuples(*[axes] * len(node.shape)))
    larger = tuple(slice(max(axis.start - 2, 0), min(axis.stop + 1, 50)) for axis in region)
    inner = tuple(slice(axis.start - outer.start, axis.stop - outer.start) for axis, outer in zip(region, larger, strict=True))
    np.testing.assert_array_equal(read(node, region), read(node, larger)[inner])


def test_the_sparse_image_holds_the_lights_of_the_picture():
    node = leaves()["nested/sparse_image"]
    coords, data = node.source.entries()
    assert coords.shape == (2, data.size)
    assert 0.02 < data.size / 10_000 < 0.2
    whole = picture(range(100), range(100), 100).astype("f8")
    np.testing.assert_array_equal(read(node), np.where(whole > 0.62, whole, 0))


def test_spots_that_would_leave_their_cell_are_refused():
    with pytest.raises(ValueError, match="leave their cell"):
        Lattice(seed=0, frequency=1.0, smallest=0.1, largest=0.3, least=0.5, reach=1.2)


def naive_plane(seed: int, v: float, u: float, frequency: tuple[float, float]) -> float:
    """Value noise at one place, in Python's own numbers."""
    shift_v, shift_u = (float(h) for h in hashed(seed, np.array([-1, -2])))
    y, x = v * frequency[0] + shift_v, u * frequency[1] + shift_u
    row, column = int(np.floor(y)), int(np.floor(x))
    corners = [[2 * float(hashed(seed, np.array([row + j]), np.array([column + i]))[0]) - 1 for i in (0, 1)] for j in (0, 1)]
    ease = [t * t * (3 - 2 * t) for t in (y - row, x - column)]
    above, below = (left + (right - left) * ease[1] for left, right in corners)
    return above + (below - above) * ease[0]


@given(
    st.integers(0, 500),
    st.lists(st.floats(-1, 2), min_size=1, max_size=5),
    st.lists(st.floats(0, 1), min_size=1, max_size=5).map(sorted),
    st.tuples(st.floats(0.5, 5000), st.floats(0.5, 5000)),
)
def test_noise_equals_its_naive_twin(seed, v, u, frequency):
    got = plane(seed, View(np.array(v), np.array(u), 0.01), frequency)
    expected = [[naive_plane(seed, y, x, frequency) for x in u] for y in v]
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_hashes_are_spread_evenly():
    values = hashed(7, np.arange(300)[:, None], np.arange(300)[None, :])
    counts = np.histogram(values, bins=10, range=(0, 1))[0]
    assert counts.min() > 8500
    assert abs(np.corrcoef(values[:-1].ravel(), values[1:].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize(("frequency", "pixel", "count"), [(1.0, 1.0, 1), (1.0, 0.5 / 1.93, 2), (10.0, 1e-3, 6), (1.0, 1e-30, 24)])
def test_octaves_end_at_two_pixels(frequency, pixel, count):
    assert octaves(frequency, pixel) == count


def test_painting_is_exact_at_both_ends():
    canvas = np.full((1, 3), 0.1, np.float32)
    over(canvas, np.array([[0, 0.5, 1]], np.float32), np.full((1, 3), 0.7, np.float32))
    np.testing.assert_array_equal(canvas[0, [0, 2]], np.float32([0.1, 0.7]))
