"""TIFF files as images: their own pyramids, pixel sizes, channels and colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from ome.twins import image, whole
from tiled_zarr.adapters.tiff import open_tiff
from tiled_zarr.nodes import Array

RNG = np.random.default_rng(0)


def test_a_stored_pyramid_is_used_as_it_is(tmp_path: Path) -> None:
    base = RNG.integers(0, 1000, (2, 1200, 1400)).astype("u2")
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path) as writer:
        metadata = {"axes": "CYX", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "Channel": {"Name": ["DAPI", "GFP"]}}
        writer.write(base, subifds=1, tile=(256, 256), metadata=metadata)
        writer.write(np.full((2, 600, 700), 7, "u2"), subfiletype=1, tile=(256, 256))
    node = open_tiff(path)
    assert isinstance(node, Array)
    made = image(node)
    assert made.pyramid.shapes == ((2, 1200, 1400), (2, 600, 700), (2, 300, 350), (2, 150, 175))
    assert made.pyramid.tile == 256
    np.testing.assert_array_equal(whole(made.level(0)), base)
    assert [np.unique(whole(made.level(number))).tolist() for number in (1, 2, 3)] == [[7]] * 3
    described = made.attributes("0.4", "a")
    assert described["multiscales"][0]["axes"][2] == {"name": "x", "type": "space", "unit": "micrometer"}
    assert described["multiscales"][0]["datasets"][1]["coordinateTransformations"][0]["scale"] == [1, 2, 1]
    assert [channel["label"] for channel in described["omero"]["channels"]] == ["DAPI", "GFP"]


def test_a_photograph_is_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    values = RNG.integers(0, 255, (300, 400, 3)).astype("u1")
    tifffile.imwrite(path, values, photometric="rgb", rowsperstrip=10, compression="zlib")
    node = open_tiff(path)
    assert isinstance(node, Array)
    made = image(node)
    assert (made.pyramid.display.axes, made.pyramid.display.is_colour) == ("cyx", True)
    np.testing.assert_array_equal(whole(made.level(0)), np.moveaxis(values, 2, 0))
