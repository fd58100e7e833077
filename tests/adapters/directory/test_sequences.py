"""Which numbered files of a folder are one stack, under which name, and in which order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from adapters.directory.frames import settle, write
from tiled_zarr.adapters.directory import open_directory
from tiled_zarr.adapters.directory.formats import Formats
from tiled_zarr.adapters.directory.sequences import Rule
from tiled_zarr.nodes import Array, Group, Node

VALUES = np.arange(6, dtype="<u2").reshape(2, 3)
SUFFIXES = (".npy", ".tif", ".tiff", ".png", ".jpg", ".jpeg")


def folder_of(folder: Path, *names: str) -> Path:
    """A folder with an array in each of these files; the values say which."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(("/", ".h5")):
            (folder / name).touch()
        else:
            write(folder / name, VALUES + 10 * number)
    return folder


def served(folder: Path, rule: Rule = "numbers") -> Group:
    """The group of a folder."""
    node = open_directory(folder, formats=Formats(sequences=rule))
    assert isinstance(node, Group)
    return node


def firsts(node: Node) -> list[int]:
    """The number of the file behind each frame, as its first value says it."""
    assert isinstance(node, Array)
    return [int(value) // 10 for value in node.read((slice(0, node.shape[0]), slice(0, 1), slice(0, 1))).ravel()]


LISTED: dict[str, tuple[tuple[str, ...], dict[Rule, list[str]]]] = {
    "two": (("scan_1.npy", "scan_2.npy"), {"numbers": ["scan_"], "tiled": ["scan_"], "none": ["scan_1", "scan_2"]}),
    "one alone": (("scan_1.npy",), {"numbers": ["scan_1"], "tiled": ["scan_"], "none": ["scan_1"]}),
    "other files between": (
        ("a_1.npy", "a_b.npy", "a_2.npy", "b.npy"),
        {"numbers": ["a_", "a_b", "b"], "tiled": ["a_", "a_b", "b"], "none": ["a_1", "a_2", "a_b", "b"]},
    ),
    "digits alone": (("1.npy", "2.npy"), {"numbers": ["_unnamed"], "tiled": ["_unnamed"], "none": ["1", "2"]}),
    "two suffixes of one format": (("a1.tif", "a2.tiff"), {"numbers": ["a"], "tiled": ["a"], "none": ["a1", "a2"]}),
    "suffixes in capitals": (("a1.TIF", "a2.Tif"), {"numbers": ["a"], "tiled": ["a"], "none": ["a1", "a2"]}),
    "two formats": (
        ("a1.npy", "a2.npy", "a1.tif", "a2.tif"),
        {"numbers": ["a.npy", "a.tif"], "tiled": ["a.npy", "a.tif"], "none": ["a1.npy", "a1.tif", "a2.npy", "a2.tif"]},
    ),
    "two formats, one of them alone": (("a1.npy", "a2.npy", "a3.tif"), {"numbers": ["a", "a3"], "tiled": ["a.npy", "a.tif"]}),
    "a folder of that name": (("a/x.npy", "a1.npy", "a2.npy"), {"numbers": ["a", "a.npy"], "tiled": ["a", "a.npy"]}),
    "a file of that name": (("a.h5", "a1.npy", "a2.npy"), {"numbers": ["a", "a.npy"]}),
    "a file of both names": (("a.npy", "a1.npy", "a2.npy"), {"numbers": ["a", "a1", "a2"], "tiled": ["a", "a1", "a2"]}),
    "OME-TIFF": (("a1.ome.tif", "a2.ome.tif"), {"numbers": ["a1", "a2"], "tiled": ["a1", "a2"]}),
    "OME-TIFF beside a name like it": (
        ("a.ome1.tif", "a1.ome.tif", "a.ome2.tif", "a2.ome.tif"),
        {"numbers": ["a.ome", "a1", "a2"], "tiled": ["a.ome", "a1", "a2"]},
    ),
    "formats without frames": (("a1.h5", "a2.h5"), {"numbers": ["a1", "a2"], "tiled": ["a1", "a2"]}),
    "numbers in the middle": (("a1b.npy", "a2b.npy"), {"numbers": ["a1b", "a2b"]}),
    "dots before the numbers": (("a.1.npy", "a.2.npy"), {"numbers": ["a."], "none": ["a.1", "a.2"]}),
    "digits of other scripts": (("a\u0661.npy", "a\u0662.npy"), {"numbers": ["a\u0661", "a\u0662"]}),
    "hidden": ((".a1.npy", ".a2.npy"), {"numbers": [], "tiled": []}),
}


@pytest.mark.parametrize(
    ("rule", "names", "expected"),
    [
        pytest.param(rule, names, expected, id=f"{name}, {rule}")
        for name, (names, rules) in LISTED.items()
        for rule, expected in rules.items()
    ],
)
def test_what_is_listed(tmp_path: Path, rule: Rule, names: tuple[str, ...], expected: list[str]) -> None:
    group = served(folder_of(tmp_path, *names), rule)
    assert list(group.children) == expected
    assert len(group.children) == len(expected)
    assert all(name in group.children for name in expected)


def test_the_order_is_that_of_the_numbers(tmp_path: Path) -> None:
    folder_of(tmp_path, *(f"a{number}.npy" for number in range(12)))
    assert firsts(served(tmp_path).children["a"]) == list(range(12))


def test_the_order_of_names_if_tiled_is_asked_for(tmp_path: Path) -> None:
    folder_of(tmp_path, *(f"a{number}.npy" for number in range(12)))
    assert firsts(served(tmp_path, "tiled").children["a"]) == [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]


def test_equal_numbers_are_in_the_order_of_names(tmp_path: Path) -> None:
    folder_of(tmp_path, "a01.npy", "a1.npy", "a001.npy", "a0.npy")
    assert firsts(served(tmp_path).children["a"]) == [3, 2, 0, 1]


def test_a_number_longer_than_any_integer_of_64_bits(tmp_path: Path) -> None:
    folder_of(tmp_path, f"a{10**99}.npy", "a2.npy")
    assert firsts(served(tmp_path).children["a"]) == [1, 0]


def test_frames_and_lone_files_have_both_names(tmp_path: Path) -> None:
    """An address stays the same when a scan writes its second frame."""
    folder_of(tmp_path, "scan_1.npy")
    group = served(tmp_path)
    assert firsts(group.children["scan_"]) == [0]
    folder_of(tmp_path, "scan_1.npy", "scan_2.npy")
    assert list(group.children) == ["scan_"]
    assert firsts(group.children["scan_"]) == [0, 1]
    second = group.children["scan_2"]
    assert isinstance(second, Array)
    np.testing.assert_array_equal(second.read((slice(0, 2), slice(0, 3))), VALUES + 10)
    assert "scan_2" not in group.children
    with pytest.raises(KeyError):
        group.children["scan_3"]


def test_the_name_that_two_stacks_share_says_what_to_ask_for(tmp_path: Path) -> None:
    group = served(folder_of(tmp_path, "a1.npy", "a2.npy", "a1.tif", "a2.tif"))
    with pytest.raises(LookupError, match=r"'a' is the stem of several files; ask for one of a\.npy, a\.tif") as caught:
        group.children["a"]
    assert not isinstance(caught.value, KeyError)


def test_links_that_are_not_followed_are_no_frames(tmp_path: Path) -> None:
    folder_of(tmp_path / "in", "a1.npy", "a2.npy", "b.npy")
    folder_of(tmp_path, "out.npy")
    (tmp_path / "in" / "a3.npy").symlink_to("b.npy")
    (tmp_path / "in" / "a4.npy").symlink_to(tmp_path / "out.npy")
    (tmp_path / "in" / "a5.npy").symlink_to("nowhere")
    group = served(tmp_path / "in")
    assert list(group.children) == ["a", "b"]
    assert firsts(group.children["a"]) == [0, 1, 2]
    assert set(group.unavailable()) == {"a4", "a5"}


def test_folders_and_stores_with_numbers_are_no_frames(tmp_path: Path) -> None:
    (tmp_path / "a1").mkdir()
    (tmp_path / "a2.npy").mkdir()
    zarr.create_array(tmp_path / "a3.zarr", data=VALUES)
    assert list(served(folder_of(tmp_path, "a4.npy")).children) == ["a1", "a2.npy", "a3", "a4"]


def test_the_same_names_in_several_folders_are_several_stacks(tmp_path: Path) -> None:
    folder_of(tmp_path, *(f"{folder}/a{number}.npy" for folder in ("x", "y") for number in range(2)))
    group = served(tmp_path)
    found = {name: group.children[name] for name in group.children}
    assert {name: list(below.children) for name, below in found.items() if isinstance(below, Group)} == {"x": ["a"], "y": ["a"]}


def test_looking_is_done_once(tmp_path: Path) -> None:
    group = served(settle(folder_of(tmp_path, "a1.npy", "a2.npy")))
    assert group.children["a"] is group.children["a"]
