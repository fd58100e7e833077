"""Arrays over time, as xarray writes them and as numpy has them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import xarray

from browser.exploration import held
from tiled_zarr import Group
from tiled_zarr.adapters import open_file

HOURS = np.datetime64("2024-02-28T00:00", "ns") + np.arange(72) * np.timedelta64(1, "h")
DAYS = np.datetime64("1979-01-01", "D") + np.arange(0, 16_000, 100)
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
    return Group(children={"tide": open_file(file), "glacier": Group(children=glacier), "leapless": Group(children=leapless)})
