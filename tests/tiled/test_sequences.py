"""Folders of numbered files, beside what Tiled's own walker and client make of them."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tiled.catalog import in_memory
from tiled.client import Context, from_context
from tiled.client.register import register
from tiled.server.app import build_app

from adapters.directory.frames import Values, write
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.adapters.directory.formats import Formats
from tiled_zarr.adapters.directory.sequences import Rule
from tiled_zarr.nodes import Array, Damaged, Group
from tiled_zarr.testing import whole

RANDOM = np.random.default_rng(20261127)
GREY = RANDOM.integers(0, 2**16, (12, 20, 30)).astype("<u2")
COLOURS = RANDOM.integers(0, 256, (3, 20, 30, 3)).astype("u1")
PAGES = RANDOM.integers(0, 256, (3, 4, 20, 30)).astype("u1")
FLOATS = RANDOM.random((3, 5, 7))


def folders(root: Path) -> None:
    """Folders of every kind: of each case of this module one."""
    padded = root / "padded"
    kinds: dict[str, tuple[str, Values, dict[str, Any]]] = {
        "tiff_": ("{:04}.tif", GREY, {}),
        "tiffs_": ("{:04}.tiff", GREY[:3], {"compression": "zlib"}),
        "pages_": ("{:04}.tif", PAGES, {"photometric": "minisblack"}),
        "colour_": ("{:04}.tif", COLOURS, {"photometric": "rgb"}),
        "jpeg_": ("{:04}.jpg", COLOURS, {}),
        "npy_": ("{:04}.npy", FLOATS, {}),
        "": ("{:03}.tif", GREY[:2], {}),
    }
    for prefix, (pattern, frames, options) in kinds.items():
        for number, frame in enumerate(frames):
            write(padded / f"{prefix}{pattern.format(number)}", frame, **options)
    write(padded / "alone.npy", GREY[0])
    for number, suffix in ((2, "tif"), (3, "tiff"), (7, "tif"), (9, "tiff")):
        write(root / "gaps" / f"a{number}.{suffix}", GREY[number])
    for number, frame in enumerate(GREY):
        write(root / "unpadded" / f"a{number}.npy", frame)
    write(root / "lone" / "a1.tif", GREY[0])
    for number in range(2):
        write(root / "ours" / f"png{number}.png", COLOURS[number])
        write(root / "ours" / f"both{number}.npy", FLOATS[number])
    write(root / "ours" / "both.npy", FLOATS[0])
    write(root / "mixed" / "a1.npy", GREY[0])
    write(root / "mixed" / "a2.tif", GREY[1])
    for number in range(3):
        write(root / "shapes" / f"a{number}.npy", GREY[number][: 20 - number % 2])
    (root / "names").mkdir()
    with h5py.File(root / "names" / "run.1.h5", "w") as file:
        file["x"] = GREY[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the folders of all cases."""
    root = tmp_path_factory.mktemp("sequences")
    folders(root)
    return root


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Any]:
    """A client of Tiled's server, in which its walker has registered the folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Tiled's own, of the libraries that it uses
        with Context.from_app(build_app(in_memory(readable_storage=[str(folder)]))) as context:
            found = from_context(context)
            asyncio.run(register(found, folder))
            yield found


def ours(folder: Path, rule: Rule) -> dict[str, Values]:
    """All arrays of a folder by name, as we read them."""
    group = open_directory(folder, formats=Formats(sequences=rule))
    assert isinstance(group, Group)
    nodes = {name: group.children[name] for name in group.children}
    return {name: whole(node) for name, node in nodes.items() if isinstance(node, Array)}


def theirs(container: Any) -> dict[str, Values]:
    """The same, as Tiled's client reads them."""
    return {name: container[name].read() for name in container}


def assert_equal(mine: dict[str, Values], truth: dict[str, Values]) -> None:
    assert sorted(mine) == sorted(truth)
    for name, values in truth.items():
        assert (mine[name].shape, mine[name].dtype) == (values.shape, values.dtype), name
        np.testing.assert_array_equal(mine[name], values, err_msg=name)


def test_padded_numbers(client: Any, folder: Path) -> None:
    truth = theirs(client["padded"])
    assert {"_unnamed", "tiff_", "alone"} <= truth.keys()
    assert_equal(ours(folder / "padded", "numbers"), truth)
    assert_equal(ours(folder / "padded", "tiled"), truth)


def test_gaps_and_mixed_suffixes_of_one_format(client: Any, folder: Path) -> None:
    truth = theirs(client["gaps"])
    assert truth["a"].shape == (4, 20, 30)
    assert_equal(ours(folder / "gaps", "numbers"), truth)
    assert_equal(ours(folder / "gaps", "tiled"), truth)


def test_numbers_without_padding_are_in_another_order_unless_tiled_is_asked_for(client: Any, folder: Path) -> None:
    truth = theirs(client["unpadded"])
    np.testing.assert_array_equal(truth["a"], GREY[[0, 1, 10, 11, *range(2, 10)]])
    assert_equal(ours(folder / "unpadded", "tiled"), truth)
    np.testing.assert_array_equal(ours(folder / "unpadded", "numbers")["a"], GREY)


def test_a_lone_numbered_file_is_a_stack_only_if_tiled_is_asked_for(client: Any, folder: Path) -> None:
    truth = theirs(client["lone"])
    assert truth["a"].shape == (1, 20, 30)
    assert_equal(ours(folder / "lone", "tiled"), truth)
    assert_equal(ours(folder / "lone", "numbers"), {"a1": GREY[0]})


def test_a_stack_in_parts(client: Any, folder: Path) -> None:
    """Slices and blocks of Tiled's client are our regions."""
    node = open_directory(folder / "padded")
    assert isinstance(node, Group)
    stack, array = node.children["tiff_"], client["padded/tiff_"]
    assert isinstance(stack, Array)
    assert array.chunks[0] == (1,) * 12
    np.testing.assert_array_equal(stack.read((slice(3, 7), slice(2, 5), slice(0, 30))), array[3:7, 2:5])
    np.testing.assert_array_equal(stack.read((slice(11, 12), slice(0, 20), slice(0, 30))), array.read_block((11, 0, 0)))


def test_two_formats_with_one_name(client: Any, folder: Path) -> None:
    """Tiled takes them for one sequence of the first one's format."""
    assert client["mixed/a"].shape == (2, 20, 30)
    with pytest.raises(ValueError, match="pickled"):
        client["mixed/a"][1]
    mine = ours(folder / "mixed", "tiled")
    assert {name: values.tolist() for name, values in mine.items()} == {"a.npy": [GREY[0].tolist()], "a.tif": [GREY[1].tolist()]}


def test_a_frame_of_another_shape(client: Any, folder: Path) -> None:
    """Tiled fails for the whole array, we for the frame."""
    with pytest.raises(ValueError, match="inhomogeneous shape"):
        client["shapes/a"].read()
    node = open_directory(folder / "shapes")
    assert isinstance(node, Group)
    stack = node.children["a"]
    assert isinstance(stack, Array)
    np.testing.assert_array_equal(stack.read((slice(2, 3), slice(0, 20), slice(0, 30)))[0], GREY[2])
    with pytest.raises(Damaged, match=r"'a1\.npy', frame 1 of its stack, is uint16 of the shape \(19, 30\)"):
        whole(stack)


def test_names_with_dots(client: Any, folder: Path) -> None:
    assert list(client["names"]) == ["run"]
    node = open_directory(folder / "names")
    assert isinstance(node, Group)
    assert list(node.children) == ["run.1"]


@pytest.mark.parametrize("rule", ["numbers", "tiled"])
def test_what_tiled_does_not_serve_we_do(client: Any, folder: Path, rule: Rule) -> None:
    """PNG, which Tiled has no adapter for, and names that two files share, of which it keeps neither."""
    assert list(client["ours"]) == []
    mine = ours(folder / "ours", rule)
    assert sorted(mine) == ["both", "both0", "both1", "png"]
    np.testing.assert_array_equal(mine["png"], COLOURS[:2])
