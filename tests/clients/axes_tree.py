"""Trees in memory, some of whose axis names clash.

`tree()` is for a server, and `EXPECTED` is what xarray must find.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray

from tiled_zarr.nodes import Array
from tiled_zarr.revisions import launch_nonce

WEATHER = xarray.Dataset(
    {"t": (("time", "y"), np.arange(6.0).reshape(2, 3))}, {"time": [10, 20], "y": [1.0, 2.0, 3.0], "lon": ("y", [7.0, 8.0, 9.0])}
)
LATER = WEATHER.assign_coords(time=[30, 40])
LONGER = xarray.Dataset({"t": (("time", "y"), np.zeros((5, 4)))}, {"time": range(5)})
UNNAMED = xarray.Dataset({"a": xarray.DataArray(np.zeros((4, 5)))})
NESTED = xarray.DataTree.from_dict({"/": WEATHER, "/fine": xarray.Dataset({"u": (("time", "x"), np.zeros((2, 7)))}), "/fine/deep": WEATHER})
SOURCES = {"weather": WEATHER, "later": LATER, "longer": LONGER, "unnamed": UNNAMED, "nested": NESTED}


def array(values: Any, *names: str) -> Array:
    """A loose array with names of its own."""
    block = np.asarray(values)
    return Array(shape=block.shape, dtype=block.dtype, read=block.__getitem__, dimension_names=names, blocking=False, revision=launch_nonce)


def tree() -> dict[str, Any]:
    picture = array(np.zeros((8, 9), "u1"), "y", "x")
    return {
        "equal coordinates": {"a": WEATHER, "b": WEATHER.copy(), "c": {"d": WEATHER}},
        "different coordinates": {"a": WEATHER, "b": LATER, "c": {"d": LONGER}},
        "beside pictures": {"picture": picture, "weather": WEATHER, "nested": NESTED},
        "above an index": {"time": array([1, 2], "time"), "weather": WEATHER},
        "pictures of two sizes": {"a": picture, "b": array(np.zeros((4, 9)), "y", "x")},
        "the upper one first": {"a": array(np.zeros(8), "y"), "below": {"b": array(np.zeros(5), "y"), "deep": {"weather": WEATHER}}},
        "without names": {"raw": np.zeros((1, 5, 5)), "unnamed": UNNAMED},
        "called like axes": {"y": array(1.0), "a": array(np.zeros(5), "y"), "dim_5": np.zeros(5), "below": {"dim_5": np.ones(5)}},
        "an index and a group": {"time": array([1, 2], "time"), "below": {"time": {"a": np.zeros(3)}}},
    }


def names(source: xarray.Dataset) -> dict[str, list[str]]:
    return {str(name): list(map(str, variable.dims)) for name, variable in source.variables.items()}


W = names(WEATHER)
IN_NESTED = {"/nested": W, "/nested/fine": {"u": ["time", "x"]}, "/nested/fine/deep": {"t": ["time", "y"], "lon": ["y"]}}
EXPECTED: dict[str, dict[str, dict[str, list[str]]]] = {
    "equal coordinates": {"/a": W, "/b": W, "/c/d": W},
    "different coordinates": {"/a": W, "/b": names(LATER), "/c/d": names(LONGER)},
    "beside pictures": {"/": {"picture": ["y_8", "x_9"]}, "/weather": W, **IN_NESTED},
    "above an index": {"/": {"time": ["time_2"]}, "/weather": W},
    "pictures of two sizes": {"/": {"a": ["y_8", "x"], "b": ["y_4", "x"]}},
    "the upper one first": {"/": {"a": ["y_8"]}, "/below": {"b": ["y_5"]}, "/below/deep/weather": W},
    "without names": {"/": {"raw": ["dim_1", "dim_5", "dim_5_1"]}, "/unnamed": {"a": ["dim_0", "dim_5"]}},
    "called like axes": {"/": {"y": [], "a": ["y_5"], "dim_5": ["dim__5"]}, "/below": {"dim_5": ["dim__5"]}},
    "an index and a group": {"/": {"time": ["time_2"]}, "/below/time": {"a": ["dim_3"]}},
}
"""The names of axes, by path. An index with equal values in a group above is listed only there."""
