"""Colours of channels by their names, and channels that are colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from ome.twins import image
from tiled_zarr import Array
from tiled_zarr.adapters import open_file
from tiled_zarr.ome.display.colours import by_name

NAMES = {
    "DAPI": "0000FF",
    "Hoechst 33342": "0000FF",
    "C0 - dapi (nuclei)": "0000FF",
    "Alexa Fluor 405": "0000FF",
    "CFP": "00FFFF",
    "GFP": "00FF00",
    "H2B-EGFP": "00FF00",
    "FITC": "00FF00",
    "Alexa488": "00FF00",
    "AF 488": "00FF00",
    "YFP": "FFFF00",
    "Cy3": "FF8000",
    "mCherry": "FF0000",
    "TagRFP": "FF0000",
    "Texas Red": "FF0000",
    "TexasRed": "FF0000",
    "TRITC": "FF0000",
    "Cy5": "FF00FF",
    "Alexa Fluor 647": "FF00FF",
    "Brightfield": "FFFFFF",
    "bright field": "FFFFFF",
    "Phase contrast": "FFFFFF",
    "TL DIC": "FFFFFF",
    "TL": "FFFFFF",
    "green": "00FF00",
    "channel 3": None,
    "dapier": None,
    "title": None,
    "cy35": None,
    "": None,
}
"""Names as microscopes write them, and the colours that are usual for these stains."""


@pytest.mark.parametrize("name", NAMES)
def test_a_name_means_a_colour(name: str) -> None:
    assert by_name(name) == NAMES[name]


def described(node: Array) -> dict[str, Any]:
    return image(node).attributes("0.4", "a")


def colours(node: Array) -> list[str]:
    return [channel["color"] for channel in described(node)["omero"]["channels"]]


def node_of(values: np.ndarray[Any, Any], names: tuple[str, ...] = ("c", "y", "x"), **attributes: Any) -> Array:
    return Array(
        shape=values.shape,
        dtype=values.dtype,
        read=lambda region: values[region],
        attributes=attributes,
        dimension_names=names,
        revision=lambda: "1",
        blocking=False,
    )


def test_channels_without_a_colour_get_that_of_their_name() -> None:
    """A colour that the source gives wins, and an unknown name gets one of the palette."""
    given = [{"label": "DAPI"}, {"label": "GFP", "color": "123456"}, {"label": "Texas Red"}, {"label": "fourth"}, {"label": "TL"}]
    node = node_of(np.ones((5, 20, 30), "u2"), tiled_zarr={"channels": given})
    assert colours(node) == ["0000FF", "123456", "FF0000", "FFFF00", "FFFFFF"]


def test_a_single_channel_is_white_whatever_its_name() -> None:
    assert colours(node_of(np.ones((1, 20, 30), "u2"), tiled_zarr={"channels": [{"label": "DAPI"}]})) == ["FFFFFF"]


@pytest.mark.parametrize(
    ("names", "attributes", "is_rgb"),
    [
        (("rgb", "y", "x"), {}, True),
        (("s", "y", "x"), {}, True),
        (("c", "y", "x"), {}, False),
        (("band", "y", "x"), {}, False),
        (("c", "y", "x"), {"tiled_zarr": {"photometric": "rgb"}}, True),
        (("rgb", "y", "x"), {"tiled_zarr": {"photometric": "minisblack"}}, False),
        (("c", "y", "x"), {"tiled_zarr": {"channels": [{"label": label} for label in ("Red", "Green", "Blue")]}}, True),
        (("c", "y", "x"), {"tiled_zarr": {"channels": [{"label": label} for label in ("Red", "Blue", "Green")]}}, False),
    ],
)
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_three_channels_are_colours_when_something_says_so(
    dtype: str, names: tuple[str, ...], attributes: dict[str, Any], is_rgb: bool
) -> None:
    """Then all have the same limits, those of bytes are 0 and 255, and their colours add up to the photograph's."""
    values = np.random.default_rng(1).integers(10, 200, (3, 40, 50)).astype(dtype)
    values[1] //= 2
    found = described(node_of(values, names, **attributes))["omero"]["channels"]
    limits = {(channel["window"]["start"], channel["window"]["end"]) for channel in found}
    assert ([channel["color"] for channel in found] == ["FF0000", "00FF00", "0000FF"]) == is_rgb
    assert (len(limits) == 1) == is_rgb
    assert limits == {(0, 255)} or dtype != "u1" or not is_rgb


def test_colours_of_ome_tiff(tmp_path: Path) -> None:
    """OME's colours are signed integers of red, green, blue and opacity; white is what nobody has chosen."""
    values = np.ones((2, 20, 30), "u2")
    chosen = [int(np.uint32(0x12345680).astype("i4")), int(np.uint32(0xFF8000FF).astype("i4"))]
    for color, expected in ((chosen, ["123456", "FF8000"]), ([-1, -1], ["0000FF", "00FF00"])):
        path = tmp_path / f"{expected[0]}.ome.tif"
        tifffile.imwrite(path, values, metadata={"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"], "Color": color}})
        node = open_file(path)
        assert isinstance(node, Array)
        assert colours(node) == expected


def test_the_unit_of_the_values_is_named() -> None:
    values = np.random.default_rng(1).random((20, 30)).astype("f4")
    assert described(node_of(values, ("y", "x"), units="K"))["multiscales"][0]["metadata"]["units"] == "K"
    assert "units" not in described(node_of(values, ("y", "x")))["multiscales"][0]["metadata"]
