"""Images of all types, for the numbers that the viewer shows."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import tifffile
import xarray
import zarr

from tiled_zarr import Array, Group
from tiled_zarr.adapters import adapt, open_file

SHAPE = (90, 150)
PACKING = {"scale_factor": 0.01, "add_offset": 273.15, "_FillValue": -32768, "units": "K"}
FILL = -(2**63)
PLACED = {"scale": {"y": 0.5, "x": 0.25}, "units": {"y": "micrometer", "x": "micrometer"}}


def made() -> dict[str, np.ndarray[Any, Any]]:
    """The values of each image."""
    random = np.random.default_rng(3)
    whole = {name: random.integers(*limits(name), SHAPE, name, endpoint=True) for name in ("i1", "u2", "u4", "i8", "u8")}
    real = random.normal(size=SHAPE) * 10.0 ** random.integers(-20, 20, SHAPE)
    return {
        **whole,
        "bool": random.random(SHAPE) < 0.5,
        "f2": random.normal(size=SHAPE).astype("f2"),
        "f4": real.astype("f4"),
        "f8": real,
        "c16": random.normal(size=SHAPE) + 1j * random.normal(size=SHAPE),
        "packed": np.where(random.random(SHAPE) < 0.2, -32768, random.integers(-3000, 3000, SHAPE)).astype("i2"),
        "climate": warmth(),
        "stack": random.integers(0, 60_000, (4, 3, *SHAPE), "u2"),
        "colours": random.integers(0, 255, (*SHAPE, 3), "u1"),
        "filled": np.where(random.random(SHAPE) < 0.5, FILL, FILL + 1),
    }


def warmth() -> np.ndarray[Any, Any]:
    """Hundredths of a kelvin from south to north, -9999 on two continents of the north."""
    y, x = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
    kelvins = 302 - 45 * y**2 + 4 * y + 2 * np.sin(9 * x)
    is_land = (np.hypot((x + 0.5) * 2, y - 0.45) < 0.4) | (np.hypot((x - 0.3) * 1.5, y - 0.3) < 0.5)
    return np.where(is_land, -9999, (kelvins - 273.15) * 100).astype("i2")


def earth() -> Group:
    """The climate as xarray has it: the first row is the southernmost one."""
    attributes = {"scale_factor": 0.01, "add_offset": 273.15, "_FillValue": np.int16(-9999), "units": "K"}
    latitudes = ("lat", np.linspace(-89, 89, SHAPE[0]), {"units": "degrees_north"})
    placed = {
        "placements": [{"scale": {"y": 2.0, "x": 2.4}, "translation": {"y": -89.0, "x": -178.8}}],
        "units": {"y": "degree", "x": "degree"},
    }
    data = {
        "sst": (("lat", "lon"), VALUES["climate"], attributes),
        "placed": (("lat", "lon"), VALUES["climate"], {**attributes, "tiled_zarr": placed}),
    }
    group = adapt(xarray.Dataset(data, coords={"lat": latitudes}))
    assert isinstance(group, Group)
    return group


LATITUDES = (np.sign(np.linspace(-1, 1, SHAPE[0])) * 90 * np.abs(np.linspace(-1, 1, SHAPE[0])) ** 0.8).astype("f4")
"""Further apart at the equator, and ascending: the map is flipped."""
LONGITUDES = np.linspace(359.1, 0.3, SHAPE[1])
DEPTHS = np.array([5, 10, 50, 200], "i2")
"""Stored numbers; each is a tenth of a metre more than a hundredth of a metre times as many."""


def ocean() -> Group:
    """A stack with coordinates of all kinds beside it; those of `z` are packed, and `nameless` has none."""
    values = VALUES["stack"][:, 0]
    coordinates = {
        "depth": ("depth", DEPTHS, {"units": "m", "scale_factor": 0.01, "add_offset": 0.1}),
        "lat": ("lat", LATITUDES, {"units": "degrees_north"}),
        "lon": ("lon", LONGITUDES, {"units": "degrees_east"}),
    }
    data = {"salt": (("depth", "lat", "lon"), values), "nameless": (("n", "m"), values[0])}
    group = adapt(xarray.Dataset(data, coords=coordinates))
    assert isinstance(group, Group)
    return group


def limits(name: str) -> tuple[int, int]:
    return int(np.iinfo(name).min), int(np.iinfo(name).max)


VALUES = MappingProxyType(made())


def tree() -> Group:
    """The images by name; `colours` is a TIFF file, and `stored` has levels of its own."""
    folder = Path(tempfile.mkdtemp(prefix="kinds-"))
    tifffile.imwrite(folder / "colours.tif", VALUES["colours"], photometric="rgb")
    aside = {"colours", "climate"}
    hints = {"stack": {"tiled_zarr": {"axes": "zcyx", **PLACED}}, "packed": PACKING, "filled": {"_FillValue": FILL}}
    plain = {name: held(values, hints.get(name, {})) for name, values in VALUES.items() if name not in aside}
    files = {"colours": open_file(folder / "colours.tif"), "stored": open_file(stored(folder / "stored.zarr"))}
    return Group(children={**plain, **files, "earth": earth(), "ocean": ocean()})


def held(values: np.ndarray[Any, Any], attributes: dict[str, Any]) -> Array:
    return Array(
        shape=values.shape,
        dtype=values.dtype,
        read=lambda region: values[region],
        dimension_names=("z", "c", "y", "x")[-values.ndim :] if values.ndim != 3 else None,
        attributes=attributes,
        revision=lambda: "1",
        blocking=False,
    )


def stored(path: Path) -> Path:
    """An OME-Zarr image of 64-bit numbers, with one smaller level."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    datasets = []
    for number in range(2):
        step = 2**number
        group.create_array(f"scale{number}", data=VALUES["i8"][::step, ::step], chunks=(32, 32))
        placed = [{"type": "scale", "scale": [step, step]}, {"type": "translation", "translation": [10, 20]}]
        datasets.append({"path": f"scale{number}", "coordinateTransformations": placed})
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    return path
