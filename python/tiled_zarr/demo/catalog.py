"""The demo tree: which node is at which path."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ..nodes import Array, Group, Node, Region
from . import frames, images
from .content import Values, held, made, revision
from .noise import hashed

CAT = MappingProxyType({"animal": "cat", "color": "green"})
DOG = MappingProxyType({"animal": "dog", "color": "red"})
TICK = 3
"""Seconds after which `dynamic` changes its value."""


def tree() -> Group:
    """The root group of the demo; whatever is slow is computed at its first read."""
    return group(
        {
            "scalars": scalars(),
            "nested": nested(),
            "tables": group({"short_table": frames.short_table(), "long_table": frames.long_table(), "wide_table": frames.wide_table()}),
            "structured_data": group({"pets": pets(), "xarray_dataset": frames.xarray_dataset()}, CAT),
            "flat_array": held(frames.skyline(100)),
            "low_entropy": held(np.ones((100, 100), np.int32)),
            "high_entropy": held(dice((100, 100))),
            "dynamic": dynamic(),
        }
    )


def group(children: Mapping[str, Node], attributes: Mapping[str, Any] | None = None) -> Group:
    """A group that never changes: its revision is that of the program."""
    return Group(children=children, attributes=attributes or {}, revision=revision)


def scalars() -> Group:
    """A group of numbers and short texts; three of them have no axis."""
    children = {"pi": held(3.14159), "e_arr": held(["2.71828"]), "fsc": held("1/137"), "fortytwo": held(np.int64(42))}
    return group(children, {"numbers": "constants", "precision": 5})


def nested() -> Group:
    """Images, cubes and other arrays; two that Zarr cannot express are named as unavailable."""
    pictures = {
        "tiny_image": images.image(50),
        "small_image": images.image(300),
        "medium_image": images.image(1000, chunks=(250, 100)),
        "big_image": images.big_image(10_000),
        "gigapixel": images.gigapixel(100_000),
    }
    return Group(
        children={
            "images": group(pictures, CAT),
            "cubes": group({"tiny_cube": images.tiny_cube(), "tiny_hypercube": images.tiny_hypercube()}, DOG),
            "complex": made((30, 50), "c16", cubic),
            "sparse_image": images.sparse_image(100),
        },
        attributes=CAT,
        unavailable=lambda: {
            "awkward_array": "a list of lists of records with fields of any length has no shape; Zarr arrays need one",
            "ragged_array": "its rows differ in length; Zarr arrays have one length on every axis",
        },
        revision=revision,
    )


def cubic() -> Values:
    """Z**3 - 1 around the origin: it has three zeros, and its phase turns once around each."""
    y, x = np.linspace(-1.2, 1.2, 30)[:, None], np.linspace(-2, 2, 50)[None, :]
    values = np.empty((30, 50), np.complex128)
    values.real, values.imag = x * x * x - 3 * x * y * y - 1, 3 * x * x * y - y * y * y
    return values


def dice(shape: tuple[int, int]) -> Values:
    """Integers from -10 to 9 without any pattern."""
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    return np.floor(20 * hashed(42, rows, columns)).astype(np.int64) - 10


def pets() -> Array:
    """An array of two records."""
    return held(np.array([("Rex", 9, 81.0), ("Fido", 3, 27.0)], dtype=[("name", "U10"), ("age", "i4"), ("weight", "f4")]))


def dynamic() -> Array:
    """The number of ticks since 1970, equal in every worker.

    It changes while clients read it, so it has no revision.
    """

    def read(region: Region) -> Values:
        return np.full((3, 3), time.time() // TICK)[region]

    return Array(shape=(3, 3), dtype=np.dtype("f8"), read=read, blocking=False)
