"""Pixel sizes and time steps in the dialects of TIFF, and what the display view says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from ome.twins import image
from tiled_zarr.adapters.tiff import open_tiff
from tiled_zarr.nodes import Array, Group

GREY = (np.add.outer(np.arange(60), np.arange(70)) % 65000).astype("u2")
STACK = np.stack([GREY] * 5)
MICRO = "\\u00B5m"
IN_OME = {"axes": "YX", "PhysicalSizeX": 250, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 500, "PhysicalSizeYUnit": "nm"}
APERIO = "Aperio Fake v1\n70x60 [0,0 70x60] (64x64) JPEG/RGB Q=90|AppMag = 20|MPP = 0.4990"
SIZES: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "centimetres": ({"resolution": (40000, 20000), "resolutionunit": "CENTIMETER", "metadata": None}, {"y": 0.5, "x": 0.25}),
    "inches": ({"resolution": (50800, 50800), "resolutionunit": "INCH", "metadata": None}, {"y": 0.5, "x": 0.5}),
    "centimetres, by tifffile": ({"resolution": (40000, 40000), "resolutionunit": "CENTIMETER"}, {"y": 0.25, "x": 0.25}),
    "no unit": ({"resolution": (4, 4), "resolutionunit": "NONE", "metadata": None}, {}),
    "ImageJ": ({"imagej": True, "resolution": (4, 8), "metadata": {"unit": MICRO}}, {"y": 0.125, "x": 0.25}),
    "ImageJ, centimetres": ({"imagej": True, "resolution": (40000, 40000), "metadata": {"unit": "cm"}}, {"y": 0.25, "x": 0.25}),
    "ImageJ, pixels": ({"imagej": True, "resolution": (4, 4), "resolutionunit": "INCH", "metadata": {"unit": "pixel"}}, {}),
    "ImageJ, tags alone": ({"imagej": True, "resolution": (50800, 50800), "resolutionunit": "INCH"}, {"y": 0.5, "x": 0.5}),
    "OME": ({"ome": True, "metadata": IN_OME}, {"y": 0.5, "x": 0.25}),
    "OME before tags": (
        {"ome": True, "metadata": IN_OME, "resolution": (300, 300), "resolutionunit": "INCH"},
        {"y": 0.5, "x": 0.25},
    ),
    "Aperio": ({"description": APERIO, "metadata": None}, {"y": 0.499, "x": 0.499}),
}


def array(path: Path) -> Array:
    node = open_tiff(path)
    assert isinstance(node, Array)
    return node


@pytest.mark.parametrize(("options", "expected"), SIZES.values(), ids=SIZES)
def test_sizes_of_pixels(tmp_path: Path, options: dict[str, Any], expected: dict[str, float]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, **options)
    [multiscale] = image(array(tmp_path / "a.tif")).attributes("0.4", "a")["multiscales"]
    scale = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"]
    assert scale == pytest.approx([expected.get(axis, 1.0) for axis in "yx"])
    units = {axis["name"]: axis.get("unit") for axis in multiscale["axes"]}
    assert units == {axis: "micrometer" if axis in expected else None for axis in "yx"}


STEPS: dict[str, tuple[dict[str, Any], float]] = {
    "ImageJ": ({"imagej": True, "metadata": {"axes": "TYX", "finterval": 0.25}}, 0.25),
    "ImageJ, milliseconds": ({"imagej": True, "metadata": {"axes": "TYX", "finterval": 250, "tunit": "ms"}}, 0.25),
    "OME": ({"ome": True, "metadata": {"axes": "TYX", "TimeIncrement": 2, "TimeIncrementUnit": "min"}}, 120),
    "OME, seconds": ({"ome": True, "metadata": {"axes": "TYX", "TimeIncrement": 2}}, 2),
}


@pytest.mark.parametrize(("options", "expected"), STEPS.values(), ids=STEPS)
def test_steps_of_time(tmp_path: Path, options: dict[str, Any], expected: float) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack", **options)
    [multiscale] = image(array(tmp_path / "a.tif")).attributes("0.4", "a")["multiscales"]
    assert multiscale["axes"][0] == {"name": "t", "type": "time", "unit": "second"}
    assert multiscale["datasets"][0]["coordinateTransformations"][0]["scale"] == pytest.approx([expected, 1, 1])


def test_depths_of_imagej(tmp_path: Path) -> None:
    metadata = {"axes": "ZYX", "unit": "nm", "spacing": 300.0}
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, resolution=(0.01, 0.01), metadata=metadata)
    [multiscale] = image(array(tmp_path / "a.tif")).attributes("0.4", "a")["multiscales"]
    assert multiscale["datasets"][0]["coordinateTransformations"][0]["scale"] == pytest.approx([0.3, 0.1, 0.1])
    assert {axis["unit"] for axis in multiscale["axes"]} == {"micrometer"}


def test_a_slide_and_its_label(tmp_path: Path) -> None:
    """Of the pictures in a slide only that which says so has a size."""
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(np.zeros((60, 70, 3), "u1"), photometric="rgb", tile=(32, 32), description=APERIO, metadata=None)
        file.write(np.zeros((30, 40, 3), "u1"), photometric="rgb", subfiletype=1, description="Aperio Fake v1\nlabel 40x30", metadata=None)
    group = open_tiff(tmp_path / "a.tif")
    assert isinstance(group, Group)
    sizes = [group.children[name].attributes.get("physical_size") for name in group.children]
    assert sizes == [{"y": 0.499, "x": 0.499, "unit": "µm"}, None]


def test_no_data_of_gdal(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype("f4"), metadata=None, extratags=[(42113, "s", 0, "-9999", False)])
    assert array(tmp_path / "a.tif").attributes["tiled_zarr"]["no_data"] == -9999
