"""Stacks of numbered files: their values, and what happens when a file comes, goes or is bad."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numcodecs
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from adapters.directory.frames import only, stack, write
from asgi import ask
from tiled_zarr.adapters.directory import open_directory, stacked, stacks
from tiled_zarr.adapters.directory.formats import Formats
from tiled_zarr.adapters.files.npy import open_npy
from tiled_zarr.app import create_app
from tiled_zarr.attributes import OURS, now
from tiled_zarr.grid import WHOLE
from tiled_zarr.hierarchy import v2, v3
from tiled_zarr.hierarchy.keyspace import Chunk, KeySpace
from tiled_zarr.nodes import Array, Damaged, Group, Node
from tiled_zarr.resources import Resources
from tiled_zarr.settings import Settings
from tiled_zarr.stores import KeySpaceStore
from tiled_zarr.testing import ReaderContract, Truth, assert_same, reading, whole

RANDOM = np.random.default_rng(20261127)
FRAMES = RANDOM.integers(0, 2**16, (5, 30, 40)).astype("<u2")
COLOURS = RANDOM.integers(0, 256, (3, 30, 40, 3)).astype("u1")
PAGES = RANDOM.integers(0, 256, (3, 4, 30, 40)).astype("u1")
TILES = RANDOM.integers(0, 2**16, (3, 300, 600)).astype("<u2")
FLOATS = RANDOM.random((4, 7))


def read_by_pillow(folder: Path) -> tuple[Node, Truth]:
    """A stack of JPEGs, which lose something when they are written, and what Pillow reads."""
    node, _ = stack(folder, COLOURS, ".jpg")
    return node, {"scan_": np.stack([np.asarray(Image.open(path)) for path in sorted(folder.iterdir())])}


def in_both_orders(folder: Path) -> tuple[Node, Truth]:
    """Frames of different byte order; the first one's is that of the stack."""
    for number, frame in enumerate(FRAMES):
        write(folder / f"a{number}.npy", frame.astype(">u2" if number % 2 else "<u2"))
    return open_directory(folder), {"a": FRAMES}


def compressed_and_not(folder: Path) -> tuple[Node, Truth]:
    """Frames of one kind, cut and compressed in different ways."""
    for number, frame in enumerate(TILES):
        options: dict[str, Any] = {"tile": (128, 128), "compression": "zlib"} if number % 2 else {}
        write(folder / f"a{number}.tif", frame, **options)
    return open_directory(folder), {"a": TILES}


CASES: dict[str, Callable[[Path], tuple[Node, Truth]]] = {
    "npy": lambda folder: stack(folder, FRAMES, ".npy"),
    "npy of one axis": lambda folder: stack(folder, FLOATS, ".npy"),
    "npy of no axis": lambda folder: stack(folder, FLOATS[0], ".npy"),
    "npy without items": lambda folder: stack(folder, np.zeros((3, 0, 4)), ".npy"),
    "npy of records": lambda folder: stack(folder, np.array([[(1, 2.5)], [(3, 4.5)]], [("a", "<i4"), ("b", "<f8")]), ".npy"),
    "tiff": lambda folder: stack(folder, FRAMES, ".tif"),
    "tiff in tiles": lambda folder: stack(folder, TILES, ".tif", tile=(128, 128), compression="zlib"),
    "tiff in big endian": lambda folder: stack(folder, FRAMES.astype(">u2"), ".tif", byteorder=">"),
    "tiff of several pages": lambda folder: stack(folder, PAGES, ".tif", photometric="minisblack"),
    "tiff in colour": lambda folder: stack(folder, COLOURS, ".tif", photometric="rgb"),
    "png": lambda folder: stack(folder, FRAMES, ".png"),
    "png in colour": lambda folder: stack(folder, COLOURS, ".png"),
    "jpeg in colour": read_by_pillow,
    "both byte orders": in_both_orders,
    "compressed and not": compressed_and_not,
}


class TestStack(ReaderContract, cases=CASES): ...


def test_tifffile_reads_the_same(tmp_path: Path) -> None:
    stack(tmp_path, FRAMES, ".tif", compression="zlib")
    assert_same(whole(only(tmp_path)), tifffile.imread(sorted(map(str, tmp_path.iterdir()))), "all")


def test_a_chunk_is_one_frame_or_a_part_of_it_at_any_length(tmp_path: Path) -> None:
    """The grid does not depend on how many frames there are."""
    shapes = []
    for count in (1, 2, 5):
        for name, frames in {"small": FRAMES, "large": TILES[:2].repeat(3, 0)}.items():
            for number, frame in enumerate(frames[:count]):
                write(tmp_path / f"{name}_{number}.npy", frame)
        node = open_directory(tmp_path)
        keys = KeySpace(node, v3)
        chunks = {name: keys.resolve(f"{name}_/c/0/0/0") for name in ("small", "large")}
        shapes.append({name: chunk.grid.chunk_shape for name, chunk in chunks.items() if isinstance(chunk, Chunk)})
    assert FRAMES[0].nbytes < WHOLE < TILES[0].nbytes
    assert shapes == [{"small": (1, 30, 40), "large": (1, 512, 512)}] * 3
    assert only(tmp_path, "small_").maxshape == (None, 30, 40)


def test_dimension_names(tmp_path: Path) -> None:
    for name, frames in {"grey": FRAMES, "colour": COLOURS}.items():
        for number, frame in enumerate(frames):
            write(tmp_path / f"{name}{number}.tif", frame)
            write(tmp_path / f"{name}{number}.npy", frame)
    assert only(tmp_path, "grey.tif").dimension_names == ("frame", "y", "x")
    assert only(tmp_path, "colour.tif").dimension_names == ("frame", "y", "x", "s")
    assert only(tmp_path, "grey.npy").dimension_names == ("frame", None, None)


def test_attributes_say_what_holds_for_all_frames(tmp_path: Path) -> None:
    for number in (2, 3, 7):
        tifffile.imwrite(
            tmp_path / f"a{number:02}.tif",
            COLOURS[0],
            photometric="rgb",
            resolution=(1e4, 1e4),
            resolutionunit="CENTIMETER",
            description="the first of 3",
            metadata=None,
        )
    attributes = now(only(tmp_path, "a").attributes)
    assert attributes["physical_size"] == {"y": 1.0, "x": 1.0, "unit": "µm"}
    assert attributes[OURS]["photometric"] == "rgb"
    assert attributes[OURS]["sequence"] == {"files": 3, "first": "a02.tif", "last": "a07.tif", "missing_numbers": 3}
    assert "description" not in attributes


def test_opening_reads_the_headers_of_two_files(tmp_path: Path) -> None:
    stack(tmp_path, np.zeros((20, 100, 100)), ".npy")
    names = [path.name for path in sorted(tmp_path.iterdir())]
    opened = []

    def noting(path: Path, resources: Resources | None = None) -> Node:
        opened.append(path.name)
        return open_npy(path, resources)

    with reading() as nbytes:
        group = open_directory(tmp_path, formats=Formats(by_suffix={".npy": noting}))
        assert isinstance(group, Group)
        assert isinstance(group.children["scan_"], Array)
        assert nbytes() < 10_000
    assert opened == names[:2]


ALIKE: dict[str, tuple[list[tuple[int, ...]], bool]] = {
    "two that differ": ([(3, 4), (3, 5)], False),
    "all differ": ([(3, 4), (3, 5), (4, 4), (2, 2)], False),
    "the first differs": ([(3, 4), (3, 5), (3, 5)], False),
    "another one is like the first": ([(3, 4), (3, 5), (4, 4), (3, 4)], True),
    "the second is bad": ([(3, 4), (), (3, 4)], True),
    "all others are bad": ([(3, 4), (), ()], True),
}


@pytest.mark.parametrize("name", ALIKE)
def test_files_without_another_one_like_the_first_are_no_stack(tmp_path: Path, name: str) -> None:
    """`figure1.png` and `figure2.png` of different sizes, or `int8.npy` and `int16.npy`."""
    shapes, is_stack = ALIKE[name]
    for number, shape in enumerate(shapes):
        np.save(tmp_path / f"a{number}.npy", np.full(shape, number))
        if shape == ():
            (tmp_path / f"a{number}.npy").write_bytes(b"garbage")
    group = open_directory(tmp_path)
    assert isinstance(group, Group)
    assert list(group.children) == ["a"]
    node = group.children["a"]
    assert isinstance(node, Array) == is_stack
    if isinstance(node, Group):
        assert list(node.children) == [f"a{number}" for number in range(len(shapes))]
        assert_same(whole(node.children["a1"]), np.full(shapes[1], 1), "a1")  # type: ignore[arg-type]
        assert group.children["a"] is node


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "damaged": (lambda path: path.write_bytes(b"garbage" * 300), "'scan_002.npy' cannot be read as an NPY array"),
    "empty": (lambda path: path.write_bytes(b""), "'scan_002.npy' is empty where an NPY array is expected"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-8]), "'scan_002.npy' ends at byte"),
    "of another shape": (
        lambda path: np.save(path, np.zeros((30, 41), "<u2")),
        r"'scan_002.npy', frame 2 of its stack, is uint16 of the shape \(30, 41\), and 'scan_000.npy' is uint16 of the shape \(30, 40\)",
    ),
    "of another type": (lambda path: np.save(path, FRAMES[2].astype("f4")), r"'scan_002.npy', frame 2 of its stack, is float32"),
    "of objects": (
        lambda path: np.save(path, np.array([{}]), allow_pickle=True),
        "'scan_002.npy', frame 2 of its stack: it holds pickled Python objects",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_frame_fails_alone(tmp_path: Path, name: str) -> None:
    spoil, reason = BAD[name]
    stack(tmp_path, FRAMES, ".npy")
    spoil(tmp_path / "scan_002.npy")
    node = only(tmp_path)
    assert node.shape == FRAMES.shape
    for number in (0, 1, 3, 4):
        assert_same(node.read((slice(number, number + 1), slice(0, 30), slice(0, 40)))[0], FRAMES[number], str(number))
    with pytest.raises(Damaged, match=reason):
        node.read((slice(2, 3), slice(0, 30), slice(0, 40)))
    app = create_app(open_directory(tmp_path), Settings(public=True))  # type: ignore[arg-type]
    assert [ask(app, f"/zarr/v3/scan_/c/{number}/0/0").status for number in range(6)] == [200, 200, 500, 200, 200, 404]
    assert ask(app, "/zarr/v3/scan_/zarr.json").status == 200
    assert ask(app, "/zarr/v3/zarr.json").status == 200


def test_a_bad_first_frame_fails_alone(tmp_path: Path) -> None:
    stack(tmp_path, FRAMES, ".npy")
    (tmp_path / "scan_000.npy").write_bytes(b"garbage")
    node = only(tmp_path)
    assert node.shape == FRAMES.shape
    assert_same(node.read((slice(1, 5), slice(0, 30), slice(0, 40))), FRAMES[1:], "the good ones")
    with pytest.raises(Damaged, match=r"'scan_000\.npy' cannot be read"):
        node.read((slice(0, 1), slice(0, 30), slice(0, 40)))


def test_a_stack_without_a_good_file_says_what_is_wrong_with_the_first(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"scan_{number:03}.npy").write_bytes(b"garbage")
    group = open_directory(tmp_path)
    assert isinstance(group, Group)
    with pytest.raises(Damaged, match=r"'scan_000\.npy' cannot be read"):
        group.children["scan_"]


def test_files_that_are_groups_are_children_of_one(tmp_path: Path) -> None:
    for number in range(3):
        with tifffile.TiffWriter(tmp_path / f"a{number}.tif") as file:
            file.write(FRAMES[number], metadata=None)
            file.write(COLOURS[number], photometric="rgb", metadata=None)
    group = open_directory(tmp_path)
    assert isinstance(group, Group)
    below = group.children["a"]
    assert isinstance(below, Group)
    assert list(below.children) == ["a0", "a1", "a2"]
    series = below.children["a1"]
    assert isinstance(series, Group)
    assert_same(whole(series.children["0"]), FRAMES[1], "a1/0")  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        below.children["a3"]


def test_more_frames_than_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacked, "MOST_FRAMES", 2)
    stack(tmp_path, FRAMES, ".tif", compression="zlib")
    node = only(tmp_path)
    for _ in range(2):
        assert_same(whole(node), FRAMES, "all")


def test_a_set_of_ome_tiff_files_is_its_image(tmp_path: Path) -> None:
    """Its files are planes of one image, whatever their suffix."""
    uuids = [f"urn:uuid:00000000-0000-0000-0000-00000000000{number}" for number in range(2)]
    planes = "".join(
        f'<TiffData FirstC="{c}" FirstZ="0" FirstT="0" IFD="0" PlaneCount="1"><UUID FileName="set_C{c}.tif">{uuids[c]}</UUID></TiffData>'
        for c in range(2)
    )
    for number in range(2):
        xml = (
            f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuids[number]}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="40" SizeY="30" SizeZ="1" SizeC="2" '
            f'SizeT="1"><Channel ID="Channel:0:0"/><Channel ID="Channel:0:1"/>{planes}</Pixels></Image></OME>'
        )
        tifffile.imwrite(tmp_path / f"set_C{number}.tif", FRAMES[number], description=xml, metadata=None)
    assert_same(whole(only(tmp_path, "set_C")), FRAMES[:2], "the image")


@pytest.mark.parametrize("format_", [v2, v3])
def test_zarr_python_reads_the_stack_and_its_levels(tmp_path: Path, format_: ModuleType) -> None:
    for number, frame in enumerate(TILES):
        write(tmp_path / f"a{number}.tif", frame)
    root = open_directory(tmp_path)
    array = zarr.open_group(KeySpaceStore(KeySpace(root, format_)), mode="r")["a"]
    assert isinstance(array, zarr.Array)
    assert_same(np.asarray(array[:]), TILES, "the stack")
    app = create_app(root, Settings(public=True))  # type: ignore[arg-type]
    codecs = json.loads(ask(app, "/ome-zarr/0.5/a/0/zarr.json").body)["codecs"]
    assert [codec["name"] for codec in codecs] == ["bytes", "blosc"]
    tile = np.frombuffer(numcodecs.blosc.decompress(ask(app, "/ome-zarr/0.5/a/1/c/2/0/0").body), "<u2")
    edge = math.isqrt(tile.size)
    mean = TILES[2].reshape(150, 2, 300, 2).mean((1, 3))
    assert np.abs(tile.reshape(edge, edge)[:150, :300] - mean[:edge, :edge]).max() <= 1


def test_a_name_that_is_no_unicode(tmp_path: Path) -> None:
    for number in range(2):
        np.save(os.fsdecode(os.fsencode(tmp_path) + f"/b{number}".encode()), FRAMES[number])
        os.rename(tmp_path / f"b{number}.npy", os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9%d.npy" % number))  # noqa: PTH104
    group = open_directory(tmp_path)
    assert isinstance(group, Group)
    [name] = group.children
    node = group.children[name]
    assert isinstance(node, Array)
    assert_same(whole(node), FRAMES[:2], "both")
    assert node.revision() is not None


def test_clients_read_stacks_of_different_length_side_by_side(tmp_path: Path) -> None:
    for name, frames in {"a": FRAMES, "b": FRAMES[:3]}.items():
        for number, frame in enumerate(frames):
            write(tmp_path / f"{name}{number}.tif", frame)
    app = create_app(open_directory(tmp_path), Settings(public=True))  # type: ignore[arg-type]
    documents = [ask(app, f"/zarr/v3/{name}/zarr.json").body for name in "ab"]
    assert all(b'"dimension_names":["frame' in document for document in documents)
    assert documents[0].partition(b"dimension_names")[2][:20] != documents[1].partition(b"dimension_names")[2][:20]


@pytest.mark.parametrize("most", [stacks.MOST_SEEN, 2])
def test_pyramids_thumbnails_and_the_viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """With a revision of the whole, and without."""
    monkeypatch.setattr(stacks, "MOST_SEEN", most)
    frames = RANDOM.integers(0, 2**16, (3, 600, 700)).astype("<u2")
    stack(tmp_path, frames, ".tif", tile=(256, 256))
    app = create_app(open_directory(tmp_path), Settings(public=True))  # type: ignore[arg-type]
    document = ask(app, "/ome-zarr/0.5/scan_/zarr.json")
    assert document.status == 200
    assert [axis in document.body for axis in (b'"name":"t"', b'"name":"y"', b'"name":"x"')] == [True] * 3
    assert ask(app, "/ome-zarr/0.5/scan_/0/c/2/1/1").status == 200
    assert ask(app, "/ome-zarr/0.5/scan_/1/c/2/0/0").status == 200
    assert ask(app, "/thumbnail/scan_.png").status == 200
    assert ask(app, "/view/scan_").status == 200
