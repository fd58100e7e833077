"""Sets of OME-TIFF files: one image, whose files are looked for beside it and behind the fence."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

import numpy as np
import pytest
import tifffile

from asgi import ask
from tiled_zarr.adapters.common import dependencies, folders
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.adapters.tiff import open_tiff
from tiled_zarr.app import create_app
from tiled_zarr.nodes import Array, Damaged, Group, Node, Unavailable
from tiled_zarr.settings import Settings
from tiled_zarr.testing import Case, ReaderContract, whole

DATA = np.random.default_rng(3).integers(0, 4000, (2, 3, 60, 70)).astype("u2")
NAMES = ("set_C0.ome.tif", "set_C1.ome.tif")
IDS = tuple(uuid.UUID(int=10 + channel) for channel in range(2))
OPTIONS = ({}, {"compression": "zlib", "byteorder": ">"})
"""The files are cut and compressed in their own ways."""
HEAD = '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{}">'
PIXELS = (
    '<Image ID="Image:0" Name="set"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="70" SizeY="60" SizeZ="3" SizeC="2" '
    'SizeT="1" PhysicalSizeX="0.5" PhysicalSizeY="0.5"><Channel ID="Channel:0:0" Name="DAPI" SamplesPerPixel="1"/>'
    '<Channel ID="Channel:0:1" Name="GFP" SamplesPerPixel="1"/>{}</Pixels></Image></OME>'
)
ELSEWHERE = '<BinaryOnly MetadataFile="{}" UUID="urn:uuid:{}"/></OME>'


@pytest.fixture(autouse=True)
def looks_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change is seen at once, however long the last look at the files has taken."""
    monkeypatch.setattr(dependencies, "SHARE", 1)


def described(names: tuple[str, ...]) -> str:
    planes = "".join(
        f'<TiffData FirstC="{c}" FirstZ="{z}" FirstT="0" IFD="{z}" PlaneCount="1">'
        f'<UUID FileName="{names[c]}">urn:uuid:{IDS[c]}</UUID></TiffData>'
        for c in range(2)
        for z in range(3)
    )
    return PIXELS.format(planes)


def write(path: Path, channel: int, body: str, data: np.ndarray = DATA) -> None:
    options = dict(OPTIONS[channel])
    with tifffile.TiffWriter(path, byteorder=options.pop("byteorder", "<")) as file:
        for z, plane in enumerate(data[channel]):
            text = (HEAD.format(IDS[channel]) + body).encode() if z == 0 else None
            file.write(plane, photometric="minisblack", metadata=None, contiguous=False, description=text, **options)


def write_set(folder: Path, names: tuple[str, ...] = NAMES) -> Path:
    folder.mkdir(exist_ok=True)
    for channel, name in enumerate(NAMES):
        write(folder / name, channel, described(names))
    return folder


def array(node: Node) -> Array:
    assert isinstance(node, Array)
    return node


def opened(number: int) -> Case:
    def case(folder: Path) -> tuple[Node, np.ndarray]:
        write_set(folder)
        return open_tiff(folder / NAMES[number]), tifffile.imread(folder / NAMES[number])

    return case


class TestSets(ReaderContract, cases={"first": opened(0), "second": opened(1)}): ...


def test_a_set_is_one_image_under_the_name_of_its_first_file(tmp_path: Path) -> None:
    group = open_directory(write_set(tmp_path))
    assert isinstance(group, Group)
    node = array(group.children["set_C0"])
    np.testing.assert_array_equal(whole(node), tifffile.imread(tmp_path / NAMES[0]))
    assert node.dimension_names == ("c", "z", "y", "x")
    assert node.attributes["channel_names"] == ["DAPI", "GFP"]
    assert node.attributes["physical_size"] == {"y": 0.5, "x": 0.5, "unit": "µm"}
    assert "tiled_zarr" not in node.attributes
    with pytest.raises(Unavailable, match=r"a part of the OME-TIFF set that is served as 'set_C0\.ome\.tif'"):
        group.children["set_C1"]


def test_a_renamed_file_without_its_set_has_its_own_planes_alone(tmp_path: Path) -> None:
    write_set(tmp_path / "set")
    shutil.copy(tmp_path / "set" / NAMES[1], tmp_path / "renamed.ome.tif")
    node = array(open_directory(tmp_path).children["renamed"])
    assert node.shape == DATA.shape
    np.testing.assert_array_equal(node.read((slice(1, 2), slice(0, 3), slice(0, 60), slice(0, 70))), DATA[1:])
    with pytest.raises(Damaged, match=r"page 2 .* missing beside this one: 'set_C0\.ome\.tif'"):
        node.read((slice(0, 1), slice(2, 3), slice(0, 60), slice(0, 70)))
    ours = node.attributes["tiled_zarr"]
    assert (ours["pages"], ours["pages_promised"]) == (3, 6)
    assert ours["missing"] == "3 of 6 pages, which are in files that are not beside this one: 'set_C0.ome.tif'"


def test_each_chunk_is_of_one_page_where_some_are_missing(tmp_path: Path) -> None:
    """Else one missing page would take its neighbours along: an array of 25 KB is one chunk."""
    write_set(tmp_path)
    (tmp_path / NAMES[1]).unlink()
    app = create_app(open_directory(tmp_path), Settings(public=True))
    statuses = [ask(app, f"/zarr/v3/set_C0/c/{channel}/{z}/0/0").status for channel in range(2) for z in range(3)]
    assert statuses == [200, 200, 200, 500, 500, 500]


def test_a_set_without_its_first_file_is_shown_under_the_next(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / NAMES[0]).unlink()
    assert array(open_directory(tmp_path).children["set_C1"]).shape == DATA.shape


def test_a_file_that_leaves_the_metadata_to_the_first(tmp_path: Path) -> None:
    write_set(tmp_path)
    write(tmp_path / NAMES[1], 1, ELSEWHERE.format(NAMES[0], IDS[0]))
    group = open_directory(tmp_path)
    np.testing.assert_array_equal(whole(array(group.children["set_C0"])), DATA)
    with pytest.raises(Unavailable, match="a part of"):
        group.children["set_C1"]


def test_a_missing_file_that_appears_and_one_that_changes(tmp_path: Path) -> None:
    write_set(tmp_path / "set")
    (tmp_path / "served").mkdir()
    shutil.copy(tmp_path / "set" / NAMES[0], tmp_path / "served")
    group = open_directory(tmp_path / "served")
    first = array(group.children["set_C0"])
    before = first.revision()
    assert "missing" in first.attributes["tiled_zarr"]
    assert group.children["set_C0"] is first
    shutil.copy(tmp_path / "set" / NAMES[1], tmp_path / "served")
    assert first.revision() != before
    second = array(group.children["set_C0"])
    np.testing.assert_array_equal(whole(second), DATA)
    write(tmp_path / "served" / NAMES[1], 1, described(NAMES), DATA + 1)
    with pytest.raises(OSError, match="changed while it was being read"):
        whole(second)
    third = array(group.children["set_C0"])
    np.testing.assert_array_equal(whole(third), np.stack([DATA[0], DATA[1] + 1]))
    assert third.revision() != before


def test_a_region_has_the_revision_of_its_files(tmp_path: Path) -> None:
    write_set(tmp_path)
    node = array(open_tiff(tmp_path / NAMES[0]))
    regions = [(slice(c, c + 1), slice(0, 1), slice(0, 60), slice(0, 70)) for c in range(2)]
    before = [node.revision(region) for region in regions]
    os.utime(tmp_path / NAMES[1], ns=(1, 1))
    after = [node.revision(region) for region in regions]
    assert (before[0] == after[0], before[1] == after[1]) == (True, False)


OUTSIDE = {
    "a path": lambda folder: write_set(folder, (NAMES[0], f"../outside/{NAMES[1]}")),
    "a link": lambda folder: (
        (write_set(folder) / NAMES[1]).unlink() or (folder / NAMES[1]).symlink_to(folder.parent / "outside" / NAMES[1])
    ),
    "a pipe": lambda folder: (write_set(folder) / NAMES[1]).unlink() or os.mkfifo(folder / NAMES[1]),
}


@pytest.mark.parametrize("make", OUTSIDE.values(), ids=OUTSIDE)
def test_files_out_of_the_fence_are_missing(tmp_path: Path, make) -> None:
    write_set(tmp_path / "outside")
    make(tmp_path / "served")
    node = array(open_directory(tmp_path / "served").children["set_C0"])
    np.testing.assert_array_equal(node.read((slice(0, 1), slice(0, 3), slice(0, 60), slice(0, 70))), DATA[:1])
    with pytest.raises(Damaged, match="missing beside this one"):
        whole(node)


def test_one_file_of_a_set_that_is_damaged_harms_its_planes_alone(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / NAMES[1]).write_bytes(b"no TIFF file")
    node = array(open_directory(tmp_path).children["set_C0"])
    np.testing.assert_array_equal(node.read((slice(0, 1), slice(0, 3), slice(0, 60), slice(0, 70))), DATA[:1])
    with pytest.raises(Damaged, match="page 3 of the series is missing"):
        whole(node)


BAD = {
    "no XML": "<OME><Image></OME>",
    "no sizes": '<OME><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT"/></Image></OME>',
    "no number": PIXELS.format("").replace('SizeZ="3"', 'SizeZ="three"').join(["<OME>", ""]),
    "an unknown axis": PIXELS.format("").replace("XYZCT", "XYQCT").join(["<OME>", ""]),
}


@pytest.mark.parametrize("xml", BAD.values(), ids=BAD)
def test_bad_ome_xml_leaves_the_file_readable(tmp_path: Path, xml: str) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", DATA[0, 0], metadata=None, description=xml.encode())
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        assert file.is_ome
    node = array(open_tiff(tmp_path / "a.ome.tif"))
    np.testing.assert_array_equal(whole(node), DATA[0, 0])
    assert node.attributes["tiled_zarr"]["ome_xml"].startswith("it cannot be read")


def test_a_part_becomes_the_image_when_the_first_file_has_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if it was refused so long after its last change that the refusal is remembered."""
    monkeypatch.setattr(folders, "COARSEST_CLOCK", -1)
    group = open_directory(write_set(tmp_path))
    for _ in range(2):
        with pytest.raises(Unavailable, match="a part of"):
            group.children["set_C1"]
    (tmp_path / NAMES[0]).rename(tmp_path / "away")
    assert array(group.children["set_C1"]).shape == DATA.shape
    (tmp_path / "away").rename(tmp_path / NAMES[0])
    with pytest.raises(Unavailable, match="a part of"):
        group.children["set_C1"]
