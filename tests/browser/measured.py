"""Images whose axes have coordinates beside them, in units of all kinds; SHAPE is in rows and columns."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np
import xarray

from tiled_zarr import Group
from tiled_zarr.adapters import adapt

Values = np.ndarray[Any, Any]

SHAPE = (60, 90)
FIRST = np.datetime64("2023-12-30T21:15", "ns")


def times(step: str, count: int = SHAPE[1]) -> Values:
    """Times from FIRST on, so far apart."""
    amount, unit = step.split(" ")
    return FIRST + np.arange(count) * np.timedelta64(int(amount), unit)


TIMES = MappingProxyType(
    {
        "minutes": times("30 m"),
        "milliseconds": times("250 ms"),
        "nanoseconds": times("7 ns"),
        "days": np.datetime64("1999-02-25", "ns") + np.arange(SHAPE[1]) * np.timedelta64(1, "D"),
        "months": np.arange("1899-01", "1906-07", dtype="M8[M]").astype("M8[ns]"),
        "decades": (np.datetime64("0900", "Y") + np.arange(SHAPE[1]) * 10).astype("M8[s]"),
        "backwards": times("3 h")[::-1],
        "uneven": FIRST + (np.arange(SHAPE[1]) ** 2) * np.timedelta64(1, "h"),
    }
)
LENGTHS = MappingProxyType(
    {
        "metres": ("m", np.arange(SHAPE[1]) * 250.0),
        "kilometres": ("kilometers", np.arange(SHAPE[1]) * 3.0),
        "microns": ("um", (np.arange(SHAPE[1]) * 0.65 + 100).astype("f4")),
        "degrees": ("degrees_east", np.linspace(-178, 178, SHAPE[1])),
        "uneven metres": ("m", np.arange(SHAPE[1]) ** 2.0),
        "plain": ("", np.arange(SHAPE[1]) * 2.0),
    }
)


def values() -> Values:
    return np.add.outer(np.arange(SHAPE[0]), np.arange(SHAPE[1])).astype("f4")


def image(coordinate: Values, units: str = "") -> Group:
    """An image with a coordinate of its columns; of its rows there is none."""
    attributes = {"units": units} if units else {}
    data = {"image": (("row", "along"), values())}
    group = adapt(xarray.Dataset(data, coords={"along": ("along", coordinate, attributes)}))
    assert isinstance(group, Group)
    return group


def down() -> Group:
    """The times along y."""
    data = {"image": (("along", "column"), values().T)}
    group = adapt(xarray.Dataset(data, coords={"along": TIMES["minutes"]}))
    assert isinstance(group, Group)
    return group


def counted() -> Group:
    """Times as CF counts them, which nobody has decoded; and those of a calendar whose years have 360 days."""
    days = np.arange(SHAPE[1]) / 4
    data = {"image": (("row", "along"), values()), "other": (("row", "round"), values())}
    since = {"units": "days since 1950-06-01 12:00:00.0", "calendar": "standard"}
    coords = {"along": ("along", days, since), "round": ("round", days, {**since, "calendar": "360_day"})}
    group = adapt(xarray.Dataset(data, coords=coords))
    assert isinstance(group, Group)
    return group


def tree() -> Group:
    """A group for each coordinate, and an image of zeros with and without a sign."""
    children = {name: image(along) for name, along in TIMES.items()}
    children |= {name: image(along, units) for name, (units, along) in LENGTHS.items()}
    zeros = adapt(xarray.Dataset({"image": (("row", "column"), np.where(values() % 2, -0.0, 0.0))}))
    assert isinstance(zeros, Group)
    return Group(children={**children, "down": down(), "counted": counted(), "zeros": zeros})
