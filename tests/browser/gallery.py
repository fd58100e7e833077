"""One image of every kind that viewers have to show."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import tifffile

from ome import detectors
from tiled_zarr import Array, Group
from tiled_zarr.adapters import open_file

PHOTOGRAPH = skimage.data.astronaut()
CELLS, DEPTH, CHANNELS, EDGE = 40, 9, 3, 700
CHANNEL_COLORS = {"nuclei": "4060FF", "membrane": "20D060", "spots": "FF5030"}
PIXEL_MICROMETRES = 0.25
PACKING = {"scale_factor": 0.01, "add_offset": 273.15, "_FillValue": -32768}


def tree() -> Group:
    """The images by name, two of them in files."""
    folder = Path(tempfile.mkdtemp(prefix="gallery-"))
    tifffile.imwrite(folder / "photograph.tif", PHOTOGRAPH, photometric="rgb", tile=(128, 128), compression="zlib")
    tifffile.imwrite(folder / "stack.ome.tif", stack(), metadata={"axes": "ZCYX"})
    hints = {
        "axes": "zcyx",
        "scale": {"y": PIXEL_MICROMETRES, "x": PIXEL_MICROMETRES},
        "units": {"y": "micrometer", "x": "micrometer"},
        "channels": [{"label": label, "color": color} for label, color in CHANNEL_COLORS.items()],
    }
    return Group(
        children={
            "photograph": open_file(folder / "photograph.tif"),
            "stack": replace(open_file(folder / "stack.ome.tif"), attributes={"tiled_zarr": hints}),
            "holes": held(holes()),
            "heights": held(heights()),
            "eiger": held(detectors.eiger("u4")),
            "eiger16": held(detectors.eiger("u2")),
            "pilatus": held(detectors.pilatus()),
            "map16": held(detectors.map_of(-9999, "i2")),
            "map": held(detectors.map_of(-9999, "f4")),
            "packed": held(packed(), PACKING),
            "labels": held(labels(), {"tiled_zarr": {"is_label": True}}),
        }
    )


def held(values: np.ndarray[Any, Any], attributes: dict[str, Any] | None = None) -> Array:
    return Array(
        shape=values.shape,
        dtype=values.dtype,
        read=lambda region: values[region],
        dimension_names=("y", "x"),
        attributes=attributes or {},
        revision=lambda: "1",
        blocking=False,
    )


def stack() -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Balls of light in three channels, as (z, c, y, x); each has its own channel and depth."""
    random = np.random.default_rng(7)
    values = np.zeros((DEPTH, CHANNELS, EDGE, EDGE), np.float32)
    y, x = np.mgrid[:EDGE, :EDGE].astype(np.float32)
    for channel in range(CHANNELS):
        for _ in range(CELLS):
            row, column, depth, size = *random.uniform(0, EDGE, 2), random.uniform(0, DEPTH), random.uniform(10, 30)
            spot = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * size**2))
            for z in range(DEPTH):
                values[z, channel] += spot * np.exp(-((z - depth) ** 2) / 8)
    return (200 + 3000 * values).astype(np.uint16)


def holes() -> np.ndarray[Any, np.dtype[np.float32]]:
    """A slope from left to right, from 0 to 1, without numbers in its middle."""
    values = np.tile(np.linspace(0, 1, 1500, dtype=np.float32), (1200, 1))
    values[400:800, 500:1000] = np.nan
    return values


def heights() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Hills between 1000 and 3000, in 64 bits."""
    y, x = np.mgrid[:1400, :2000] / 200
    return 2000 + 600 * np.sin(x + y / 3) * np.cos(y) + 400 * np.sin(x / 2)


def packed() -> np.ndarray[Any, np.dtype[np.int16]]:
    """Temperatures from 250 to 300 on land, as hundredths of a degree Celsius."""
    heights = detectors.heights()
    celsius = 27 - 50 * (heights - heights.min()) / np.ptp(heights)
    return np.where(detectors.sea(), -32768, celsius * 100).astype(np.int16)


def labels() -> np.ndarray[Any, np.dtype[np.uint32]]:
    """Squares of 100 pixels, numbered from 0."""
    y, x = np.mgrid[:900, :900]
    return (y // 100 * 9 + x // 100).astype(np.uint32)
