"""A tree of records that are no arrays in Zarr, beside records that are.

There is also the same tree with their fields as numpy has them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from clients.every_type import ONE_D, RECORDS, array, group
from tiled_zarr.nodes import Group, Node

TEXTS = np.array([("naïve", 1), ("", 2), ("日本", 3)], [("text", object), ("n", "i4")])
ARRAYS = np.zeros(9, [("id", "u1"), ("v", ">f4", 3), ("m", "i2", (2, 2))])
ARRAYS["v"], ARRAYS["m"] = np.arange(27).reshape(9, 3), np.arange(36).reshape(9, 2, 2)
NESTED = np.array([((1, 2.5), True), ((3, 4), False)], [("z", [("re", "f4"), ("im", "f4")]), ("ok", "?")])
DEEP = np.zeros((2, 3), np.dtype([("a", [("b", [("when", "M8[s]", 2)], (3,)), ("s", "S3")], 2), ("u", "U2")], align=True))
DEEP["a"]["b"]["when"] = np.arange(72).reshape(2, 3, 2, 3, 2).astype("M8[s]")
DEEP["a"]["s"], DEEP["u"] = b"xy", "日"
SPLIT = {
    "arrays": ARRAYS,
    "nested": NESTED,
    "deep": DEEP,
    "no_axes": NESTED[0:1].reshape(()),
    "no_items": ARRAYS[:0],
    "odd_names": np.array([(1, 2, [3])], [("a b", "i4"), ("x/y", "i4"), ("zarr.json", "i4", 1)]),
    "texts": TEXTS,
}


def tree() -> Group:
    """As it is served: arrays of records."""
    split = {name: array(values, {"unit": "mm"}, options=ONE_D) for name, values in SPLIT.items()}
    return group({**split, "flat": array(RECORDS["pets"])})


def truth() -> Group:
    """As it is read: groups of fields."""
    split = {name: fields(values, {"unit": "mm"}) for name, values in SPLIT.items()}
    return group({**split, "flat": array(RECORDS["pets"])})


def fields(values: np.ndarray[Any, Any], attributes: dict[str, Any] | None = None) -> Node:
    """The fields of records, as numpy has them."""
    if values.dtype.names is None:
        return replace(array(values), attributes={})
    return group({name: fields(values[name]) for name in values.dtype.names}, attributes)
