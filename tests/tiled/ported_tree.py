"""A tree of Tiled's adapters with what Tiled's test of its Zarr endpoint has.

https://github.com/bluesky/tiled/blob/main/tests/test_zarr.py
"""

from __future__ import annotations

import math
import string

import dask.array
import numpy as np
import pandas as pd
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.dataframe import DataFrameAdapter
from tiled.adapters.mapping import MapAdapter

draw = np.random.default_rng(20261126)
DATES = np.array(["2011-02-17", "2009-09-01", "2010-12-24"], "M8[D]")
TRIPLES = [letter * 3 for letter in string.ascii_letters]
KINDS = {
    "int8": np.arange(10, dtype="b") % 2,
    "int32": draw.integers(-10, 10, 10, "i"),
    "uint8": draw.integers(1, 10, 10, "u1"),
    "uint16": draw.integers(1, 10, 10, "u2"),
    "uint64": draw.integers(1, 10, 10, "u8"),
    "float32": draw.random(10, "f"),
    "complex64": (draw.random(10) + 1j * draw.random(10)).astype("c8"),
    "bytes": np.array(TRIPLES, "S3"),
    "text": np.array(TRIPLES, "U3"),
    "duration": DATES - np.datetime64("2010-01-01"),
    "date": DATES,
    "record": np.array([("Ada", 36, 58.5), ("Bea", 9, 27.0)], [("name", "U10"), ("age", "i4"), ("weight", "f4")]),
}
"""One axis of each type that Tiled's test has."""
SCALARS = {kind: values[0].reshape(()) if values.dtype.names else np.array(values[0], values.dtype) for kind, values in KINDS.items()}
CUBES = {"three_axes": draw.random((10, 10, 10)), "five_axes": draw.random((10, 10, 10, 10, 10))}
PLANE = draw.random((10, 10))
NOT_FINITE = np.array([0, 1, math.nan, -math.inf, math.inf])
EMPTY = np.zeros((0, 100, 1, 10))
FRAME = pd.DataFrame({"x": draw.random(10), "y": draw.integers(10, size=10, dtype="u8"), "z": draw.integers(-10, 10, 10, "i8")})
METADATA = {"nan": math.nan, "above": math.inf, "below": -math.inf}
ARRAYS = {
    **{f"nested/array/{kind}": values for kind, values in KINDS.items()},
    **{f"scalar/{kind}": value for kind, value in SCALARS.items()},
    **{f"nested/cube/{name}": values for name, values in CUBES.items()},
    "nested/array/plane": PLANE,
    "plane": PLANE,
    "inf/example": NOT_FINITE,
    "zero/example": EMPTY,
}
"""The values of each array by its path."""
TABLES = ("table/divided", "table/single")
"""The paths at which there is the frame, in three partitions and in one."""


def adapters(arrays: dict[str, np.ndarray]) -> dict[str, ArrayAdapter]:
    return {name: ArrayAdapter.from_array(values) for name, values in arrays.items()}


def tree() -> MapAdapter:
    """The tree as a Tiled server is given it."""
    plane = ArrayAdapter.from_array(PLANE)
    none = ArrayAdapter.from_array(dask.array.from_array(EMPTY, chunks=EMPTY.shape))
    return MapAdapter(
        {
            "nested": MapAdapter({"array": MapAdapter({**adapters(KINDS), "plane": plane}), "cube": MapAdapter(adapters(CUBES))}),
            "inf": MapAdapter({"example": ArrayAdapter.from_array(NOT_FINITE, metadata=METADATA)}, metadata=METADATA),
            "scalar": MapAdapter(adapters(SCALARS)),
            "zero": MapAdapter({"example": none}),
            "table": MapAdapter({"divided": table(3), "single": table(1)}),
            "plane": plane,
        }
    )


def table(partitions: int) -> DataFrameAdapter:
    return DataFrameAdapter.from_pandas(FRAME, npartitions=partitions)
