"""Our viewer shows pictures in files right side up, in their own colours, with their labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import tifffile
import zarr
from PIL import Image, ImageOps

from browser import pictures
from browser.driving import Shown, show
from browser.pictures import cut, likeness
from live import Live, live

EDGE = pictures.VIEWER_EDGE
PHOTOGRAPH = skimage.data.astronaut()[:, 60:460]
"""Higher than wide."""
TURNED = 6
ORIENTATION = 0x0112
AXES = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"]
XML = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{own}"><Image ID="Image:0">'
    '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="400" SizeY="512" SizeC="2" SizeZ="1" SizeT="1">'
    '<Channel ID="Channel:0:0" Name="DAPI" SamplesPerPixel="1"/><Channel ID="Channel:0:1" Name="GFP" SamplesPerPixel="1"/>'
    '<TiffData FirstC="0" IFD="0" PlaneCount="1"><UUID FileName="set_C0.ome.tif">urn:uuid:0</UUID></TiffData>'
    '<TiffData FirstC="1" IFD="0" PlaneCount="1"><UUID FileName="set_C1.ome.tif">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>'
)


def nuclei() -> np.ndarray:
    """Squares of 50 pixels, of which every second one is no object."""
    y, x = np.mgrid[:500, :400]
    return np.where((y // 50 + x // 50) % 2, y // 50 * 8 + x // 50, 0).astype("u4")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("files")
    for channel in range(2):
        description = XML.format(own=channel).encode()
        tifffile.imwrite(folder / f"set_C{channel}.ome.tif", PHOTOGRAPH[..., channel], metadata=None, description=description)
    for number in range(5):
        tifffile.imwrite(folder / f"run_{number:03}.tif", PHOTOGRAPH[..., 0], tile=(128, 128), compression="zlib")
    picture, exif = Image.fromarray(PHOTOGRAPH), Image.Exif()
    exif[ORIENTATION] = TURNED
    picture.convert("CMYK").save(folder / "inks.jpg", quality=95)
    picture.rotate(90, expand=True).save(folder / "turned.jpg", quality=95, exif=exif)
    picture.quantize(64).save(folder / "palette.png")
    write_labelled(folder / "labelled.ome.zarr")
    with live("directory", folder, "--public") as server:
        yield server


def write_labelled(path: Path) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=2)
    write_image(group, PHOTOGRAPH[:500, :, 0].copy())
    labels = group.create_group("labels")
    labels.attrs["labels"] = ["nuclei"]
    write_image(labels.create_group("nuclei"), nuclei())
    labels["nuclei"].attrs["image-label"] = {"version": "0.4", "source": {"image": "../../"}}


def write_image(group: zarr.Group, data: np.ndarray) -> None:
    group.create_array("0", data=data, chunks=(256, 256))
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.5, 0.5]}]}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": AXES, "datasets": datasets}]


def seen(live: Live, name: str, folder: Path) -> Shown:
    shown = show(f"{live.url}/view/{name}", folder / "page.png")
    assert [request for requests in shown.loads for request in requests if not request.is_answered] == []
    assert (shown.console, shown.missing()) == ([], set())
    return shown


@pytest.mark.parametrize("name", ["inks", "turned", "palette"])
def test_a_picture_is_seen_in_its_colours(files: Live, tmp_path: Path, name: str) -> None:
    pixels = cut(seen(files, name, tmp_path).pixels, EDGE, EDGE * 400 / 512)
    for band in range(3):
        assert likeness(pixels[..., band], PHOTOGRAPH[..., band].astype("f4")) > 0.95


def test_the_turned_photograph_is_what_pillow_shows(tmp_path: Path) -> None:
    """What the test above compares with: the way in which the file is written turns it."""
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED
    Image.fromarray(PHOTOGRAPH).rotate(90, expand=True).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png"))), PHOTOGRAPH)


def test_a_set_of_files_is_one_image(files: Live, tmp_path: Path) -> None:
    shown = seen(files, "set_C0", tmp_path)
    assert "DAPI" in shown.text
    assert "GFP" in shown.text
    assert likeness(cut(shown.pixels, EDGE, EDGE * 400 / 512), PHOTOGRAPH[..., :2].astype("f4").sum(axis=2)) > 0.95


def test_numbered_files_are_one_image(files: Live, tmp_path: Path) -> None:
    shown = seen(files, "run_", tmp_path)
    assert likeness(cut(shown.pixels, EDGE, EDGE * 400 / 512), PHOTOGRAPH[..., 0].astype("f4")) > 0.95


def test_stored_labels_are_told_apart_by_colour(files: Live, tmp_path: Path) -> None:
    shown = seen(files, "labelled/labels/nuclei", tmp_path)
    square = EDGE / 10
    rows, columns = ((np.arange(count) * square + square / 2).astype(int) for count in (10, 8))
    colours = cut(shown.pixels, EDGE, EDGE * 400 / 500)[np.ix_(rows, columns)].reshape(80, 3)
    numbers = nuclei()[25::50, 25::50].ravel()
    assert colours[numbers == 0].max() == 0
    assert len(np.unique(colours[numbers > 0], axis=0)) == np.count_nonzero(numbers)
