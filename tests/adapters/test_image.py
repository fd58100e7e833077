from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import skimage
from PIL import Image

from adapters.files import FileContract, check_rewritten, check_truncated, reading, whole
from tiled_zarr.adapters import image
from tiled_zarr.adapters.image import open_image
from tiled_zarr.nodes import Unavailable

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
    return open_image(folder / "a.png"), np.array(Image.open(folder / "a.png").convert("RGB"))


def see_through_palette(folder: Path):
    Image.fromarray(RGB).quantize(16).save(folder / "a.png", transparency=3)
    return open_image(folder / "a.png"), np.array(Image.open(folder / "a.png").convert("RGBA"))


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


class TestImage(FileContract, cases=CASES): ...


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
    assert open_image(tmp_path / "a.jpg").shape == (50, 60)


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
