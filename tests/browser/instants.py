"""Arrays over time, as xarray writes them and as numpy has them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray

from browser.exploration import held
from tiled_zarr import Array, Group
from tiled_zarr.adapters import open_file

HOURS = np.datetime64("2024-02-28T00:00", "ns") + np.arange(72) * np.timedelta64(1, "h")
DAYS = np.datetime64("1979-01-01", "D") + np.arange(0, 16_000, 100)
SECONDS = np.datetime64("2024-03-01T00:00", "ns") + np.arange(1_000_000) * np.timedelta64(1, "s")
"""The times of a long line."""
MOMENTS = np.datetime64("2024-01-01", "ns") + ((np.arange(200_000) / 200_000) ** 2 * 300 * 86_400 * 1e9).astype("m8[ns]")
"""Times of a long line, ever further apart."""
DESCENDING = np.linspace(10, 5, 200_000)
HEIGHTS = (np.arange(1_000_000) % 1000).astype("f4")
ENERGIES = 5 + np.arange(200_000) / 1000
LEVELS = np.sin(np.arange(72) / 5)


def tree() -> Group:
    """A tide gauge by the hour, a map of it, and decades of a glacier."""
    file = Path(tempfile.mkdtemp(prefix="instants-")) / "tide.nc"
    level: Any = (("time", "x"), LEVELS[:, None] * np.arange(1, 6), {"units": "m"})
    coordinates: Any = {"time": ("time", HOURS, {"long_name": "Time of day"}), "x": np.arange(5.0)}
    xarray.Dataset({"level": level, "mean": ("time", LEVELS)}, coordinates).to_netcdf(file, engine="h5netcdf")
    glacier = {"length": held(np.linspace(9, 7, len(DAYS)), ("time",)), "time": held(DAYS.astype("datetime64[s]"), ("time",))}
    leapless = {
        "rain": held(np.arange(4.0), ("day",)),
        "day": held(np.arange(4), ("day",), {"units": "days since 2000-02-27", "calendar": "noleap"}),
    }
    buoy = {"height": long(HEIGHTS), "time": long(SECONDS)}
    return Group(
        children={
            "buoy": Group(children=buoy),
            "drift": Group(children={"height": held(HEIGHTS[: len(MOMENTS)], ("when",)), "when": held(MOMENTS, ("when",))}),
            "trace": open_file(trace()),
            "tide": open_file(file),
            "glacier": Group(children=glacier),
            "leapless": Group(children=leapless),
        }
    )


def long(values: np.ndarray[Any, Any]) -> Array:
    """A long array whose axis is time."""
    return held(values, ("time",))


def trace() -> Path:
    """A long signal of NeXus with the axis that its group names, and a large picture with two."""
    path = Path(tempfile.mkdtemp(prefix="instants-")) / "trace.h5"
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "voltage", "axes": "energy"})
        data["voltage"] = np.sin(ENERGIES)
        data["energy"] = ENERGIES
        data["energy"].attrs["units"] = "keV"
        decay = file.create_group("decay")
        decay.attrs.update({"NX_class": "NXdata", "signal": "voltage", "axes": "charge"})
        decay["voltage"] = np.sin(DESCENDING)
        decay["charge"] = DESCENDING
        decay["charge"].attrs["units"] = "mC"
        scan = file.create_group("scan")
        scan.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": ["row", "column"]})
        scan["counts"] = np.zeros((3000, 3000), "u1")
        for name in ("row", "column"):
            scan[name] = np.arange(3000) / 10
            scan[name].attrs["units"] = "mm"
    return path
