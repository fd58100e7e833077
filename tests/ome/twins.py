"""Levels as six obvious lines make them, and stores for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tiled_zarr.budgets import Budget
from tiled_zarr.caches.cost import Cache
from tiled_zarr.nodes import Array, Dense
from tiled_zarr.ome.display.display import display
from tiled_zarr.ome.image import Image
from tiled_zarr.ome.pyramid.background import Background
from tiled_zarr.ome.pyramid.planes import Planes
from tiled_zarr.ome.pyramid.stores import Stores

LARGE = 1 << 40


def halved(values: np.ndarray, rule: str = "mean") -> np.ndarray:
    """Half the rows and columns, pixel by pixel."""
    *leading, rows, columns = values.shape
    out = np.empty((*leading, -(-rows // 2), -(-columns // 2)), values.dtype.newbyteorder("<"))
    for place in np.ndindex(out.shape):
        *at, y, x = place
        square = values[(*at, slice(2 * y, 2 * y + 2), slice(2 * x, 2 * x + 2))].ravel()
        out[place] = mode(square) if rule == "mode" else mean(square)
    return out


def mean(square: np.ndarray) -> object:
    if square.dtype.kind == "f":
        numbers = [float(x) for x in square if x == x]  # noqa: PLR0124 - only NaN differs from itself
        return sum(numbers) / len(numbers) if numbers else np.nan
    return (2 * sum(int(x) for x in square) + len(square)) // (2 * len(square))


def mode(square: np.ndarray) -> object:
    numbers = sorted(x for x in square.tolist() if x == x)  # noqa: PLR0124
    return max(numbers, key=lambda x: (numbers.count(x), -x)) if numbers else np.nan


def mean_of_valid(values: np.ndarray, marks: tuple[float, ...], mark: float) -> np.ndarray:
    """Half the rows and columns, pixel by pixel: the mean of what is no mark, else `mark`."""
    *leading, rows, columns = values.shape
    out = np.empty((*leading, -(-rows // 2), -(-columns // 2)), values.dtype.newbyteorder("<"))
    for place in np.ndindex(out.shape):
        *at, y, x = place
        square = values[(*at, slice(2 * y, 2 * y + 2), slice(2 * x, 2 * x + 2))].ravel()
        valid = np.array([item for item in square if item not in marks], values.dtype)
        out[place] = mean(valid) if valid.size else mark
    return out


def valid_levels(values: np.ndarray, count: int, marks: tuple[float, ...], shown: float) -> list[np.ndarray]:
    """The levels of an image with marks, in place of which `shown` is served."""
    made = [values]
    while len(made) < count:
        made.append(mean_of_valid(made[-1], marks, marks[0]))
    return [np.where(np.isin(level, marks), np.array(shown, level.dtype), level) for level in made]


def levels(values: np.ndarray, count: int, rule: str = "mean") -> list[np.ndarray]:
    made = [values]
    while len(made) < count:
        made.append(halved(made[-1], rule))
    return made


def assert_same(got: np.ndarray, expected: np.ndarray) -> None:
    """Integers bit by bit, floats within 2 units in the last place."""
    if expected.dtype.kind == "f":
        np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
        np.testing.assert_array_max_ulp(np.nan_to_num(got), np.nan_to_num(expected.astype(got.dtype)), maxulp=2)
    else:
        np.testing.assert_array_equal(got, expected)


def stores(*, tiles: int = LARGE, planes: int = LARGE, folder: Path | None = None, **fields: Any) -> Stores:
    return Stores(
        tiles=Cache(tiles, lambda block: block.nbytes),
        planes=Planes(planes, folder),
        background=Background(),
        **{"memory": Budget(LARGE, 60), **fields},
    )


def image(node: Array, shared: Stores | None = None, path: str = "/image") -> Image:
    """The image that a node is."""
    assert display(node) is not None
    made = Image.of(path, node, shared or stores())
    assert made is not None
    return made


def whole(node: Array) -> np.ndarray:
    """All of an array."""
    return np.asarray(node.read(tuple(slice(0, size) for size in node.shape)))


def node_of(values: np.ndarray, **fields: object) -> Array:
    """An array node that computes, so that nothing is made eagerly."""
    given = {"revision": lambda: "1", **fields}
    source = Dense(lambda region: values[region], given.pop("read_stepped", None), blocking=given.pop("blocking", True))  # type: ignore[arg-type]
    return Array(shape=values.shape, dtype=values.dtype, source=source, **given)  # type: ignore[arg-type]
