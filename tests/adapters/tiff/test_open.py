from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage
import tifffile

from tiled_zarr._native import File
from tiled_zarr.adapters.common import mapped
from tiled_zarr.adapters.tiff import open_tiff, pages, segments
from tiled_zarr.nodes import Damaged, Unavailable
from tiled_zarr.testing import ReaderContract, check_rewritten, check_truncated, reading, whole
from tiled_zarr.testing.files import check_any_box

PICTURES = Path(skimage.__file__).parent / "data"
GREY = np.arange(100 * 120, dtype="<u2").reshape(100, 120) * 5
RGB = np.random.default_rng(0).integers(0, 255, (90, 70, 3), dtype="u1")
STACK = np.random.default_rng(1).integers(0, 60000, (4, 50, 60), dtype="u2")
VOLUME = np.random.default_rng(2).integers(0, 255, (20, 35, 40), dtype="u1")
PLANES = np.moveaxis(RGB, 2, 0).copy()
BITS = GREY % 3 == 0


def written(data, **options):
    def case(folder: Path):
        tifffile.imwrite(folder / "a.tif", data, **options)
        return open_tiff(folder / "a.tif"), tifffile.imread(folder / "a.tif")

    return case


def apart(data, **options):
    """Pages with something between them."""

    def case(folder: Path):
        with tifffile.TiffWriter(folder / "a.tif") as file:
            for page in data:
                file.write(page, contiguous=False, metadata=None, **options)
        return open_tiff(folder / "a.tif"), data

    return case


def big_endian(data):
    def case(folder: Path):
        node, truth = written(data, byteorder=">")(folder)
        return node, truth.astype(">u2")

    return case


def several(folder: Path):
    with tifffile.TiffWriter(folder / "a.tif") as file:
        file.write(GREY, metadata=None)
        file.write(RGB, photometric="rgb", metadata=None, compression="zlib")
    return open_tiff(folder / "a.tif"), {"0": GREY, "1": RGB}


def named(folder: Path):
    with tifffile.TiffWriter(folder / "a.ome.tif", ome=True) as file:
        file.write(GREY, metadata={"Name": "overview"})
        file.write(STACK, metadata={"Name": "detail", "axes": "ZYX"}, photometric="minisblack")
    return open_tiff(folder / "a.ome.tif"), {"overview": GREY, "detail": STACK}


def pyramid(folder: Path):
    with tifffile.TiffWriter(folder / "a.ome.tif") as file:
        file.write(GREY, tile=(32, 32), subifds=1, metadata={"axes": "YX"})
        file.write(GREY[::2, ::2], tile=(32, 32), subfiletype=1)
    return open_tiff(folder / "a.ome.tif"), GREY


TILED = {"tile": (32, 48), "compression": "zlib"}
CASES = {
    "contiguous": written(GREY),
    "contiguous_big_endian": big_endian(GREY),
    "contiguous_stack": written(STACK, photometric="minisblack"),
    "big_endian_tiles": written(GREY, byteorder=">", **TILED),
    "tiles": written(GREY, **TILED),
    "raw_tiles": written(GREY, tile=(32, 48)),
    "strips": written(GREY, rowsperstrip=7, compression="lzw", predictor=True),
    "one_strip": written(GREY, compression="zstd"),
    "floats": written(GREY.astype("f4"), predictor=True, **TILED),
    "colour": written(RGB, photometric="rgb"),
    "colour_tiles": written(RGB, photometric="rgb", **TILED),
    "jpeg_tiles": written(RGB, photometric="rgb", tile=(32, 48), compression="jpeg"),
    "planes": written(PLANES, photometric="rgb", planarconfig="separate", **TILED),
    "stack_of_tiles": written(STACK, photometric="minisblack", **TILED),
    "volume": written(VOLUME, volumetric=True, tile=(16, 16, 16), compression="zlib"),
    "hyperstack": written(STACK.reshape(2, 2, 50, 60), imagej=True, metadata={"axes": "TZYX"}),
    "ome": written(STACK.reshape(2, 2, 1, 50, 60), ome=True, metadata={"axes": "TCZYX"}, **TILED),
    "bilevel": written(BITS),
    "packed_bits": written(BITS, compression="packbits"),
    "complex": written(GREY.astype("c8")),
    "one_pixel": written(np.array([[7]], "u1")),
    "axis_of_one": written(STACK[..., np.newaxis], compression="zlib"),
    "pages_apart": apart(STACK),
    "strips_apart": apart(STACK, rowsperstrip=9, compression="zlib"),
    "series": several,
    "named_series": named,
    "pyramid": pyramid,
    "shipped_grey": lambda _: (open_tiff(PICTURES / "multipage.tif"), tifffile.imread(PICTURES / "multipage.tif")),
    "shipped_colour": lambda _: (open_tiff(PICTURES / "multipage_rgb.tif"), tifffile.imread(PICTURES / "multipage_rgb.tif")),
}


class TestTiff(ReaderContract, cases=CASES): ...


@pytest.mark.parametrize("options", [{}, TILED], ids=["contiguous", "tiles"])
def test_a_rewritten_file(tmp_path, options):
    check_rewritten(tmp_path / "a.tif", open_tiff, lambda path, data: tifffile.imwrite(path, data, **options))


@pytest.mark.parametrize("options", [{}, TILED], ids=["contiguous", "tiles"])
def test_a_truncated_file(tmp_path, options):
    tifffile.imwrite(tmp_path / "a.tif", GREY, **options)
    check_truncated(tmp_path / "a.tif", open_tiff, GREY)


def test_a_damaged_tile_raises_and_leaves_the_others(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, **TILED)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        offset, nbytes = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[offset : offset + nbytes] = bytes(nbytes)
    (tmp_path / "a.tif").write_bytes(content)
    node = open_tiff(tmp_path / "a.tif")
    with pytest.raises(OSError, match="segment 0 at byte"):
        whole(node)
    assert (node.read((slice(32, 100), slice(0, 120))) == GREY[32:]).all()


AXES = {
    "grey": (written(GREY), ("y", "x")),
    "colour": (written(RGB, photometric="rgb"), ("y", "x", "s")),
    "unknown": (written(STACK, photometric="minisblack"), (None, "y", "x")),
    "hyperstack": (CASES["hyperstack"], ("t", "z", "y", "x")),
    "ome": (CASES["ome"], ("t", "c", "y", "x")),
}
CHUNKS = {
    "contiguous": (written(GREY), None),
    "tiles": (written(GREY, **TILED), (32, 48)),
    "strips": (CASES["strips"], (7, 120)),
    "stack": (CASES["stack_of_tiles"], (1, 32, 48)),
    "colour": (CASES["colour_tiles"], (32, 48, 3)),
    "planes": (CASES["planes"], (1, 32, 48)),
    "volume": (CASES["volume"], (16, 16, 16)),
}


@pytest.mark.parametrize(("case", "names"), AXES.values(), ids=AXES.keys())
def test_axes(tmp_path, case, names):
    assert case(tmp_path)[0].dimension_names == names


@pytest.mark.parametrize(("case", "chunks"), CHUNKS.values(), ids=CHUNKS.keys())
def test_chunks(tmp_path, case, chunks):
    assert case(tmp_path)[0].chunks == chunks


def test_ome_attributes(tmp_path):
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 500, "PhysicalSizeYUnit": "nm", "PhysicalSizeZ": 3, "PhysicalSizeZUnit": "pixel"}
    metadata = {"axes": "CYX", "Name": "cells", "Channel": {"Name": ["DAPI", "GFP", "mCherry", "Cy5"]}, **sizes}
    node, _ = written(STACK, ome=True, photometric="minisblack", metadata=metadata)(tmp_path)
    assert node.attributes["name"] == "cells"
    assert node.attributes["physical_size"] == {"y": 0.5, "x": 0.5, "unit": "µm"}
    assert node.attributes["channel_names"] == ["DAPI", "GFP", "mCherry", "Cy5"]


def test_imagej_attributes(tmp_path):
    metadata = {"axes": "ZYX", "unit": "nm", "spacing": 2000.0}
    node, _ = written(STACK, imagej=True, resolution=(0.01, 0.02), metadata=metadata)(tmp_path)
    size = node.attributes["physical_size"]
    assert size.pop("unit") == "µm"
    assert size == pytest.approx({"z": 2.0, "y": 0.05, "x": 0.1})
    assert node.attributes["imagej"]["slices"] == 4


def test_own_metadata_are_attributes(tmp_path):
    assert written(GREY, metadata={"sample": "A7"})(tmp_path)[0].attributes == {"sample": "A7"}
    assert written(GREY, metadata=None, description="by hand")(tmp_path)[0].attributes == {"description": "by hand"}


def test_a_region_reads_its_tiles_alone(tmp_path):
    noise = np.random.default_rng(0).integers(0, 60000, (2048, 2048), dtype="u2")
    tifffile.imwrite(tmp_path / "a.tif", noise, tile=(128, 128), compression="zlib")
    node = open_tiff(tmp_path / "a.tif")
    with reading() as nbytes:
        assert (node.read((slice(256, 512), slice(256, 384))) == noise[256:512, 256:384]).all()
        assert nbytes() < 2.5 * 128 * 128 * 2


def test_a_region_of_a_contiguous_stack_reads_little_more(tmp_path):
    stack = np.arange(40 * 500 * 500, dtype="u2").reshape(40, 500, 500)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    node = open_tiff(tmp_path / "a.tif")
    with reading() as nbytes:
        assert (node.read((slice(7, 8), slice(0, 500), slice(0, 500))) == stack[7:8]).all()
        assert nbytes() < 600_000


def test_a_strip_that_many_regions_touch_is_decoded_once(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", GREY, compression="zlib", rowsperstrip=100)
    node = open_tiff(tmp_path / "a.tif")
    reads = []
    read_bytes = segments.read_bytes
    monkeypatch.setattr(segments, "read_bytes", lambda *args: reads.append(args) or read_bytes(*args))
    for start in range(0, 120, 20):
        node.read((slice(0, 100), slice(start, start + 20)))
    assert len(reads) == 1


def test_opening_reads_headers_alone(tmp_path):
    noise = np.random.default_rng(0).integers(0, 60000, (20, 600, 600), dtype="u2")
    tifffile.imwrite(tmp_path / "a.tif", noise, photometric="minisblack", tile=(256, 256), compression="zlib")
    with reading() as nbytes:
        open_tiff(tmp_path / "a.tif")
        assert nbytes() < noise.nbytes / 20


def test_tiles_that_a_sparse_file_leaves_out_hold_its_nodata(tmp_path):
    def tiles():
        yield GREY[:32, :48].copy()
        for _ in range(11):
            yield None

    tifffile.imwrite(tmp_path / "a.tif", tiles(), shape=GREY.shape, dtype="u2", tile=(32, 48), compression="zlib", metadata=None)
    block = whole(open_tiff(tmp_path / "a.tif"))
    assert (block[:32, :48] == GREY[:32, :48]).all()
    assert not block[32:].any()


def test_a_file_of_other_format(tmp_path):
    (tmp_path / "a.tif").write_text("no picture")
    with pytest.raises(Damaged, match=r"'a\.tif' cannot be read as a TIFF file"):
        open_tiff(tmp_path / "a.tif")


def test_an_unknown_compression_raises(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, metadata=None, compression="zlib")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages[0].tags[259].overwrite(64999)
    with pytest.raises((OSError, ValueError, Unavailable)):
        whole(open_tiff(tmp_path / "a.tif"))


def with_unknown_format(path: Path, page: int) -> None:
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[page].tags["SampleFormat"].overwrite(6)


def test_a_series_of_unknown_format_leaves_the_others(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(GREY, metadata=None)
        file.write(RGB[..., 0].astype("i1"), metadata=None)
    with_unknown_format(tmp_path / "a.tif", 1)
    group = open_tiff(tmp_path / "a.tif")
    assert list(group.children) == ["0"]
    assert group.unavailable()["1"].startswith("an image of a sample format that tifffile does not know: if it is not damaged, convert it")
    with pytest.raises(Damaged, match="sample format"):
        _ = group.children["1"]


def test_a_page_of_unknown_bits_is_damaged_and_not_absent(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages[0].tags["BitsPerSample"].overwrite(16 ^ 128)
    with pytest.raises(Damaged, match="sample format"):
        open_tiff(tmp_path / "a.tif")


def test_a_page_that_is_missing_raises(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, photometric="minisblack", metadata={"axes": "CYX"}, **TILED)
    content = (tmp_path / "a.ome.tif").read_bytes()
    (tmp_path / "a.ome.tif").write_bytes(content.replace(b'SizeC="4"', b'SizeC="5"'))
    node = open_tiff(tmp_path / "a.ome.tif")
    assert node.shape == (5, 50, 60)
    assert (node.read((slice(0, 4), slice(0, 50), slice(0, 60))) == STACK).all()
    with pytest.raises(OSError, match="page 4 of the series is missing"):
        whole(node)


def test_a_series_that_only_tifffile_can_put_together(tmp_path, monkeypatch):
    monkeypatch.setattr(pages.Pages, "are_plain", False)
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, photometric="minisblack", metadata={"axes": "CYX"}, **TILED)
    node = open_tiff(tmp_path / "a.ome.tif")
    assert node.chunks is None
    check_any_box("", node, STACK)
    content = (tmp_path / "a.ome.tif").read_bytes()
    (tmp_path / "a.ome.tif").write_bytes(content.replace(b'SizeC="4"', b'SizeC="5"'))
    with pytest.raises(OSError, match="pages of the series are missing"):
        whole(open_tiff(tmp_path / "a.ome.tif"))


def test_a_tile_of_another_size_raises(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, **TILED)
    node = open_tiff(tmp_path / "a.tif")
    segments = node.read.__self__.segments
    small = replace(segments, decode=lambda *_: (np.zeros((1, 8, 8, 1), "u2"), None, None))
    monkeyed = node.read.__self__
    monkeyed.segments = small
    with pytest.raises(OSError, match="decodes to another shape"):
        whole(node)


RAW = {
    "tile": {"tile": (32, 48)},
    "big-endian tile": {"tile": (32, 48), "byteorder": ">"},
    "strip": {"rowsperstrip": 32},
    "planes": {"tile": (32, 48), "planarconfig": "separate", "photometric": "rgb"},
    "colours": {"tile": (32, 48), "planarconfig": "contig", "photometric": "rgb"},
}


@pytest.mark.parametrize("options", RAW.values(), ids=RAW)
@pytest.mark.parametrize("is_mapped", [True, False], ids=["mapped", "read"])
def test_uncompressed_segments_are_views_of_the_file(tmp_path, monkeypatch, options, is_mapped):
    data = np.stack([GREY, GREY + 1, GREY + 2], 0 if options.get("planarconfig") == "separate" else 2) if "photometric" in options else GREY
    tifffile.imwrite(tmp_path / "a.tif", data, metadata=None, **options)
    if not is_mapped:
        monkeypatch.setattr(mapped, "_opened", mapped.Reopened)
    node = open_tiff(tmp_path / "a.tif")
    axes = node.shape.index(100)
    rows, columns = (slice(32, 64), slice(48, 96) if "tile" in options else slice(0, 120))
    region = (*[slice(0, 1)] * axes, rows, columns, *[slice(0, 3)] * (data.ndim - 2 - axes))
    block = node.read(region)
    np.testing.assert_array_equal(block, data[region])
    is_view = is_mapped and options.get("byteorder") != ">"
    assert (str(tmp_path / "a.tif") in Path("/proc/self/maps").read_text()) is is_mapped
    assert isinstance(base_of(block), File) is is_view
    np.testing.assert_array_equal(whole(node), data)


def base_of(block):
    """What a view is a view of in the end."""
    while isinstance(block, np.ndarray) and block.base is not None:
        block = block.base
    return block


def test_a_raw_tile_that_is_too_short_raises(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, tile=(32, 48), metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages[0].tags["TileByteCounts"].overwrite([100] + [32 * 48 * 2] * 11)
    node = open_tiff(tmp_path / "a.tif")
    with pytest.raises(OSError, match="segment 0 at byte"):
        node.read((slice(0, 32), slice(0, 48)))
    assert (node.read((slice(0, 32), slice(48, 96))) == GREY[:32, 48:96]).all()


def test_a_stack_in_one_piece_is_read_in_steps(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack")
    node = open_tiff(tmp_path / "a.tif")
    assert node.source.read_stepped is not None
    assert (node.source.read_stepped((slice(1, 2), slice(0, 50), slice(3, 60)), (1, 7, 5)) == STACK[1:2, ::7, 3::5]).all()


def test_a_whole_tile_is_handed_on_without_a_copy(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, **TILED)
    block = open_tiff(tmp_path / "a.tif").read((slice(32, 64), slice(48, 96)))
    assert not block.flags.owndata
    assert (block == GREY[32:64, 48:96]).all()


@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
def test_a_sample_format_that_nobody_knows_is_named(tmp_path: Path, photometric: str) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((4, 4), "u1"), photometric=photometric)
    with tifffile.TiffFile(tmp_path / "x.tif", mode="r+") as file:
        file.pages[0].tags["BitsPerSample"].overwrite(65)
    with pytest.raises(Damaged, match="a sample format that tifffile does not know"):
        open_tiff(tmp_path / "x.tif")
