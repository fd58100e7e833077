"""The display view: types and axes that viewers draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ome.twins import node_of, whole
from tiled_zarr.nodes import Coordinates, Sparse
from tiled_zarr.ome.display.display import Display, display

RANGED = {"tiled_zarr": {"range": [0, 4_000_000_000]}}


def shown(values: np.ndarray, **fields: object) -> Display:
    made = display(node_of(values, **fields))
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("dtype", "attributes", "expected"),
    [
        ("?", {}, "u1"),
        *((dtype, {}, dtype) for dtype in ("u1", "i2", ">u2", "<i4", "u4", "f4", ">f4")),
        ("f2", {}, "f4"),
        (">f8", {}, "f4"),
        ("i8", {}, "f4"),
        ("u8", {}, "f4"),
        ("i8", RANGED, "u4"),
        ("u8", {"valid_range": np.array([-5, 5])}, "i4"),
        ("i8", {"valid_range": [0, 2**40]}, "f4"),
    ],
)
def test_types(dtype: str, attributes: dict[str, object], expected: str) -> None:
    values = np.arange(12).reshape(3, 4).astype(dtype)
    made = shown(values, attributes=attributes)
    got = whole(made.array)
    assert got.dtype == made.array.dtype == np.dtype(expected)
    np.testing.assert_array_equal(got, values.astype(expected))


@pytest.mark.parametrize("dtype", ["S3", "U3", "M8[ns]", "m8[s]", [("a", "u1")], object])
def test_what_is_no_number_is_no_image(dtype: object) -> None:
    assert display(node_of(np.zeros((3, 4), dtype))) is None


def test_values_too_large_for_32_bits_become_infinite() -> None:
    assert np.isinf(whole(shown(np.full((2, 2), 1e300)).array)).all()


def test_a_colour_picture_becomes_planes() -> None:
    values = np.random.default_rng(0).integers(0, 255, (40, 30, 3)).astype("u1")
    made = shown(values, chunks=(20, 10, 3))
    assert (made.axes, made.is_colour, made.channels, made.array.chunks) == ("cyx", True, 3, (3, 20, 10))
    np.testing.assert_array_equal(whole(made.array), np.moveaxis(values, 2, 0))
    np.testing.assert_array_equal(made.array.read((slice(1, 2), slice(3, 9), slice(5, 7))), np.moveaxis(values, 2, 0)[1:2, 3:9, 5:7])
    assert made.weight == 3


@pytest.mark.parametrize("names", ["yx", "cyx", "yxc"])
@pytest.mark.parametrize("blocking", [True, False])
def test_complex_numbers_become_magnitudes_and_phases(names: str, blocking: bool) -> None:
    rng = np.random.default_rng(0)
    shape = {"yx": (4, 5), "cyx": (2, 4, 5), "yxc": (4, 5, 2)}[names]
    values = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    made = shown(values, dimension_names=tuple(names), blocking=blocking)
    planes = {"yx": values[None], "cyx": values, "yxc": np.moveaxis(values, -1, 0)}[names]
    expected = np.concatenate([np.abs(planes), np.angle(planes)]).astype("f4")
    assert (made.axes, made.array.dtype) == ("cyx", np.dtype("f4"))
    np.testing.assert_array_equal(whole(made.array), expected)
    np.testing.assert_array_equal(made.array.read((slice(1, 2), slice(1, 3), slice(2, 5))), expected[1:2, 1:3, 2:5])
    if made.array.source.read_stepped is not None:
        everything = tuple(slice(0, size) for size in expected.shape)
        np.testing.assert_array_equal(made.array.source.read_stepped(everything, (1, 2, 3)), expected[:, ::2, ::3])


def test_views_in_memory_can_be_stepped_over_for_free() -> None:
    values = np.arange(100).reshape(10, 10)
    made = shown(values, blocking=False, dimension_names=("x", "y"))
    assert made.array.source.read_stepped is not None
    np.testing.assert_array_equal(made.array.source.read_stepped((slice(0, 10), slice(1, 9)), (2, 3)), values.T[::2, 1:9:3])
    assert shown(values).array.source.read_stepped is None


def test_sparse_images_are_dense() -> None:
    coords, data = np.array([[0, 2], [1, 3]]), np.array([5.0, 7.0])
    node = Sparse(shape=(3, 4), dtype=np.dtype("f8"), entries=lambda: (coords, data))
    made = display(node)
    assert made is not None
    expected = np.zeros((3, 4), "f4")
    expected[coords[0], coords[1]] = data
    np.testing.assert_array_equal(whole(made.array), expected)
    filled = display(replace(node, dtype=np.dtype("c16"), source=Coordinates(lambda: (coords, data.astype("c16")), fill=1)))
    assert filled is not None
    assert whole(filled.array)[0, 1, 1] == 1
