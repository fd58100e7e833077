"""Images whose every value is known, to compare the pixels that are drawn with numpy."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import tifffile
import xarray
from PIL import Image

from browser.gallery import held
from ome import detectors
from tiled_zarr import Group
from tiled_zarr.adapters import adapt, open_file

Values = np.ndarray[Any, Any]

EDGE = 16
"""Rows and columns of the small images; each pixel is drawn as a square of 43 pixels of the page."""


def ramp() -> Values:
    """Floats from -100 to 155, one for each pixel."""
    return (np.arange(EDGE * EDGE, dtype="f4") - 100).reshape(EDGE, EDGE)


def counts() -> Values:
    """From 0 to 65025: the squares, so that a logarithm shows them better."""
    return (np.arange(EDGE * EDGE, dtype="u2") ** 2).reshape(EDGE, EDGE)


def holed() -> Values:
    """The ramp with NaN in one quarter, and infinities of both signs."""
    values = ramp()
    values[: EDGE // 2, : EDGE // 2] = np.nan
    values[0, -1], values[-1, 0] = np.inf, -np.inf
    return values


def numbered() -> Values:
    """Label numbers: 0 in the upper half, then 1 to 128, the last two beyond 2^20."""
    values = np.zeros((EDGE, EDGE), "u4")
    values[EDGE // 2 :] = np.arange(1, EDGE * EDGE // 2 + 1).reshape(EDGE // 2, EDGE)
    values[-1, -2:] = [2**20 + 1, 2**20 + 2]
    return values


def tree() -> Group:
    """The images by name, some of them in files."""
    folder = Path(tempfile.mkdtemp(prefix="shades-"))
    astronaut = skimage.data.astronaut()
    tifffile.imwrite(folder / "photo.tif", astronaut, photometric="rgb")
    tifffile.imwrite(folder / "planar.tif", astronaut.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    Image.fromarray(astronaut).save(folder / "photo.png")
    tifffile.imwrite(folder / "stained.ome.tif", stained(), metadata={"axes": "CYX", "Channel": {"Name": list(STAINS)}})
    return Group(
        children={
            "ramp": held(ramp(), {"units": "K"}),
            "counts": held(counts()),
            "signed": held(counts().astype("i4")),
            "holed": held(holed()),
            "empty": held(np.full((300, 400), np.nan, "f4")),
            "column": held(np.arange(3000, dtype="f4")[:, None]),
            "line": held(np.arange(3000, dtype="f4")[None]),
            "cells": held(ramp(), {"tiled_zarr": {"labels": ["numbered"]}}),
            "numbered": held(numbered(), {"tiled_zarr": {"is_label": True}}),
            "eiger": held(detectors.eiger("u4")),
            "photo": open_file(folder / "photo.tif"),
            "planar": open_file(folder / "planar.tif"),
            "png": open_file(folder / "photo.png"),
            "earth": earth(),
            "stained": open_file(folder / "stained.ome.tif"),
        }
    )


def climate() -> Values:
    """The ramp as a map whose first row is the southernmost one, with -9999 in its north-west."""
    values = ramp().astype("i2")
    values[EDGE // 2 :, : EDGE // 2] = -9999
    return values


def earth() -> Group:
    latitudes = ("lat", np.linspace(-75, 75, EDGE), {"units": "degrees_north"})
    mark = {"_FillValue": np.int16(-9999), "scale_factor": 0.5}
    group = adapt(xarray.Dataset({"t2m": (("lat", "lon"), climate(), mark)}, coords={"lat": latitudes}))
    assert isinstance(group, Group)
    return group


STAINS = ("DAPI", "GFP", "mCherry")


def stained() -> Values:
    """Three channels: a third of the image is bright in each."""
    values = np.zeros((3, 90, 90), "u2")
    for channel in range(3):
        values[channel, :, channel * 30 : channel * 30 + 30] = 1000
    return values
