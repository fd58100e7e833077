"""A tree with every type that Zarr can carry, in awkward shapes, layouts and names.

What a client can read, it must read right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tiled_zarr.nodes import Array, Group, Node, Options, Region, Sparse, Table

DEFAULT = Options()
CHUNK = Options(chunk_shape=(3, 2))
ONE_D = Options(chunk_shape=(4,))
SHAPE = (7, 5)


def tree() -> Group:
    return group(
        {
            "numbers": group({name: array(numbers(name), options=CHUNK) for name in NUMBERS}),
            "scalars": group({name: array(numbers(name)[1, 1]) for name in NUMBERS}),
            "text": group({name: array(values, options=ONE_D) for name, values in TEXT.items()}),
            "times": group({name: array(values, options=ONE_D) for name, values in TIMES.items()}),
            "records": group({name: array(values, options=ONE_D) for name, values in RECORDS.items()}),
            "layouts": group({name: array(values, options=CHUNK) for name, values in LAYOUTS.items()}),
            "empty": group({"none": array(np.zeros(0, "i4")), "no_columns": array(np.zeros((3, 0), "f8"))}),
            "sparse": group({"doubled": sparse(None), "filled": sparse(7)}),
            "table": Table(children={"index": array(np.arange(6)), "x": array(np.linspace(0, 1, 6))}, revision=still),
            "names": group({name: array(np.arange(5)) for name in NAMES}),
            "cf": group({"time": array(np.arange(5), {"units": "days since 2000-01-01", "calendar": "standard"}, ("time",))}),
        },
        {"title": "every type", "none": None, "nested": {"list": [1, 2.5, "x"]}},
    )


def still() -> str:
    return "1"


def array(
    values: Any, attributes: Mapping[str, Any] | None = None, names: tuple[str, ...] | None = None, options: Options = DEFAULT
) -> Array:
    values = np.asarray(values)

    def read(region: Region) -> np.ndarray[Any, Any]:
        return np.asarray(values[(*region, ...)])

    return Array(
        shape=values.shape,
        dtype=values.dtype,
        read=read,
        attributes=attributes or {"kind": values.dtype.kind},
        dimension_names=names,
        revision=still,
        blocking=False,
        options=options,
    )


def sparse(fill: int | None) -> Array:
    coords = np.array([[6, 0, 3, 3, 0], [4, 0, 1, 1, 2]])
    data = np.array([1.5, 2.0, 3.0, 4.0, -1.0])
    return Sparse(shape=SHAPE, dtype=data.dtype, entries=lambda: (coords, data), fill=fill, revision=still, blocking=False, options=CHUNK)


def group(children: Mapping[str, Node], attributes: Mapping[str, Any] | None = None) -> Group:
    return Group(children=children, attributes=attributes or {}, revision=still)


def numbers(name: str) -> np.ndarray[Any, Any]:
    """Zeros, ones, extremes and, for floats, what is no number."""
    dtype = np.dtype(name)
    values = np.arange(35).reshape(SHAPE).astype(dtype)
    if dtype.kind in "iu":
        values[0, :2] = np.iinfo(dtype).min, np.iinfo(dtype).max
    if dtype.kind in "fc":
        values[0] = np.nan, np.inf, -np.inf, -0.0, np.finfo(dtype).max
    return values


NUMBERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
NUMBERS = (*NUMBERS, "complex64", "complex128")
TEXT = {
    "bytes": np.array([b"a", b"", b"abc", b"\xff\xfe", b"zz"]),
    "unicode": np.array(["", "e", "naïve", "日本", "🙂"]),
    "unicode_scalar": np.array("Hello"),
    "strings": np.array(["", "ä", "longer than all the others", "🙂", "x"], object),
    "string_scalar": np.array("naïve", object),
}
TIMES = {
    "seconds": np.array(["2026-11-23T07:00:00", "NaT", "1969-12-31", "1970-01-01", "2000-02-29"], "M8[s]"),
    "nanoseconds": np.array(["2026-11-23T07:00:00.000000001", "NaT", "1970-01-01"], "M8[ns]"),
    "days": np.array(["2026-11-23", "1969-12-31", "NaT"], "M8[D]"),
    "spans": np.array([0, -5, 7], "m8[ms]"),
}
RECORDS = {
    "numeric": np.array([(1, 2.5), (0, np.nan), (-3, 0.0), (4, 1.0), (5, 5.0)], [("a", "i4"), ("b", "f8")]),
    "pets": np.array([("Rex", 9, 81.0), ("Fido", 3, 27.0)], [("name", "U10"), ("age", "i4"), ("weight", "f4")]),
    "aligned": np.array([(1, 2.0), (3, 4.0)], np.dtype([("flag", "u1"), ("x", ">f8")], align=True)),
}
LAYOUTS = {
    "big_endian": numbers("int32").astype(">i4"),
    "fortran": np.asfortranarray(numbers("float64")),
    "transposed": np.arange(35, dtype="u2").reshape(5, 7).T,
    "reversed": numbers("int16")[::-1, ::-1],
    "strided": np.arange(280).reshape(14, 20)[::2, ::4],
    "broadcast": np.broadcast_to(np.arange(5), SHAPE),
}
NAMES = ("with space", "ümläut", "a~b", "a/b", "__double", "..", "0", "c", "a+b", "a=b", "q")
