"""TIFF files that promise more than they hold say so, and nothing of them is made up."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tiled_zarr.adapters.tiff import open as opening
from tiled_zarr.adapters.tiff import open_tiff
from tiled_zarr.nodes import Damaged

LONG = np.random.default_rng(3).integers(1, 60000, (27, 50, 60), dtype="u2")
OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
PAGE = (slice(0, 50), slice(0, 60))


def chain(path: Path, **options) -> None:
    with tifffile.TiffWriter(path, **options) as file:
        for page in LONG:
            file.write(page, contiguous=False, metadata=None)


def imagej(path: Path) -> None:
    tifffile.imwrite(path, LONG, imagej=True, metadata={"axes": "ZYX"}, compression="zlib")


def one_run(path: Path) -> None:
    tifffile.imwrite(path, LONG, photometric="minisblack")


SHORT = {
    "chain": (chain, (9, 50, 60), {"pages": 9, "pages_promised": "more than 9"}, "the pages after page 9, which points to byte"),
    "chain_of_bigtiff": (partial(chain, bigtiff=True), (9, 50, 60), {"pages": 9, "pages_promised": "more than 9"}, "after page 9"),
    "imagej": (imagej, (27, 50, 60), {"pages": 9, "pages_promised": 27}, "18 of 27 pages"),
    "one_run": (one_run, (27, 50, 60), {"pages": 9, "pages_promised": 27}, "18 of 27 pages"),
}


@pytest.mark.parametrize(("write", "shape", "counts", "missing"), SHORT.values(), ids=SHORT)
def test_a_file_cut_at_a_third_says_what_is_missing(tmp_path, write, shape, counts, missing):
    write(tmp_path / "a.tif")
    assert "tiled_zarr" not in open_tiff(tmp_path / "a.tif").attributes
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[: len(content) // 3])
    node = open_tiff(tmp_path / "a.tif")
    said = node.attributes["tiled_zarr"]
    assert (node.shape, {key: said[key] for key in counts}) == (shape, counts)
    assert missing in said["missing"]
    assert "truncated" in said["missing"]
    assert (node.read((slice(0, 8), *PAGE)) == LONG[:8]).all()
    with pytest.raises(OSError, match=r"truncated|missing|ended|cannot be decoded"):
        node.read((slice(shape[0] - 1, shape[0]), *PAGE))


def test_every_cut_says_so(tmp_path):
    """A reader who is told nothing has all pages."""
    chain(tmp_path / "whole.tif")
    content = (tmp_path / "whole.tif").read_bytes()
    for cut in range(1000, len(content), 3331):
        (tmp_path / "a.tif").write_bytes(content[:cut])
        try:
            assert open_tiff(tmp_path / "a.tif").attributes["tiled_zarr"]["missing"], cut
        except Damaged:
            with pytest.raises(tifffile.TiffFileError), tifffile.TiffFile(tmp_path / "a.tif") as file:
                len(file.series)


@pytest.mark.parametrize("head", [b"II*\x00\x08\x00\x00\x00", b"II*\x00\x00\x00\x00\x00", b"", b"II*\x00", b"no picture"], ids=repr)
def test_a_file_without_a_page_is_damaged(tmp_path, head):
    """tifffile reads some as no series at all, which was a healthy empty group."""
    (tmp_path / "a.tif").write_bytes(head and head + bytes(100))
    with pytest.raises(Damaged, match=r"'a\.tif'"):
        open_tiff(tmp_path / "a.tif")


def refuse() -> None:
    raise NotImplementedError("no such predictor")


def test_a_damaged_series_is_named_and_a_failure(tmp_path, monkeypatch):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(LONG[0], metadata=None)
        file.write(LONG[1, :40], metadata=None)
    made = opening._array
    monkeypatch.setattr(opening, "_array", lambda *given, **named: made(*given, **named) if given[1] == 0 else refuse())
    group = open_tiff(tmp_path / "a.tif")
    assert list(group.children) == ["0"]
    assert group.unavailable() == {"1": "it is damaged, or of a kind that tifffile does not read: no such predictor"}
    with pytest.raises(Damaged, match="no such predictor"):
        group.children["1"]
    with pytest.raises(KeyError):
        group.children["2"]


RAISED = {
    "strips": {"rowsperstrip": 10},
    "one_strip": {},
    "tiles": {"tile": (16, 16), "compression": "zlib"},
    "strips_compressed": {"rowsperstrip": 10, "compression": "lzw"},
}


@pytest.mark.parametrize("bit", [6, 7, 20, 30])
@pytest.mark.parametrize("name", RAISED)
def test_a_length_that_was_raised_is_damage(tmp_path, name, bit):
    tifffile.imwrite(tmp_path / "a.tif", LONG[0], metadata=None, **RAISED[name])
    open_tiff(tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages[0].tags["ImageLength"].overwrite(50 ^ 1 << bit)
    with pytest.raises(Damaged, match=r"its header promises [0-9,]+ (strips|tiles|bytes of pixels)"):
        open_tiff(tmp_path / "a.tif")


def test_places_of_data_that_are_no_whole_numbers(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", LONG[0], metadata=None, rowsperstrip=25)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        tag = file.pages[0].tags["StripOffsets"].offset
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[tag + 2 : tag + 4] = (11).to_bytes(2, "little")  # FLOAT
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(Damaged, match="offsets of data that are no integers"):
        open_tiff(tmp_path / "a.tif")


def test_ome_xml_with_absurdly_many_planes_leaves_the_page(tmp_path):
    """tifffile makes a list of all of them, 1.5 GB for a hundred million."""
    sizes = 'SizeX="60" SizeY="50" SizeZ="99999999" SizeC="1" SizeT="1" Type="uint16" DimensionOrder="XYZCT"'
    xml = f'<?xml version="1.0"?><OME xmlns="{OME}"><Image><Pixels {sizes}><TiffData/></Pixels></Image></OME>'
    tifffile.imwrite(tmp_path / "a.ome.tif", LONG[0], metadata=None, description=xml)
    node = open_tiff(tmp_path / "a.ome.tif")
    assert (node.shape, node.attributes["tiled_zarr"]) == ((50, 60), {"ome_xml": opening.OME_IS_BAD})
    assert (node.read(PAGE) == LONG[0]).all()


def test_tiles_of_no_width_are_told_of_in_a_short_sentence(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", LONG[0], metadata=None, tile=(16, 16))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        tag = file.pages[0].tags["TileWidth"].offset
    content = bytearray((tmp_path / "a.tif").read_bytes())
    # the float 2.2e-44
    content[tag + 2 : tag + 12] = (11).to_bytes(2, "little") + (1).to_bytes(4, "little") + (16).to_bytes(4, "little")
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(Damaged) as caught:
        open_tiff(tmp_path / "a.tif")
    assert len(str(caught.value)) < 150
