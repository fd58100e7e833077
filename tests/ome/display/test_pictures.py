"""Pictures in the display view, as Pillow shows them; `/zarr` has their numbers as they stand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from ome.twins import image, node_of, whole
from tiled_zarr.adapters.files.image import open_image
from tiled_zarr.adapters.tiff import open_tiff
from tiled_zarr.nodes import Array
from tiled_zarr.ome.display.display import display

GREY = (np.add.outer(np.arange(60), np.arange(90)) % 256).astype("u1")
RGB = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype="u1")
CMYK = np.random.default_rng(1).integers(0, 256, (60, 90, 4), dtype="u1")
COLORMAP = np.random.default_rng(2).integers(0, 65536, (3, 256)).astype("u2")
TILED = {"tile": (32, 48), "compression": "zlib"}


def seen(path: Path, mode: str = "RGB") -> np.ndarray:
    """A picture as Pillow has it, its channels first."""
    pixels = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert(mode))
    return np.moveaxis(pixels, -1, 0) if pixels.ndim == 3 else pixels


def saved(picture: Image.Image, name: str, mode: str = "RGB", **options: object) -> Callable[[Path], tuple[Array, np.ndarray]]:
    def case(folder: Path) -> tuple[Array, np.ndarray]:
        picture.save(folder / name, **options)
        return open_image(folder / name), seen(folder / name, mode)

    return case


def written(data: np.ndarray, mode: str = "RGB", **options: object) -> Callable[[Path], tuple[Array, np.ndarray]]:
    def case(folder: Path) -> tuple[Array, np.ndarray]:
        tifffile.imwrite(folder / "a.tif", data, **options)
        node = open_tiff(folder / "a.tif")
        assert isinstance(node, Array)
        return node, seen(folder / "a.tif", mode)

    return case


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


PICTURE = Image.fromarray(RGB)
SEEN = {
    "palette": saved(PICTURE.quantize(16), "a.png"),
    "palette with a transparent colour": saved(PICTURE.quantize(16), "a.png", "RGBA", transparency=3),
    "inks": saved(PICTURE.convert("CMYK"), "a.jpg"),
    **{f"turned {number}": saved(PICTURE, "a.jpg", exif=turned(number)) for number in range(1, 9)},
    **{f"grey, turned {number}": saved(Image.fromarray(GREY), "a.png", "L", exif=turned(number)) for number in (3, 6)},
    "inks, turned": saved(PICTURE.convert("CMYK"), "a.jpg", exif=turned(8)),
    "palette of a TIFF file": written(GREY, photometric="palette", colormap=COLORMAP),
    "palette in tiles": written(GREY, photometric="palette", colormap=COLORMAP, **TILED),
    "inks of a TIFF file": written(CMYK, photometric="separated"),
    "inks in tiles": written(CMYK, photometric="separated", **TILED),
    "the least is white": written(GREY, "L", photometric="miniswhite"),
    "the least of two is white": written(GREY > 99, "L", photometric="miniswhite"),
    "planes of colours": written(np.moveaxis(RGB, -1, 0).copy(), photometric="rgb", planarconfig="separate"),
    "planes of colours in tiles": written(np.moveaxis(RGB, -1, 0).copy(), photometric="rgb", planarconfig="separate", **TILED),
    "a TIFF file, turned": written(RGB, photometric="rgb", extratags=[(274, "H", 1, 6, True)]),
    "a TIFF file with tiles, turned": written(RGB, photometric="rgb", extratags=[(274, "H", 1, 7, True)], **TILED),
}


@pytest.mark.parametrize("case", SEEN.values(), ids=SEEN)
def test_a_picture_is_seen_as_pillow_shows_it(tmp_path: Path, case: Callable[[Path], tuple[Array, np.ndarray]]) -> None:
    node, truth = case(tmp_path)
    shown = display(node)
    assert shown is not None
    assert shown.is_colour == (truth.ndim == 3)
    pixels = whole(shown.array)
    if pixels.dtype == np.dtype("u1") and truth.max(initial=0) == 255 and pixels.max(initial=0) == 1:
        pixels = pixels * 255  # Pillow's white, of which there is but one
    np.testing.assert_array_equal(pixels, truth)
    part = (*[slice(1, 2)] * (truth.ndim - 2), slice(7, 41), slice(3, 29))
    np.testing.assert_array_equal(shown.array.read(part), whole(shown.array)[part])
    if shown.array.source.read_stepped is not None:
        steps = (*[1] * (truth.ndim - 2), 3, 4)
        expected = whole(shown.array)[part][(*[slice(None)] * (truth.ndim - 2), slice(None, None, 3), slice(None, None, 4))]
        np.testing.assert_array_equal(shown.array.source.read_stepped(part, steps), expected)


def test_deep_inks_and_negatives() -> None:
    """Pillow has none of 16 bits: the formulas of the TIFF specification, rounded."""
    inks = np.random.default_rng(3).integers(0, 65536, (20, 30, 4)).astype("u2")
    shown = display(node_of(inks, attributes={"tiled_zarr": {"photometric": "separated"}}))
    assert shown is not None
    left = 65535 - inks.astype("f8")
    expected = np.moveaxis(np.rint(left[..., :3] * left[..., 3:] / 65535), -1, 0)
    assert np.abs(whole(shown.array) - expected).max() <= 1
    for dtype, bits, white in (("u2", None, 65535), (">u2", 12, 4095)):
        ours = {"photometric": "miniswhite"} | ({"bits": bits} if bits else {})
        negative = display(node_of(GREY.astype(dtype), attributes={"tiled_zarr": ours}))
        assert negative is not None
        np.testing.assert_array_equal(whole(negative.array), white - GREY.astype("i4"))


def test_a_number_beyond_the_palette_is_black() -> None:
    ours = {"photometric": "palette", "palette": [[1, 2, 3], [4, 5, 6]]}
    shown = display(node_of(np.array([[0, 1, 2, 255]] * 2, "u1"), attributes={"tiled_zarr": ours}))
    assert shown is not None
    np.testing.assert_array_equal(whole(shown.array)[:, 0], np.array([[1, 4, 0, 0], [2, 5, 0, 0], [3, 6, 0, 0]]))


@pytest.mark.parametrize("palette", [[], [[1, 2]], [[1, 2, 300]], [[1, 2, 3], [1, 2, 3, 4]], "red", [[1, 2, "x"]]])
def test_a_palette_that_is_none_leaves_the_numbers(palette: object) -> None:
    shown = display(node_of(GREY, attributes={"tiled_zarr": {"photometric": "palette", "palette": palette}}))
    assert shown is not None
    np.testing.assert_array_equal(whole(shown.array), GREY)


def test_labels_keep_their_numbers() -> None:
    ours = {"photometric": "palette", "palette": [[1, 2, 3]], "is_label": True, "orientation": 6}
    shown = display(node_of(GREY, attributes={"tiled_zarr": ours}))
    assert shown is not None
    np.testing.assert_array_equal(whole(shown.array), GREY)


def test_stored_levels_are_seen_alike(tmp_path: Path) -> None:
    base = np.random.default_rng(4).integers(0, 256, (1200, 1400), dtype="u1")
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        options = {"photometric": "palette", "colormap": COLORMAP, "tile": (256, 256), "extratags": [(274, "H", 1, 6, True)]}
        file.write(base, subifds=1, metadata=None, **options)
        file.write(base[::2, ::2], subfiletype=1, metadata=None, **options)
    node = open_tiff(tmp_path / "a.tif")
    assert isinstance(node, Array)
    made = image(node)
    assert made.pyramid.shapes[:2] == ((3, 1400, 1200), (3, 700, 600))
    assert len(made.pyramid.sources) == 2
    truth = np.moveaxis((COLORMAP // 256).astype("u1").T[np.rot90(base, -1)], -1, 0)
    np.testing.assert_array_equal(whole(made.level(0)), truth)
    smaller = np.moveaxis((COLORMAP // 256).astype("u1").T[np.rot90(base[::2, ::2], -1)], -1, 0)
    np.testing.assert_array_equal(whole(made.level(1)), smaller)


def test_channels_of_a_file_that_calls_them_so_are_no_colours(tmp_path: Path) -> None:
    """tifffile writes three planes as red, green and blue where nothing else is said."""
    tifffile.imwrite(
        tmp_path / "a.ome.tif", np.moveaxis(RGB, -1, 0).copy(), photometric="rgb", planarconfig="separate", metadata={"axes": "CYX"}
    )
    node = open_tiff(tmp_path / "a.ome.tif")
    assert isinstance(node, Array)
    shown = display(node)
    assert shown is not None
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        assert shown.is_colour == ("S" in file.series[0].axes)
    tifffile.imwrite(tmp_path / "b.tif", RGB, photometric="minisblack", planarconfig="contig")
    node = open_tiff(tmp_path / "b.tif")
    assert isinstance(node, Array)
    channels = display(node)
    assert channels is not None
    assert not channels.is_colour


STACKS = {
    "nothing said": ({"photometric": "minisblack"}, "zyx"),
    "depth": ({"photometric": "minisblack", "metadata": {"axes": "ZYX"}}, "zyx"),
    "channels": ({"photometric": "minisblack", "metadata": {"axes": "CYX"}}, "cyx"),
    "time": ({"photometric": "minisblack", "metadata": {"axes": "TYX"}}, "tyx"),
    "depth in ImageJ": ({"imagej": True, "metadata": {"axes": "ZYX"}}, "zyx"),
    "channels in ImageJ": ({"imagej": True, "metadata": {"axes": "CYX"}}, "cyx"),
    "pages": ({"photometric": "minisblack", "metadata": None}, "zyx"),
}


@pytest.mark.parametrize(("options", "expected"), STACKS.values(), ids=STACKS)
def test_what_three_planes_are(tmp_path: Path, options: dict[str, object], expected: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(RGB, -1, 0).copy(), **options)
    node = open_tiff(tmp_path / "a.tif")
    assert isinstance(node, Array)
    shown = display(node)
    assert shown is not None
    assert (shown.axes, shown.is_colour) == (expected, False)
