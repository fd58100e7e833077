"""Folders of numbered files, beside what Tiled's own walker and client make of them."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.directory.frames import write
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.adapters.directory.formats import Formats
from tiled_zarr.adapters.directory.sequences import Rule
from tiled_zarr.nodes import Array, Group

RANDOM = np.random.default_rng(20261127)
GREY = RANDOM.integers(0, 2**16, (12, 20, 30)).astype("<u2")
COLOURS = RANDOM.integers(0, 256, (12, 20, 30, 3)).astype("u1")
PAGES = RANDOM.integers(0, 256, (12, 4, 20, 30)).astype("u1")
FLOATS = RANDOM.random((12, 5, 7))


@contextmanager
def registered(folder: Path) -> Iterator[Any]:
    """A client of Tiled's server, in which its walker has registered a folder."""
    from tiled.catalog import in_memory
    from tiled.client import Context, from_context
    from tiled.client.register import register
    from tiled.server.app import build_app

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Tiled's own, of the libraries that it uses
        with Context.from_app(build_app(in_memory(readable_storage=[str(folder)]))) as context:
            client = from_context(context)
            asyncio.run(register(client, folder))
            yield client


def ours(folder: Path, rule: Rule) -> dict[str, np.ndarray[Any, Any]]:
    """All arrays of a folder by name, as we read them."""
    group = open_directory(folder, formats=Formats(sequences=rule))
    assert isinstance(group, Group)
    nodes = {name: group.children[name] for name in group.children}
    return {name: node.read(tuple(slice(0, size) for size in node.shape)) for name, node in nodes.items() if isinstance(node, Array)}


def theirs(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The same, as Tiled's client reads them."""
    with registered(folder) as client:
        return {name: client[name].read() for name in client}


def assert_equal(mine: dict[str, np.ndarray[Any, Any]], truth: dict[str, np.ndarray[Any, Any]]) -> None:
    assert sorted(mine) == sorted(truth)
    for name, values in truth.items():
        assert (mine[name].shape, mine[name].dtype) == (values.shape, values.dtype), name
        np.testing.assert_array_equal(mine[name], values, err_msg=name)


def folder_with(folder: Path, **stacks: tuple[str, np.ndarray[Any, Any], dict[str, Any]]) -> Path:
    """A folder with stacks: by prefix the pattern of the rest of the names, the frames, and options."""
    for prefix, (pattern, frames, options) in stacks.items():
        for number, frame in enumerate(frames):
            write(folder / f"{prefix}{pattern.format(number)}", frame, **options)
    return folder


def test_padded_numbers(tmp_path: Path) -> None:
    folder_with(
        tmp_path,
        tiff_=("{:04}.tif", GREY, {}),
        tiffs_=("{:04}.tiff", GREY[:3], {"compression": "zlib"}),
        pages_=("{:04}.tif", PAGES[:3], {"photometric": "minisblack"}),
        colour_=("{:04}.tif", COLOURS[:3], {"photometric": "rgb"}),
        jpeg_=("{:04}.jpg", COLOURS[:3], {}),
        npy_=("{:04}.npy", FLOATS, {}),
    )
    for number, values in enumerate(GREY[:2]):
        write(tmp_path / f"{number:03}.tif", values)
    write(tmp_path / "alone.npy", GREY[0])
    truth = theirs(tmp_path)
    assert {"_unnamed", "tiff_", "alone"} <= truth.keys()
    assert_equal(ours(tmp_path, "numbers"), truth)
    assert_equal(ours(tmp_path, "tiled"), truth)


def test_gaps_and_mixed_suffixes_of_one_format(tmp_path: Path) -> None:
    for number, suffix in ((2, "tif"), (3, "tiff"), (7, "tif"), (9, "tiff")):
        write(tmp_path / f"a{number}.{suffix}", GREY[number])
    truth = theirs(tmp_path)
    assert truth["a"].shape == (4, 20, 30)
    assert_equal(ours(tmp_path, "numbers"), truth)
    assert_equal(ours(tmp_path, "tiled"), truth)


def test_numbers_without_padding_are_in_another_order_unless_tiled_is_asked_for(tmp_path: Path) -> None:
    folder_with(tmp_path, a=("{}.npy", GREY, {}))
    truth = theirs(tmp_path)
    np.testing.assert_array_equal(truth["a"], GREY[[0, 1, 10, 11, *range(2, 10)]])
    assert_equal(ours(tmp_path, "tiled"), truth)
    np.testing.assert_array_equal(ours(tmp_path, "numbers")["a"], GREY)


def test_a_lone_numbered_file_is_a_stack_only_if_tiled_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "a1.tif", GREY[0])
    truth = theirs(tmp_path)
    assert truth["a"].shape == (1, 20, 30)
    assert_equal(ours(tmp_path, "tiled"), truth)
    assert_equal(ours(tmp_path, "numbers"), {"a1": GREY[0]})


def test_a_stack_in_parts(tmp_path: Path) -> None:
    """Slices and blocks of Tiled's client are our regions."""
    folder_with(tmp_path, a=("{:03}.tif", GREY, {}))
    node = open_directory(tmp_path)
    assert isinstance(node, Group)
    stack = node.children["a"]
    assert isinstance(stack, Array)
    with registered(tmp_path) as client:
        array = client["a"]
        assert array.chunks[0] == (1,) * 12
        np.testing.assert_array_equal(stack.read((slice(3, 7), slice(2, 5), slice(0, 30))), array[3:7, 2:5])
        np.testing.assert_array_equal(stack.read((slice(11, 12), slice(0, 20), slice(0, 30))), array.read_block((11, 0, 0)))


@pytest.mark.parametrize("rule", ["numbers", "tiled"])
def test_what_tiled_does_not_serve_we_do(tmp_path: Path, rule: Rule) -> None:
    """PNG, which Tiled has no adapter for, and names that two files share, of which it keeps neither."""
    folder_with(tmp_path, png=("{:03}.png", COLOURS[:3], {}), both=("{:03}.npy", FLOATS[:2], {}))
    write(tmp_path / "both.npy", FLOATS[0])
    assert theirs(tmp_path).keys() == set()
    mine = ours(tmp_path, rule)
    assert sorted(mine) == ["both", "both000", "both001", "png"]
    np.testing.assert_array_equal(mine["png"], COLOURS[:3])
