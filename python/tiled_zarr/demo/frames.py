"""The demo's tables and dataset: a hundred nights, a skyline, the weather at four places."""

from __future__ import annotations

import string
from functools import cache

import numpy as np

from ..nodes import Array, Group, Table
from .content import Values, held, made, revision, table
from .noise import ridged

MONTH = 29.53059
"""Days from one new moon to the next."""
NEW_MOON = 28.525
"""Days from 2025-01-01 to the first new moon of the year."""


def short_table() -> Group:
    """100 nights, one a row.

    The columns are: percent of the moon that is lit, its age in days, its phase, the date, and
    whether it is bright.
    """
    days = np.arange(100)
    age = (days - NEW_MOON) % MONTH
    phase = age / MONTH
    lit = np.round(400 * phase * (1 - phase)).astype(np.uint8)
    columns = {
        "A": lit,
        "B": age,
        "C": np.array([b"new", b"wax", b"ful", b"wan"])[np.round(4 * phase).astype(int) % 4],
        "D": np.datetime64("2025-01-01", "D") + days,
        "E": lit > 50,
    }
    return table(columns, {"animal": "dog", "color": "red"})


def long_table() -> Group:
    """A skyline of 100,000 steps, once, twice and three times as high, in five partitions."""
    rows, chunks = 100_000, (20_000,)
    heights = cache(lambda: skyline(rows))

    def multiple(factor: int) -> Array:
        return made((rows,), "f8", lambda: factor * heights(), ("index",), chunks=chunks)

    index = held(np.arange(rows), ("index",), chunks=chunks)
    children = {"index": index, "A": multiple(1), "B": multiple(2), "C": multiple(3)}
    return Table(children=children, attributes={"animal": "dog", "color": "green"}, revision=revision)


def wide_table() -> Group:
    """Ten steps of the skyline in 26 heights."""
    heights = skyline(10)
    columns = {letter: factor * heights for factor, letter in enumerate(string.ascii_uppercase, start=1)}
    return table(columns, {"animal": "dog", "color": "red"})


def skyline(size: int) -> Values:
    """The outline of mountains, between 0 and 1, at `size` places."""
    return ridged(11, (np.arange(size) + 0.5) / size, 2.3, 0.47, 1 / size)


def xarray_dataset() -> Group:
    """The dataset of xarray's own examples: weather at four places on three days.

    Its coordinates `lon` and `lat` have two axes.
    """
    place, day = ("x", "y"), ("x", "y", "time")
    temperature = np.array([[[18.3, 20.1, 16.7], [17.9, 19.6, 16.2]], [[15.4, 17.2, 13.1], [14.8, 16.9, 0.0]]])
    precipitation = np.array([[[0.0, 1.5, 8.25], [0.0, 2.0, 7.5]], [[0.5, 3.25, 9.0], [0.0, 4.75, 6.5]]])
    nearby = {"coordinates": "lon lat"}
    return Group(
        children={
            "temperature": held(temperature, day, attributes={"units": "degC", **nearby}),
            "precipitation": held(precipitation, day, attributes={"units": "mm", **nearby}),
            "lon": held([[-99.83, -99.32], [-99.79, -99.23]], place, attributes={"units": "degrees_east"}),
            "lat": held([[42.25, 42.21], [42.63, 42.59]], place, attributes={"units": "degrees_north"}),
            "time": held(np.datetime64("2014-09-06", "ns") + np.arange(3) * np.timedelta64(1, "D"), ("time",)),
        },
        revision=revision,
        kind="source",
    )
