"""One node of every kind that the explore page has to show."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray

from ome import detectors
from tiled_zarr import Array, Group, Table
from tiled_zarr.adapters import open_file
from tiled_zarr.nodes import Node

SAMPLES = 10_000_000
LARGE = 10_000
WIDE = 1_500
TEMPERATURES = 280 + np.arange(4 * 5 * 6, dtype=np.float64).reshape(4, 5, 6) / 7
LATITUDES, LONGITUDES = np.linspace(-60, 60, 5), np.linspace(0, 300, 6)
DAYS = np.array(["2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02"], "datetime64[ns]")
RECORDS = np.array(
    [(1, 2.5, "a", True, 1 + 2j), (-(2**62) - 1, np.pi, "bé", False, -0.5j)],
    [("count", "i8"), ("size", "f8"), ("name", "U4"), ("good", "?"), ("wave", "c16")],
)
INSTANTS = np.array(["1969-12-31T23:59:59.999999999", "NaT", "2024-02-29T12:00:00.5"], "datetime64[ns]")
SPANS = np.array([0, 1_500_000_000, -1, "NaT"], "timedelta64[ns]")
WHOLE = np.array([2**63 - 1, -(2**63), 2**53 + 1, 0], "i8")
WAVES = np.array([1 + 2j, -3.25 - 4.5j, 0.1 + 0.2j], "c16")
TEXTS = np.array(["plain", "Grüße", ""])
BYTES = np.array([b"ab", b"\xc3\xa9", b""], "S4")
SPECTRA = np.array([(3, [0.5, 1.5]), (-7, [2.5, np.pi])], [("run", "i4"), ("counts", "f8", (2,))])
"""Records with a field that is an array."""
STEP = np.repeat(np.array([9, 0], "u1"), 80)[:, None].repeat(120, axis=1)
"""A picture that is bright in its upper half; nothing says that it is one."""
SIX = np.arange(2 * 3 * 4 * 5 * 6 * 7, dtype="i4").reshape(2, 3, 4, 5, 6, 7)
COUNTS = np.arange(120, dtype=np.float32).reshape(10, 12) ** 2
PHOTOGRAPH = np.stack([np.tile(np.arange(256, dtype="u1"), (200, 1)), *np.zeros((2, 200, 256), "u1")], axis=-1)
PHOTOGRAPH[:50, :, 1] = 255
ENERGIES = np.linspace(1, 2, 12)
SOUTHERN = np.arange(-1200, 1200) / 20
"""The latitudes of a large map."""


def tree() -> Group:
    """The nodes by name."""
    scalars = {
        "number": np.float64(0.1),
        "whole": np.int64(2**53 + 1),
        "text": np.array("Grüße"),
        "instant": np.datetime64("2024-02-29T12:00:00", "s"),
        "truth": np.bool_(True),
        "wave": np.complex128(1 - 2j),
    }
    arrays = {
        "wholes": WHOLE,
        "waves": WAVES,
        "texts": TEXTS,
        "bytes": BYTES,
        "truths": np.array([True, False, True]),
        "halves": np.array([0.5, -2.0, 65504.0, np.nan], "f2"),
        "instants": INSTANTS,
        "spans": SPANS,
        "records": RECORDS,
        "spectra": SPECTRA,
        "step": STEP,
        "six": SIX,
        "none": np.zeros((3, 0)),
        "zeros": np.array([-0.0, 0.0, -1.5]),
    }
    return Group(
        children={
            "scalars": Group(children={name: held(np.asarray(value)) for name, value in scalars.items()}),
            "arrays": Group(children={name: held(values) for name, values in arrays.items()}),
            "climate": climate(),
            "nexus": nexus(),
            "long": long(),
            "large": large(),
            "south": south(),
            "Höhe/m": Group(children={"süd/nord": held(ENERGIES)}),
            "eiger": held(detectors.eiger(), ("y", "x")),
            "photograph": held(PHOTOGRAPH, ("y", "x", "c")),
            "wide": Group(children={f"item{number:04d}": held(np.asarray(number)) for number in range(WIDE)}),
            "table": Table({"size": held(np.arange(5.0)), "name": held(np.array(list("abcde")))}),
        }
    )


def held(values: np.ndarray[Any, Any], names: tuple[str, ...] | None = None, attributes: dict[str, Any] | None = None) -> Array:
    """An array in memory."""
    return Array(
        shape=values.shape,
        dtype=values.dtype,
        read=lambda region: values[region],
        dimension_names=names,
        attributes=attributes or {},
        revision=lambda: "1",
        blocking=False,
    )


def climate() -> Node:
    """A Dataset with coordinates and units, in a file of netCDF."""
    path = Path(tempfile.mkdtemp(prefix="exploration-")) / "climate.nc"
    axes = ("time", "lat", "lon")
    dataset = xarray.Dataset(
        {"temperature": (axes, TEMPERATURES, {"units": "K", "long_name": "Air temperature"})},
        {"time": DAYS, "lat": ("lat", LATITUDES, {"units": "degrees_north"}), "lon": ("lon", LONGITUDES, {"units": "degrees_east"})},
    )
    dataset.to_netcdf(path, engine="h5netcdf")
    return open_file(path)


def nexus() -> Node:
    """A file whose attributes lead to a default plot, as NeXus has them."""
    path = Path(tempfile.mkdtemp(prefix="exploration-")) / "nexus.h5"
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs.update({"NX_class": "NXentry", "default": "data"})
        data = entry.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": [".", "energy"]})
        data["counts"] = COUNTS
        data["energy"] = ENERGIES
        data["energy"].attrs["units"] = "keV"
        trace = entry.create_group("trace")
        trace.attrs.update({"NX_class": "NXdata", "signal": "voltage"})
        trace["voltage"] = samples(0, 200_000)
        lost = entry.create_group("lost")
        lost.attrs.update({"NX_class": "NXdata", "signal": "nothing", "axes": ["energy"]})
        lost["current"] = ENERGIES
        entry["state"] = np.array([0, 1, 1], "u1")
        kind = h5py.enum_dtype({"OPEN": 0, "CLOSED": 1}, "u1")
        entry.create_dataset("shutter", data=np.array([1, 0, 1], "u1"), dtype=kind)
    return open_file(path)


def samples(start: int, stop: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A slow wave with a spike at each 1,000,003rd sample."""
    at = np.arange(start, stop, dtype=np.int64)
    return (np.sin(at / 400_000) + (at % 1_000_003 == 17) * 3 + (at % 7) / 100).astype(np.float32)


def long() -> Array:
    """Ten million samples."""
    return Array(
        shape=(SAMPLES,),
        dtype=np.dtype("f4"),
        read=lambda region: samples(region[0].start, region[0].stop),
        attributes={"units": "V"},
        revision=lambda: "1",
        blocking=False,
    )


def south() -> Group:
    """A large map whose first row is the southernmost one; each pixel has its latitude."""
    heights = np.repeat(SOUTHERN.astype("f4")[:, None], 4000, axis=1)
    return Group(children={"height": held(heights, ("lat", "lon")), "lat": held(SOUTHERN, ("lat",), {"units": "degrees_north"})})


def large() -> Array:
    """A slope of 10,000 x 10,000 pixels."""

    def read(region: tuple[slice, ...]) -> np.ndarray[Any, Any]:
        y, x = (np.arange(part.start, part.stop, dtype=np.float32) for part in region)
        return y[:, None] + 2 * x[None, :]

    return Array(shape=(LARGE, LARGE), dtype=np.dtype("f4"), read=read, revision=lambda: "1", blocking=False)
