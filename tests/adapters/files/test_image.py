from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import skimage
from PIL import Image, PngImagePlugin

from tiled_zarr import budgets
from tiled_zarr.adapters.files import image
from tiled_zarr.adapters.files.image import open_image
from tiled_zarr.nodes import TooLarge, Unavailable
from tiled_zarr.testing import ReaderContract, check_rewritten, check_truncated, reading, whole

PICTURES = Path(skimage.__file__).parent / "data"
GREY = np.arange(50 * 60, dtype="u1").reshape(50, 60)
RGB = np.stack([GREY, GREY.T.reshape(50, 60), 255 - GREY], axis=-1)
RGBA = np.dstack([RGB, GREY // 2])
DEEP = np.arange(50 * 60, dtype="<u2").reshape(50, 60) * 21


def pictured(pixels, name, **options):
    def case(folder: Path):
        Image.fromarray(pixels).save(folder / name, **options)
        return open_image(folder / name), pixels

    return case


def palette(folder: Path):
    Image.fromarray(RGB).quantize(16).save(folder / "a.png")
    return open_image(folder / "a.png"), np.array(Image.open(folder / "a.png"))


def see_through_palette(folder: Path):
    Image.fromarray(RGB).quantize(16).save(folder / "a.png", transparency=3)
    return open_image(folder / "a.png"), np.array(Image.open(folder / "a.png"))


def deep_colour(channels):
    def case(folder: Path):
        pixels = np.dstack([DEEP, DEEP[::-1], DEEP[:, ::-1], DEEP])[..., :channels].copy()
        (folder / "a.png").write_bytes(imagecodecs.png_encode(pixels))
        return open_image(folder / "a.png"), pixels

    return case


def photograph(name):
    def case(_: Path):
        return open_image(PICTURES / name), np.array(Image.open(PICTURES / name))

    return case


CASES = {
    "grey": pictured(GREY, "a.png"),
    "colour": pictured(RGB, "a.png"),
    "transparent": pictured(RGBA, "a.png"),
    "bilevel": pictured(GREY > 99, "a.png"),
    "deep_grey": pictured(DEEP, "a.png"),
    "deep_colour": deep_colour(3),
    "deep_transparent": deep_colour(4),
    "deep_grey_transparent": deep_colour(2),
    "palette": palette,
    "see_through_palette": see_through_palette,
    "photograph_png": photograph("chelsea.png"),
    "photograph_jpeg": photograph("rocket.jpg"),
    "photograph_grey": photograph("cell.png"),
}


class TestImage(ReaderContract, cases=CASES): ...


def write(path: Path, pixels) -> None:
    Image.fromarray(pixels.astype("u2")).save(path, format="png")


def test_a_rewritten_file(tmp_path):
    check_rewritten(tmp_path / "a.png", open_image, write)


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_truncated_file(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    Image.fromarray(RGB).save(path)
    check_truncated(path, open_image, np.array(Image.open(path)))


def test_a_damaged_file_raises(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"a\.png|image|checksum"):
        whole(open_image(path))


def test_axes_and_attributes(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png", dpi=(300, 300), exif=Image.Exif())
    node = open_image(tmp_path / "a.png")
    assert node.dimension_names == ("y", "x", "c")
    assert set(node.attributes) == {"dpi"}
    assert open_image(PICTURES / "cell.png").dimension_names == ("y", "x")


def test_opening_decodes_nothing_and_reading_decodes_once(tmp_path, monkeypatch):
    calls = []
    decode = image._decode
    monkeypatch.setattr(image, "_decode", lambda *args: calls.append(args) or decode(*args))
    Image.fromarray(RGB).save(tmp_path / "a.png")
    node = open_image(tmp_path / "a.png")
    assert calls == []
    for _ in range(3):
        node.read((slice(0, 5), slice(0, 5), slice(0, 3)))
    assert len(calls) == 1
    with reading() as nbytes:
        node.read((slice(5, 9), slice(0, 5), slice(0, 3)))
        assert nbytes() == 0


def test_it_is_not_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(GREY).save(tmp_path / "a.jpg", exif=exif)
    node = open_image(tmp_path / "a.jpg")
    assert node.shape == (50, 60)
    assert node.attributes["tiled_zarr"] == {"orientation": 6}


def test_what_the_numbers_mean_is_an_attribute(tmp_path):
    palette(tmp_path)
    [row] = np.array(Image.open(tmp_path / "a.png").convert("RGB"))[:1, :1].tolist()[0]
    node = open_image(tmp_path / "a.png")
    ours = node.attributes["tiled_zarr"]
    assert ours["photometric"] == "palette"
    assert ours["palette"][int(whole(node)[0, 0])] == row
    see_through_palette(tmp_path)
    assert {len(colour) for colour in open_image(tmp_path / "a.png").attributes["tiled_zarr"]["palette"]} == {4}
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "a.jpg")
    assert open_image(tmp_path / "a.jpg").attributes["tiled_zarr"] == {"photometric": "separated"}


def test_bad_exif_data_leave_the_picture(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=b"Exif\0\0nothing of the kind")
    node = open_image(tmp_path / "a.jpg")
    assert node.shape == RGB.shape
    assert "tiled_zarr" not in node.attributes


def test_the_limit_of_pixels_is_ours(tmp_path, monkeypatch):
    """Pillow warns above its own limit, and refuses pictures twice as large.

    We refuse those that take more memory than a request may.
    """
    Image.fromarray(RGB).save(tmp_path / "a.png")
    for limit in (RGB.shape[0] * RGB.shape[1] - 1, 10):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert (whole(open_image(tmp_path / "a.png")) == RGB).all()
        assert limit == Image.MAX_IMAGE_PIXELS
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    node = open_image(tmp_path / "b.png")
    budgets.lend(budgets.Budget(2 * RGB.nbytes - 1, 1))
    try:
        with pytest.raises(TooLarge, match="raise the setting in_flight"):
            whole(node)
        budgets.lend(budgets.Budget(2 * RGB.nbytes, 1))
        assert (whole(node) == RGB).all()
    finally:
        budgets.lend(None)


def test_a_large_picture_is_copied_in_parts(tmp_path, monkeypatch):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    monkeypatch.setattr(image, "AT_ONCE", 7 * RGB[:1].nbytes)
    assert (whole(open_image(tmp_path / "a.png")) == RGB).all()


def test_other_modes_are_unavailable(tmp_path):
    Image.fromarray(RGB).convert("LAB").save(tmp_path / "a.tif")
    with pytest.raises(Unavailable, match="'LAB'"):
        open_image(tmp_path / "a.tif")


def test_a_damaged_chunk_header_raises(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (400, 400), dtype="u1")
    Image.fromarray(noise).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    second = content.index(b"IDAT", content.index(b"IDAT") + 4)
    (tmp_path / "a.png").write_bytes(content[:second] + b"\0\1\2\3" + content[second + 4 :])
    with pytest.raises(OSError, match=r"a\.png"):
        whole(open_image(tmp_path / "a.png"))


def test_opening_a_picture_decodes_nothing(tmp_path, monkeypatch):
    """Pillow's `getexif` decodes all of a PNG without EXIF data, whatever memory that takes."""
    Image.fromarray(np.zeros((64, 48), "u1")).save(tmp_path / "a.png")
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda self: pytest.fail("it is decoded"))
    assert open_image(tmp_path / "a.png").shape == (64, 48)


def test_the_orientation_may_stand_behind_the_pixels(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((64, 48), "u1")).save(tmp_path / "a.png", exif=exif)
    raw = (tmp_path / "a.png").read_bytes()
    start = raw.index(b"eXIf") - 4
    stop = start + 12 + int.from_bytes(raw[start : start + 4], "big")
    (tmp_path / "a.png").write_bytes(raw[:start] + raw[stop:-12] + raw[start:stop] + raw[-12:])
    with Image.open(tmp_path / "a.png") as image:
        assert image.getexif()[0x0112] == 6
    assert open_image(tmp_path / "a.png").attributes["tiled_zarr"] == {"orientation": 6}
