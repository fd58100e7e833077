"""Levels as numpy makes them bin by bin, and lines for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from tiled_zarr.budgets import Budget
from tiled_zarr.caches.cost import Cache
from tiled_zarr.minmax import Stores
from tiled_zarr.nodes import Array, Dense
from tiled_zarr.ome.pyramid.background import Background

LARGE = 1 << 40


def extremes(values: np.ndarray, factor: int, mark: Any = None) -> np.ndarray:
    """The smallest and largest valid value of each bin; NaN, NaT or the mark if there is none."""
    values = values.view("u1") if values.dtype.kind == "b" else values
    out = np.empty((-(-len(values) // factor), 2), values.dtype.newbyteorder("<"))
    for i in range(len(out)):
        one = values[i * factor : (i + 1) * factor]
        valid = one[(one == one) & (True if mark is None else one != mark)]  # noqa: PLR0124 - only NaN and NaT differ
        none = {"f": np.nan, "M": "NaT", "m": "NaT"}.get(values.dtype.kind, mark)
        out[i] = (valid.min(), valid.max()) if valid.size else none
    return out


def stores(*, tiles: int = LARGE, budget: int = LARGE, **background: Any) -> Stores:
    return Stores(
        tiles=Cache(tiles, lambda block: block.nbytes), background=Background(**background), memory=Budget(LARGE, 60), budget=budget
    )


def node_of(values: np.ndarray, **fields: Any) -> Array:
    """A line that is read from a slow source at revision "1"."""
    given = {"revision": lambda: "1", "blocking": True, **fields}
    source = Dense(given.pop("read", lambda region: values[region]), extremes=given.pop("extremes", None), blocking=given.pop("blocking"))
    return Array(shape=values.shape, dtype=values.dtype, source=source, **given)
