"""The options of `tiled serve directory` for files: suffixes, adapters, functions and walkers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from adapters.directory.frames import write
from tiled_zarr.nodes import Array, Group, Node
from tiled_zarr.settings import Settings, SettingsError, files, from_environment
from tiled_zarr.tree import plant

VALUES = np.arange(12, dtype="<u2").reshape(3, 4)
MODULE = '''
import dataclasses
from pathlib import Path

import numpy
from tiled.adapters.npy import NPYSequenceAdapter
from tiled.client.register import create_node_or_drop_collision
from tiled.structures.data_source import Asset, DataSource, Management
from tiled.utils import ensure_uri
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.mapping import MapAdapter
from tiled.utils import path_from_uri


class Text(ArrayAdapter):
    """Numbers in a file of text, and how often one was opened."""

    @classmethod
    def from_uris(cls, data_uri, **kwargs):
        return cls.from_array(numpy.loadtxt(path_from_uri(data_uri)), metadata={"by": "Text"})


class Tree(MapAdapter):
    @classmethod
    def from_uris(cls, data_uri, **kwargs):
        return cls({"inner": ArrayAdapter.from_array(numpy.loadtxt(path_from_uri(data_uri)))})


class Nothing:
    pass


def by_content(path, mimetype):
    if path.name == "bad.dat":
        raise RuntimeError("no idea")
    if path.suffix == ".npy":
        return None
    if path.suffix == ".dat":
        return {b"1": "text/x-numbers", b"II": "image/tiff", b"zz": "audio/x-none"}.get(path.read_bytes()[:2].strip())
    return mimetype


async def pairs(node, path, files, directories, settings):
    """A walker: `NAME_left.npy` and `NAME_right.npy` are one array of the type Pair."""
    found = {}
    for file in files:
        found.setdefault(file.name.partition("_")[0], []).append(file)
    for name, both in found.items():
        adapter = Pair.from_uris(*map(ensure_uri, sorted(both)))
        assets = [Asset(data_uri=ensure_uri(file), is_directory=False, parameter="data_uris", num=i) for i, file in enumerate(sorted(both))]
        source = DataSource(
            structure_family=adapter.structure_family, mimetype="multipart/related;type=pair",
            structure=dataclasses.asdict(adapter.structure()),
            parameters={}, management=Management.external, assets=assets)
        await create_node_or_drop_collision(
            node, key=name, structure_family=adapter.structure_family, metadata={"files": len(both)}, specs=[], data_sources=[source])
    return [], directories


class Pair(NPYSequenceAdapter):
    pass


async def failing(node, path, files, directories, settings):
    raise RuntimeError("no idea what to do")


def strict(path, mimetype):
    assert isinstance(path, Path)
    return {".one": "text/x-one"}.get(path.suffix, mimetype)


number = 5
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module with adapters and functions, in a folder that Python searches."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "of_a_user.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(folder))
    yield "of_a_user"
    sys.modules.pop("of_a_user", None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of files with suffixes of their own."""
    folder = tmp_path / "data"
    folder.mkdir()
    write(folder / "photo.tif", VALUES).rename(folder / "photo.foo")
    with h5py.File(folder / "cells.cells", "w") as file:
        file["x"] = VALUES
    np.savetxt(folder / "numbers.txt", VALUES)
    return folder


def served(folder: Path, **options: Any) -> Group:
    """The tree of a folder with options, as text."""
    return plant(from_environment({}, {}, {"DIRECTORY": str(folder), **options})).root


def in_file(folder: Path, **options: Any) -> Settings:
    """The settings of a file with the same options, as YAML has them."""
    import yaml

    path = folder.parent / "settings.yml"
    path.write_text(yaml.safe_dump({"trees": [{"directory": str(folder), **options}]}))
    return files.read(path)


def whole(node: Node) -> Any:
    assert isinstance(node, Array)
    return node.read(tuple(slice(0, size) for size in node.shape))


def test_suffixes(folder: Path) -> None:
    """A mimetype as in Tiled, or one of our formats."""
    assert list(served(folder).children) == []
    root = served(folder, ext=".foo=image/tiff\n.cells=hdf5")
    assert list(root.children) == ["cells", "photo"]
    np.testing.assert_array_equal(whole(root.children["photo"]), VALUES)
    assert (
        in_file(folder, ext={".foo": "image/tiff", "cells": "hdf5"}).trees[0].files
        == from_environment({}, {}, {"DIRECTORY": str(folder), "ext": ".foo=image/tiff\n.cells=hdf5"}).trees[0].files
    )


@pytest.mark.parametrize("target", ["image/tiff", "tiff", "tif", ".tif", "TIFF"])
def test_spellings_of_a_format(folder: Path, target: str) -> None:
    np.testing.assert_array_equal(whole(served(folder, ext=f".foo={target}").children["photo"]), VALUES)


def test_an_adapter_of_tiled(folder: Path, module: str) -> None:
    root = served(folder, ext=".txt=text/x-numbers", adapter=f"text/x-numbers={module}:Text")
    node = root.children["numbers"]
    np.testing.assert_array_equal(whole(node), VALUES.astype("f8"))
    assert node.attributes["by"] == "Text"
    by_file = plant(in_file(folder, ext={".txt": "text/x-numbers"}, adapter={"text/x-numbers": f"{module}:Text"})).root
    np.testing.assert_array_equal(whole(by_file.children["numbers"]), VALUES.astype("f8"))


def test_an_adapter_with_a_tree(folder: Path, module: str) -> None:
    below = served(folder, ext=".txt=text/x-numbers", adapter=f"text/x-numbers={module}:Tree").children["numbers"]
    assert isinstance(below, Group)
    np.testing.assert_array_equal(whole(below.children["inner"]), VALUES.astype("f8"))


def test_an_adapter_in_place_of_ours(folder: Path, module: str) -> None:
    """For all suffixes that mean its mimetype, without --ext, also for longer ones of ours."""
    for name in ("table.csv", "image.ome.tif", "photo.tiff"):
        np.savetxt(folder / name, VALUES)
    root = served(folder, adapter=f"text/csv={module}:Text\nimage/tiff={module}:Text")
    assert [root.children[name].attributes["by"] for name in root.children] == ["Text"] * 3


def test_an_adapter_for_the_frames_of_a_stack(folder: Path, module: str) -> None:
    for number in range(3):
        np.savetxt(folder / f"frame_{number}.npy", VALUES + number)
    node = served(folder, adapter=f"application/x-npy={module}:Text").children["frame_"]
    np.testing.assert_array_equal(whole(node), np.stack([VALUES + number for number in range(3)]).astype("f8"))
    assert node.revision() is None


def test_a_mimetype_that_only_tiled_opens(folder: Path) -> None:
    np.savetxt(folder / "numbers.grid", VALUES, delimiter=",", fmt="%d")
    node = served(folder, ext=".grid=text/csv;header=absent").children["numbers"]
    np.testing.assert_array_equal(whole(node), VALUES)


def test_a_file_that_the_adapter_cannot_read_fails_alone(folder: Path, module: str) -> None:
    (folder / "bad.txt").write_text("no numbers")
    root = served(folder, ext=".txt=text/x-numbers", adapter=f"text/x-numbers={module}:Text")
    with pytest.raises(OSError, match=r"'bad\.txt' cannot be read as a file for of_a_user:Text"):
        root.children["bad"]
    np.testing.assert_array_equal(whole(root.children["numbers"]), VALUES.astype("f8"))


def test_a_file_that_is_rewritten_is_opened_again(folder: Path, module: str) -> None:
    root = served(folder, ext=".txt=text/x-numbers", adapter=f"text/x-numbers={module}:Text")
    assert root.children["numbers"].revision() is None
    whole(root.children["numbers"])
    np.savetxt(folder / "numbers.txt", VALUES + 100)
    np.testing.assert_array_equal(whole(root.children["numbers"]), VALUES + 100.0)


def test_a_function_that_looks_at_files(folder: Path, module: str) -> None:
    np.savetxt(folder / "a.dat", VALUES, fmt="%d ")
    (folder / "a.dat").write_bytes(b"1 2 3\n4 5 6\n")
    write(folder / "b.tif", VALUES).rename(folder / "b.dat")
    np.save(folder / "hidden.npy", VALUES)
    write(folder / "kept.tif", VALUES)
    (folder / "unknown.dat").write_bytes(b"??")
    (folder / "sound.dat").write_bytes(b"zz")
    (folder / "bad.dat").write_bytes(b"??")
    root = served(folder, mimetype_hook=f"{module}:by_content", adapter=f"text/x-numbers={module}:Text")
    assert list(root.children) == ["a", "b", "kept"]
    np.testing.assert_array_equal(whole(root.children["a"]), [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(whole(root.children["b"]), VALUES)
    assert root.unavailable() == {"bad.dat": "the function for mimetypes failed: RuntimeError: no idea"}


def test_the_function_is_given_the_mimetype_of_the_suffix(folder: Path, module: str) -> None:
    (folder / "x.one").write_text("1 2")
    root = served(folder, ext=".foo=image/tiff", mimetype_hook=f"{module}:strict", adapter=f"text/x-one={module}:Text")
    assert list(root.children) == ["photo", "x"]


@pytest.mark.parametrize(
    ("walker", "listed"),
    {
        "tiled.client.register:one_node_per_item": ["a1", "a2", "b1"],
        "tiled.client.register:group_image_sequences": ["a", "b"],
        "tiled.client.register:group_image_sequences\ntiled.client.register:one_node_per_item": ["a", "b"],
    }.items(),
)
def test_walkers(tmp_path: Path, walker: str, listed: list[str]) -> None:
    for name in ("a1", "a2", "b1"):
        write(tmp_path / "data" / f"{name}.tif", VALUES)
    assert list(served(tmp_path / "data", walker=walker).children) == listed
    assert list(plant(in_file(tmp_path / "data", walker=walker.splitlines())).root.children) == listed


def test_a_walker_of_the_users_own(tmp_path: Path, module: str) -> None:
    """It writes to a catalog of Tiled's, which is then served; its adapter class reads the arrays."""
    for name in ("a", "b"):
        for number, side in enumerate(("left", "right")):
            write(tmp_path / "data" / f"{name}_{side}.npy", VALUES + number)
    options = {"walker": f"{module}:pairs", "adapter": f"multipart/related;type=pair={module}:Pair"}
    tree = plant(from_environment({}, {}, {"DIRECTORY": str(tmp_path / "data"), **options}))
    assert list(tree.root.children) == ["a", "b"]
    node = tree.root.children["b"]
    np.testing.assert_array_equal(whole(node), np.stack([VALUES, VALUES + 1]))
    assert node.attributes["files"] == 2
    for task in tree.tasks.shutdown:
        asyncio.run(task())


@pytest.mark.parametrize(("sequences", "listed"), {"numbers": ["a", "b1"], "tiled": ["a", "b"], "none": ["a1", "a2", "b1"]}.items())
def test_sequences(tmp_path: Path, sequences: str, listed: list[str]) -> None:
    for name in ("a1", "a2", "b1"):
        write(tmp_path / "data" / f"{name}.tif", VALUES)
    assert list(served(tmp_path / "data", sequences=sequences).children) == listed
    assert list(plant(in_file(tmp_path / "data", sequences=sequences)).root.children) == listed
    assert list(plant(in_file(tmp_path / "data", sequences=False)).root.children) == ["a1", "a2", "b1"]


WRONG = {
    "a suffix without a dot alone": ({"ext": ".=hdf5"}, r"\.=hdf5: a suffix begins with a dot"),
    "no pair": ({"ext": "foo"}, r"--ext: expected \.SUFFIX=MIMETYPE or \.SUFFIX=FORMAT, like .*, got 'foo'"),
    "an unknown format": ({"ext": ".foo=nothing"}, r"\.foo=nothing: nothing opens 'nothing'; known are .*image/tiff.*hdf5"),
    "an unknown mimetype": ({"ext": ".foo=audio/ogg"}, r"\.foo=audio/ogg: nothing opens 'audio/ogg'"),
    "no adapter for a mimetype": ({"adapter": "text/csv"}, r"--adapter: expected MIMETYPE=MODULE:CLASS"),
    "no class": ({"adapter": "text/csv=module"}, r"--adapter: expected MODULE:NAME, got 'module'"),
    "no such module": ({"adapter": "text/csv=no_such_module_here:X"}, r"no_such_module_here:X: there is no module 'no_such_module_here'"),
    "no such class": ({"adapter": "text/csv=of_a_user:X"}, r"of_a_user:X: module 'of_a_user' has no attribute 'X'"),
    "a class that opens nothing": ({"adapter": "text/csv=of_a_user:Nothing"}, r"of_a_user:Nothing has no from_uris\(uri\), by which Tiled"),
    "an adapter for no suffix": ({"adapter": "text/x-numbers=of_a_user:Text"}, r"text/x-numbers: no suffix means this mimetype"),
    "no such function": ({"mimetype_hook": "of_a_user:x"}, r"of_a_user:x: module 'of_a_user' has no attribute 'x'"),
    "no function": ({"mimetype_hook": "of_a_user:number"}, r"of_a_user:number is a int, which cannot be called; give a function"),
    "no such walker": ({"walker": "of_a_user:walk"}, r"of_a_user:walk: module 'of_a_user' has no attribute 'walk'"),
    "no walker": ({"walker": "of_a_user:number"}, r"of_a_user:number is a int, which cannot be called"),
    "a walker that fails": ({"walker": "of_a_user:failing"}, r"of_a_user:failing: RuntimeError: no idea what to do"),
    "an unknown rule": ({"sequences": "some"}, r"--sequences: expected one of numbers, tiled, none, got 'some'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(folder: Path, module: str, name: str) -> None:
    options, message = WRONG[name]
    assert module
    with pytest.raises(SettingsError, match=message):
        served(folder, **options)


def test_only_a_directory_has_files(tmp_path: Path) -> None:
    path = tmp_path / "settings.yml"
    path.write_text("trees: [{demo: true, sequences: none}]")
    with pytest.raises(SettingsError, match=r"sequences: only a directory or a file has files"):
        files.read(path)
